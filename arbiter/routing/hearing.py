"""Sound-alikes: a word that no phrase of a skill has, and that sounds like one of them, is taken as that one.

"Torn left" is a turn, "walk foreword too metres" a walk of 2 m. A clause is heard again only if it is refused as it stands, or
has a word that no skill's phrase has. Every word must then be of one skill's phrases, the new ones beside words that they stand
beside there, and the score must leave no doubt.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Set
from itertools import pairwise, product
from typing import NamedTuple

from arbiter.routing.choice import STOP, Choice, Chooser
from arbiter.routing.classifier import NONE
from arbiter.routing.corpus import canonical
from arbiter.routing.features import terms
from arbiter.routing.languages.english import english
from arbiter.routing.mending import distance
from arbiter.routing.numerals import NUMBER_WORDS
from arbiter.routing.opposites import SIDES
from arbiter.routing.quantities import COLOURS, extract, mirrored
from arbiter.routing.sounds import sound
from arbiter.routing.text import words
from arbiter.rules import Rule

SURE = 0.9  # score from which a clause as it may have been meant is taken
MOST = 2  # words of a clause that may be misheard, and ways of hearing it that are scored
ALONE = 4  # letters of a clause of one word that may be misheard: "oya" is no "away"
JOINED = 5  # letters of two words that may be one
FITTED = 12  # that are looked at at all
_HEARD_AGAIN = frozenset((Rule.SCORE, Rule.OPPOSITES, Rule.IDIOM, Rule.VERB, Rule.PART, Rule.SIDE, Rule.COVERAGE, Rule.CLAUSES))
_UNITS = r"(?:steps|paces|times|degrees|(?:centi)?met(?:er|re)s?|feet|inches|seconds|minutes)"
_BEFORE_UNIT = re.compile(rf"\b(?P<said>(?:(?P<first>[a-z]+) )?(?P<last>[a-z]+)) (?={_UNITS}\b)")
_NO_NUMBERS = frozenset("a an at in on by of or and more few some many side".split())
_COMMON = english().structure | NUMBER_WORDS | frozenset((*SIDES, *COLOURS))


def with_numbers(text: str) -> tuple[str, list[str]]:
    """A clause in which what sounds like a number before a unit is one ("too steps"), and what was taken for what."""
    taken: list[str] = []

    def read(found: re.Match[str]) -> str:
        if text.startswith(("seconds", "minutes"), found.end()) and found["last"] in ("to", "for"):
            return found[0]  # "for seconds" may be said as it stands
        for said in (found["said"], found["last"]):
            number = "" if {*said.split()} & (_NO_NUMBERS | NUMBER_WORDS) else _number(said.replace(" ", ""))
            if number:
                taken.append(f'"{said}" taken as "{number}"')
                return f"{found['said'].removesuffix(said)}{number} "
        return found[0]

    return _BEFORE_UNIT.sub(read, text), taken


def _number(word: str) -> str:
    key = sound(word)
    return _NUMBERS.get(key, "") or (_NUMBERS.get("0" + key[1:], "") if key[:1] in ("t", "f") else "")


_NUMBERS = {sound(word): word for word in sorted(NUMBER_WORDS, key=len)}


class Heard(NamedTuple):
    """A clause as it may have been meant; less is nearer to what was said.

    Attributes:
        words, letters: How many are others. text: With other words. changes: What was said, and what it is taken for.
        label: The class of whose phrases all words are.
    """

    words: int
    letters: int
    text: str
    changes: tuple[tuple[str, str], ...]
    label: str


class Hearing:
    """Args:
    chooser: Judges a clause, and knows the phrases.
    """

    def __init__(self, chooser: Chooser) -> None:
        scorer = chooser.scorer
        self._chooser, self._scorer = chooser, scorer
        own = {label: found for label, found in scorer.words.items() if label not in (NONE, STOP)}
        sides = frozenset(SIDES)
        self._known = {label: found | (_COMMON if sides & found else _COMMON - sides) for label, found in own.items()}
        self._sounding: dict[str, set[str]] = {}
        for word in filter(str.isalpha, frozenset(SIDES).union(*own.values())):
            self._sounding.setdefault(sound(word), set()).add(word)
        self._phrases: dict[str, str] = {}  # of a class, one behind the other

    def choose(self, text: str, before: Choice | None) -> Choice:
        """What a clause asks for, as it stands or as it may have been meant. See Chooser.choose."""
        text, taken = with_numbers(text)
        choice = self._chooser.choose(text, before)
        if self._doubtful(text, choice):
            least = max(SURE, choice.score if choice.call else 0.0)
            for heard in self._heard(text):
                other = self._chooser.choose(heard.text, before)
                if other.call is not None and other.call.skill != STOP and other.score >= least:
                    changed = [f'"{old}" taken as "{new}"' for old, new in heard.changes if new != old.replace(" ", "")]
                    return _told(other, [*taken, *changed])
        return _told(choice, taken) if choice.call else choice

    def _doubtful(self, text: str, choice: Choice) -> bool:
        if choice.call is None:
            return choice.rule in _HEARD_AGAIN
        if choice.call.skill == STOP or choice.call.skill not in self._scorer.class_of:
            return False
        own = self._scorer.words.get(self._scorer.class_of[choice.call.skill], frozenset())
        return choice.score < SURE or any(word not in own and word not in _COMMON for word in words(extract(text)[1]))

    def _heard(self, text: str) -> list[Heard]:
        """Ways in which all words of a clause are of one skill's phrases, and have their neighbours there; the nearest first."""
        said = words(extract(text)[1])
        if len(said) == 1 and len(said[0]) < ALONE:
            return []
        alike = {word: self._sounding.get(sound(word), frozenset()) - {word} for word in said}
        alike |= {f"{a} {b}": self._sounding.get(sound(a + b), frozenset()) for a, b in pairwise(said)}
        if not any(alike.values()):
            return []
        found = []
        for label, known in self._known.items():
            for changes in _changes(said, known, alike):
                meant = text
                for old, new in changes:
                    meant = re.sub(rf"(?<![\w']){re.escape(old)}(?![\w'])", new, meant)
                found.append(Heard(len(changes), sum(distance(*change) for change in changes), meant, changes, label))
        clause = canonical(text)
        return list({heard.text: heard for heard in sorted(found)[:FITTED] if self._fits(heard, clause)}.values())[:MOST]

    def _fits(self, heard: Heard, said: str) -> bool:
        """Whether each new word stands beside one of its neighbours in a phrase of the skill, and the old one beside none of
        them in a refused phrase."""
        clause = canonical(heard.text)
        if any(all(self._stands(pair, NONE) for pair in _around(said, old)) for old, _ in heard.changes):
            return False
        return self._scorer.knows(clause) or all(
            any(self._stands(pair, heard.label) for pair in _around(clause, mirrored(new))) for _, new in heard.changes
        )

    def _stands(self, pair: str, label: str) -> bool:
        """Whether two words are neighbours in a phrase of a class; ^ and $ are the ends of a phrase."""
        if label not in self._phrases:
            texts = self._scorer.texts[self._scorer.members[label]] if label in self._scorer.members else ()
            self._phrases[label] = f" ^ {' $ ^ '.join(texts)} $ "
        return f" {pair} " in self._phrases[label]


def _around(clause: str, word: str) -> list[str]:
    """The pairs of neighbours that a word (or the last of two) is one of; of a lone word, the ends of the clause count."""
    pairs = [pair for pair in terms(clause) if " " in pair and word.split()[-1] in pair.split()]
    return [pair for pair in pairs if not {"^", "$"} & {*pair.split()}] or pairs


def _changes(said: list[str], known: frozenset[str], alike: Mapping[str, Set[str]]) -> Iterator[tuple[tuple[str, str], ...]]:
    """Each way of changing what is not known into what is: one word into another, or two into one."""
    strange = [word for word in dict.fromkeys(said) if word not in known and not word.isdigit()]
    for a, b in pairwise(said):
        if len(a + b) >= JOINED and {*strange} & {a, b} and not {*strange} - {a, b}:
            yield from (((f"{a} {b}", new),) for new in alike[f"{a} {b}"] & known)
    if 0 < len(strange) <= MOST and (len(strange) < len(said) or len(said) == 1):
        yield from product(*([(word, new) for new in alike[word] & known] for word in strange))


def _told(choice: Choice, taken: list[str]) -> Choice:
    return dataclasses.replace(choice, reason="; ".join([*taken, choice.reason] if choice.reason else taken)) if taken else choice
