"""Pieces beside a command that ask for nothing: whom it is said to, what it is for, what else is thought of it."""

from __future__ import annotations

from collections.abc import Set

from arbiter.routing.choice import Choice, Chooser
from arbiter.routing.classifier import NONE
from arbiter.routing.clauses import Piece
from arbiter.routing.corpus import canonical
from arbiter.routing.languages.english import english
from arbiter.routing.numerals import NUMBER_WORDS
from arbiter.routing.patterns import patterns
from arbiter.routing.quantities import extract
from arbiter.routing.skill_words import ANY, contents
from arbiter.routing.text import words
from arbiter.routing.veto import first_words
from arbiter.rules import Rule

(_KEPT,) = patterns("asides", "kept")
NAMES = 3  # words of an addressee: "good sir knight"
UNLIKE = 0.15  # score below which words are like nothing that a skill does


class Asides:
    """Args:
    chooser: Tells what a piece asks for.
    asked: Words of the skills' phrases.
    """

    def __init__(self, chooser: Chooser, asked: Set[str]) -> None:
        self._chooser, self._asked, language, scorer = chooser, asked, english(), chooser.scorer
        self._changing = language.limits | language.exclusive
        self._named = ANY | {"the"}  # before a deed: "a handstand", "the splits"
        opens = language.function | language.prepositions | language.determiners | NUMBER_WORDS
        self._opens = opens - language.goals - language.paths
        begun = (first_words(scorer.texts[rows]) for label, rows in scorer.members.items() if label != NONE)
        self._deeds = frozenset().union(*begun) | chooser.strange

    def adds(self, text: str) -> bool:
        """Whether words are no command but an addition to the one before: what follows a preposition, and no skill's phrase."""
        said = text.split()
        if said[0] not in english().prepositions - english().goals or len(said) == 1 or extract(text)[0].values:
            return False
        return not (self._chooser.owner(text) or self._chooser.scorer.knows(canonical(text)))

    def keeps_heading(self, piece: Piece, before: Choice) -> bool:
        """Whether a piece only asks to face on to where a walk does not turn from: "step left, keep facing me"."""
        match, ways = _KEPT.match(piece.text), extract(piece.text)[0]
        if before.call is None or not match or not (match["keep"] or piece.joint == "while") or set(ways.directions) - {"ahead"}:
            return False
        takes = {parameter.name for parameter in self._chooser.skills[before.call.skill].parameters}
        aimed = self._chooser.choose(piece.text, None).call
        return "distance" in takes - {"angle"} and not (aimed and self._chooser.skills[aimed.skill].sees)

    def __call__(self, text: str, choice: Choice) -> bool:
        """Whether a piece that `choice` refuses is but a name or two, "sit down, cadet", or has no verb: "one for each guest"."""
        said, found = words(text), extract(text)[0]
        if choice.call is not None or choice.rule not in (Rule.SCORE, Rule.COVERAGE):
            return False
        counted = said[0].isdecimal() or said[0] in NUMBER_WORDS - {"one"}
        if counted and not english().structure.issuperset(said[1:]):
            return False  # "ten star jumps", and not "three things"
        if self._asked.isdisjoint(said):
            return len(said) <= NAMES and self._deeds.isdisjoint(said)
        told = any(value != 1.0 for _, value, _ in found.values) or found.sides or found.colours
        if choice.score >= UNLIKE or told or self._changing.intersection(said):
            return False
        if found.directions or said[0] in self._named or said[-1] in english().prepositions:  # "your jacket off"
            return False
        deeds = any(item.word in self._deeds and item.phrase < 0 for item in contents(said))
        named = len(said) <= NAMES or said[0] in self._opens
        return set(said) <= english().structure | english().endearments or (named and not deeds)

    def between(self, text: str, before: Choice, after: str) -> bool:
        """Whether an aside stands between a command and another of its kind, which it may take back: "left, silly me, right"."""
        following = self._chooser.choose(after, None)
        if before.call is None or following.call is None or set(words(text)) <= english().structure | english().endearments:
            return False
        names = {before.call.skill, following.call.skill}
        if len(names) == 1 and before.call.parameters == following.call.parameters:
            return False
        alike = len({self._chooser.scorer.class_of[name] for name in names}) == 1
        return alike or any(names == set(pair.names) for pair in self._chooser.pairs)
