"""A piece that stands for several commands."""

from __future__ import annotations

import math
from collections.abc import Set

from arbiter.routing.choice import Choice, Chooser
from arbiter.routing.clauses import Piece
from arbiter.routing.quantities import extract
from arbiter.routing.text import strip_politeness


class Variants:
    """Args:
    chooser: Tells what a piece asks for.
    asked: Words of the skills' phrases. utterances: The skills' own, normalised.
    """

    def __init__(self, chooser: Chooser, utterances: Set[str]) -> None:
        self._chooser, self._utterances = chooser, utterances

    def counted(self, piece: Piece, choice: Choice) -> tuple[Choice, int]:
        """A choice and how often it is to be done, where the words say so and the skill counts nothing: "step back twice"."""
        if turns := self._full_turns(piece, choice):
            return turns
        counts = [(round(value), said) for kind, value, said in extract(piece.text)[0].values if kind == "count" and value >= 2]
        takes = {p.name: p for p in self._chooser.skills[choice.call.skill].parameters} if choice.call else {}
        if not counts or choice.call is None or "count" in takes or strip_politeness(piece.text) in self._utterances:
            return choice, 1
        times, said = counts[0]
        stepped = piece.text.startswith("step ") and not any(kind == "distance" for kind, *_ in extract(piece.text)[0].values)
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
