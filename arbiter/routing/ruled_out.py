"""What the words rule out: the skills that they forbid, the side that they leave, what nothing uses."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence

from arbiter.routing.choice import STOP, Chooser
from arbiter.routing.clauses import without_negation
from arbiter.routing.languages.english import english
from arbiter.routing.opposites import side_of
from arbiter.routing.quantities import extract
from arbiter.routing.text import words
from arbiter.routing.verbs import base_forms
from arbiter.skill import Route, Skill, SkillCall


class RuledOut:
    """Args:
    skills: By name.
    chooser: Tells what a clause would ask for.
    """

    def __init__(self, skills: Mapping[str, Skill], chooser: Chooser) -> None:
        self._skills, self._chooser = skills, chooser

    def forbidden(self, ruled_out: Sequence[str]) -> tuple[str, ...]:
        """Skills that are ruled out: "don't walk" means every way of walking, "don't turn left" one of turning."""
        found: set[str] = set()
        for clause in map(without_negation, ruled_out):
            said = words(clause)
            meant = {name for name in self._skills if len(said) == 1 and name.split("_")[0] in base_forms(said[0])}
            if said and (call := self._chooser.choose(clause, None).call):
                kind = self._chooser.scorer.class_of[call.skill]
                meant |= {call.skill, *(name for name in self._skills if self._chooser.scorer.class_of[name] == kind)}
            sides = extract(clause)[0].sides
            found |= {name for name in meant if not sides or side_of(name) in ("", *sides)}
        return tuple(sorted(found - {STOP}))

    def on_the_other(self, route: Route, ruled_out: Sequence[str]) -> Route:
        """ "Turn, only not to the left": where the words leave the side open, the one that they rule out is the other's."""
        bare = english().structure | english().bare_side | english().limits | english().exclusive
        sides = {side for clause in ruled_out if set(words(clause)) <= bare for side in extract(clause)[0].sides}
        if len(sides) != 1:
            return route
        steps = tuple(tuple(self._moved_over(call, sides) for call in step) for step in route.steps)
        return dataclasses.replace(route, steps=steps)

    def _moved_over(self, call: SkillCall, sides: Collection[str]) -> SkillCall:
        if side_of(call.skill) not in sides or extract(call.phrase)[0].sides:
            return call
        kind = self._chooser.scorer.class_of[call.skill]
        other = (
            name for name in self._skills if self._chooser.scorer.class_of[name] == kind and side_of(name) not in ("", *sides)
        )
        return dataclasses.replace(call, skill=next(other, call.skill))

    def unread(self, ruled_out: Sequence[str]) -> tuple[str, ...]:
        """Clauses that tell how to do without something that no skill does: "without using your hands"."""
        return tuple(clause for clause in ruled_out if clause.startswith("without ") and not self.forbidden((clause,)))
