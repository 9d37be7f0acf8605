"""A piece that stands for several commands, or for one beside words that no skill has to do with."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence, Set

from arbiter.routing.arrangement import WHOLE
from arbiter.routing.choice import STOP, Choice, Chooser
from arbiter.routing.clauses import Piece
from arbiter.routing.languages.english import english
from arbiter.routing.patterns import patterns
from arbiter.routing.quantities import extract
from arbiter.routing.text import strip_politeness, words
from arbiter.routing.verbs import base_forms
from arbiter.routing.veto import harmful

_ADDED, _ALONG = patterns("variants", "added along")
LIKELY = 0.4  # score of a command beside a place, from which its amount tells how far it goes


class Variants:
    """Args:
    chooser: Tells what a piece asks for.
    asked: Words of the skills' phrases. utterances: The skills' own, normalised.
    """

    def __init__(self, chooser: Chooser, asked: Set[str], utterances: Set[str]) -> None:
        self._chooser, self._asked, self._utterances = chooser, asked, utterances

    def counted(self, piece: Piece, choice: Choice) -> tuple[Choice, int]:
        """A choice and how often it is to be done, where the words say so and the skill counts nothing: "step back twice"."""
        if turns := self._full_turns(piece, choice):
            return turns
        values = extract(piece.text)[0].values
        far = any(kind == "distance" for kind, *_ in values)
        kinds = ("count", "steps") if far and english().singly.intersection(words(piece.text)) else ("count",)  # "20 cm each"
        counts = [(round(value), said) for kind, value, said in values if kind in kinds and value >= 2]
        takes = {p.name: p for p in self._chooser.skills[choice.call.skill].parameters} if choice.call else {}
        if not counts or choice.call is None or "count" in takes or strip_politeness(piece.text) in self._utterances:
            return choice, 1
        times, said = counts[0]
        stepped = piece.text.startswith("step ") and not far
        rest = piece.text.replace(said, f"{times} steps" if stepped else " ")  # steps are a distance
        once = self._chooser.choose(" ".join(rest.split()), None)
        if once.call is None or once.call.skill != choice.call.skill or rest == piece.text:
            return choice, 1
        if stepped:
            return once, 1
        angle = once.call.parameters.get("angle")
        fits = isinstance(angle, int | float) and angle * times <= takes["angle"].high
        return (choice, 1) if fits else (once, times)

    def _full_turns(self, piece: Piece, choice: Choice) -> tuple[Choice, int] | None:
        """ "Three full turns", of which the skill can do one at a time."""
        values = choice.call.parameters if choice.call else {}
        for kind, value, said in extract(piece.text)[0].values:
            times = round(value / (2.0 * math.pi))
            whole = kind == "angle" and times >= 2 and abs(value - times * 2.0 * math.pi) < 0.1
            if whole and values.get("angle") == 2.0 * math.pi:
                once = self._chooser.choose(piece.text.replace(said, "a full turn"), None)
                if once.call is not None and choice.call is not None and once.call.skill == choice.call.skill:
                    return once, times
        return None

    def trimmed(self, text: str, whole: Choice) -> Choice | None:
        """A command without the words for whom or in what way, which no skill has to do with: "bow to the jury"; where it says
        how far, without a place beside its way: "two metres ahead past the lettuce".

        Args:
            whole: What the text comes to as it stands.
        """
        match = _ALONG.search(text)
        far = match is not None and whole.score >= LIKELY and not harmful(text) and self._measured(text[: match.start()])
        match = match if far else _ADDED.search(text)
        if not match or (not far and self._asked & set(words(match["what"]))):
            return None
        choice = self._chooser.choose(text[: match.start()], None)
        if choice.call is None or choice.score < WHOLE or choice.call.skill == STOP:
            return None
        if not far and any(p.name in ("distance", "angle") for p in self._chooser.skills[choice.call.skill].parameters):
            return None  # where to it goes and what it turns to is no mere addition
        return self._noted(choice, match[0].strip())

    @staticmethod
    def _measured(text: str) -> bool:
        return bool({kind for kind, *_ in extract(text)[0].values} & {"distance", "angle", "steps"})

    @staticmethod
    def _noted(choice: Choice, said: str) -> Choice:
        """A choice that tells of words that it does not use."""
        return dataclasses.replace(choice, reason="; ".join([*filter(None, [choice.reason]), f'"{said}" was not used']))

    def unadorned(self, text: str, manners: Sequence[str]) -> Choice | None:
        """A command without the words that tell how, which no skill can do: "stand up with dignity"."""
        for manner in manners:
            bare = " ".join(text.replace(manner, " ").split())
            deeds = {base for word in words(manner) for base in base_forms(word)}
            another = deeds & (self._chooser.strange | english().other_verbs)  # "turn right by jumping"
            if bare == text or extract(manner)[0].pace or harmful(manner) or another:
                continue
            choice = self._chooser.choose(bare, None)
            if choice.call is not None and choice.score >= WHOLE and choice.call.skill != STOP:
                return self._noted(choice, manner)
        return None
