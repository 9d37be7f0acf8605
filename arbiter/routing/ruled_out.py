"""What the words rule out: the skills that they forbid, the side that they leave, what nothing uses."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence, Set

from arbiter.routing.arrangement import rejected
from arbiter.routing.choice import STOP, Chooser
from arbiter.routing.classifier import NONE
from arbiter.routing.clauses import without_negation
from arbiter.routing.followups import lexicon
from arbiter.routing.languages.english import english
from arbiter.routing.opposites import side_of
from arbiter.routing.quantities import extract
from arbiter.routing.skill_words import stem
from arbiter.routing.text import words
from arbiter.routing.verbs import base_forms
from arbiter.rules import Rule
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
        scorer = self._chooser.scorer
        for clause in map(without_negation, ruled_out):
            said = words(clause)
            meant = {name for name in self._skills if len(said) == 1 and name.split("_")[0] in base_forms(said[0])}
            if said and (call := self._chooser.choose(clause, None).call):
                meant |= {*scorer.skills_of(scorer.class_of[call.skill])}
            sides = extract(clause)[0].sides
            found |= {name for name in meant if not sides or side_of(name) in ("", *sides)}
        return tuple(sorted(found - {STOP}))

    def applied(self, route: Route, ruled_out: Sequence[str]) -> Route:
        """An accepted plan with what its words rule out: a side or a direction that they leave open becomes the one that is left
        ("turn, only not to the left"); without what it can't do without ("without moving your arms"), it is refused."""
        steps = []
        for step in route.steps if route.outcome == "accepted" else ():
            allowed = [self._allowed(call, ruled_out) for call in step]
            if clause := next((said for said in allowed if isinstance(said, str)), ""):
                return rejected(route.text, f'"{clause}" rules out a part of what is asked for', Rule.NEGATION, clause)
            steps.append(tuple(call for call in allowed if isinstance(call, SkillCall)))
        return dataclasses.replace(route, steps=tuple(steps)) if steps else route

    def _allowed(self, call: SkillCall, ruled_out: Sequence[str]) -> SkillCall | str:
        """A call that keeps clear of what is ruled out, or the clause that it can't keep clear of."""
        said, last = extract(call.phrase)[0], ""
        excluded: set[str] = set()
        for clause in ruled_out:
            ways = extract(clause)[0]
            here, parts = {*ways.sides, *ways.directions}, self._named(call, clause)
            if parts is None:
                continue
            if parts and not (here and side_of(call.skill)):
                return clause
            excluded, last = excluded | here, clause
        if side_of(call.skill) in excluded and not said.sides:
            alike = self._chooser.scorer.skills_of(self._chooser.scorer.class_of[call.skill])
            left = [name for name in alike if side_of(name) not in excluded]
            return dataclasses.replace(call, skill=left[0]) if left else last
        for p in self._skills[call.skill].parameters:
            if call.parameters.get(p.name) in excluded and not (said.sides or said.directions):
                open_to = [choice for choice in p.choices if choice not in excluded]
                moved = {**call.parameters, p.name: open_to[0]} if len(open_to) == 1 else None
                return dataclasses.replace(call, parameters=moved) if moved else last
        return call

    def _named(self, call: SkillCall, clause: str) -> Set[str] | None:
        """Parts of the body that a clause names beside a way, and that the call moves; None where it says anything else."""
        language = english()
        bare = (
            language.structure | language.bare_side | language.limits | language.exclusive | lexicon().light | lexicon().fillers
        )
        mine = {stem(word) for word in words(call.phrase)}
        moved = self._chooser.moved(call.skill) | {stem(self._skills[call.skill].joints)}
        told = [{*base_forms(word), stem(word)} for word in words(clause) if not extract(word)[0].directions]
        found = moved & set().union(*told)
        return found if all(forms & {*bare, *mine, *found} for forms in told) else None

    def unread(self, ruled_out: Sequence[str]) -> tuple[str, ...]:
        """Clauses that say "without" what no skill does, "without using your hands", or rule out in words that none has."""
        if not ruled_out:
            return ()
        known, scorer = english().structure | english().limits, self._chooser.scorer
        known = known.union(*(said for label, said in scorer.words.items() if label != NONE))
        beside = (clause for clause in ruled_out if clause.startswith("without ") or not known.issuperset(words(clause)))
        return tuple(clause for clause in beside if not self.forbidden((clause,)))
