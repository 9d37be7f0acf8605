"""What each piece of an instruction came to -> a plan: which calls run one after the other, and which at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from arbiter.routing.choice import STOP, Choice, Chooser, defaults
from arbiter.routing.clauses import Piece
from arbiter.routing.languages.english import english
from arbiter.routing.parameters import takes
from arbiter.routing.quantities import extract
from arbiter.routing.text import MAX_CHARACTERS, words
from arbiter.rules import Rule
from arbiter.skill import Route, Skill, SkillCall

WHOLE = 0.8  # score that several pieces need to be taken as one command


def rejected(
    text: str, reason: str, rule: Rule | None, said: str = "", score: float = float("nan"), margin: float = float("nan")
) -> Route:
    """A refusal; `said` are the words that the rule read."""
    return Route(text, "rejected", reason=reason, score=score, margin=margin, rule=rule, said=said)


def stopped(
    skills: Mapping[str, Skill], text: str, score: float, margin: float, reason: str, rule: Rule, said: str = ""
) -> Route:
    """The route of words that mean stop."""
    call = SkillCall(STOP, defaults(skills, STOP), score, margin, text.strip()[:MAX_CHARACTERS])
    return Route(text, "stopped", ((call,),), reason, score, margin, rule=rule, said=said)


class Arrangement:
    """Arranges calls as steps.

    Args:
        chooser: Knows the skills, and what a whole text asks for.
        groups: Joint masks of the robot by name.
    """

    def __init__(self, chooser: Chooser, groups: Mapping[str, np.ndarray]) -> None:
        self._chooser, self._skills, self._groups = chooser, chooser.skills, groups

    def __call__(self, text: str, choices: Sequence[tuple[Piece, Choice]]) -> Route:
        """Args:
        text: The instruction, for the route.
        choices: What each piece came to, in order.
        """
        steps: list[list[SkillCall]] = []
        notes = [choice.reason for _, choice in choices if choice.reason]
        for piece, choice in choices:
            if (call := choice.call) is None:
                continue  # a refusal: whoever chose has left it out
            if steps and piece.joint in ("and", "list") and any(self._same(call, other) for other in steps[-1]):
                if call.phrase != steps[-1][-1].phrase:
                    continue  # said in other words; "bow, and bow" are two
            if steps and piece.joint in ("and", "list") and self._details(call, steps[-1][-1]):
                steps[-1][-1] = call  # "stretch out your arm and point left"
                continue
            if steps and piece.joint in ("and", "while"):
                clash = next((other for other in steps[-1] if not self._free(call.skill, other.skill)), None)
                if clash is None and not (piece.joint == "and" and self._after(call.skill, steps[-1])):
                    steps[-1].append(call)
                    continue
                if piece.joint == "while" and clash is not None:
                    whole = self._chooser.choose(text, None)  # "trace a circle as you walk" is one command
                    alike = self._skills[call.skill].policy == self._skills[clash.skill].policy
                    alike = alike and not any({call.skill, clash.skill} == set(pair.names) for pair in self._chooser.pairs)
                    if (
                        alike
                        and len(choices) == 2
                        and whole.call is not None
                        and whole.score >= WHOLE
                        and self._covers(whole.call, choices)
                    ):
                        return Route(text, "accepted", ((whole.call,),), whole.reason, whole.score, whole.margin)
                    reason = f"{clash.skill} and {call.skill} can't run at once: both need the same joints"
                    return rejected(text, reason, Rule.JOINTS, "", choice.score, choice.margin)
            steps.append([call])
        calls = [call for step in steps for call in step]
        return Route(
            text,
            "accepted",
            tuple(map(tuple, steps)),
            "; ".join(notes),
            min(call.score for call in calls),
            min(call.margin for call in calls),
        )

    def _after(self, name: str, before: Sequence[SkillCall]) -> bool:
        """Whether a skill that sees comes after one that does: "go to the ball and touch it"."""
        return self._skills[name].sees and any(self._skills[call.skill].sees for call in before)

    def _covers(self, whole: SkillCall, choices: Sequence[tuple[Piece, Choice]]) -> bool:
        """Whether a skill's phrases have the first word of each piece, and one says no more, "trace a circle as you walk", or all
        come to one skill."""
        said, found = self._chooser.scorer.words[self._chooser.scorer.class_of[whole.skill]], [words(p.text) for p, _ in choices]
        alike = len({choice.call.skill for _, choice in choices if choice.call}) == 1 or min(map(len, found)) == 1
        return alike and all(each[0] in said for each in found)

    def _details(self, call: SkillCall, before: SkillCall) -> bool:
        """Whether a call says again in other words, and in detail, what the one before it asked for."""
        if self._skills[call.skill].sees and len(before.phrase.split()) == 1:
            return takes(self._skills[before.skill], "angle")  # "turn and face the ball"
        again = call.skill == before.skill and call.phrase.split()[0] != before.phrase.split()[0]
        return again and before.parameters == defaults(self._skills, before.skill)

    def _same(self, call: SkillCall, before: SkillCall) -> bool:
        """Whether a call asks for what another one does: "a full circle" behind a clockwise loop leaves its side open."""
        if call.skill != before.skill:
            return False
        said, first = extract(call.phrase)[0], call.phrase.split()[0]
        bare = first in english().determiners | {"one"} and not (said.sides or said.directions or said.colours)
        free = {p.name for p in self._skills[call.skill].parameters if p.choices} if bare else set()
        return all(value == before.parameters[name] for name, value in call.parameters.items() if name not in free)

    def _free(self, a: str, b: str) -> bool:
        """Whether two skills can run at once: their joint groups share no joint."""
        names = [self._skills[name].joints for name in (a, b)]
        mine, theirs = (self._groups.get(name) for name in names)
        if mine is None or theirs is None:  # of no robot in particular: groups of other names are others
            return names[0] != names[1] and "whole_body" not in names
        return not (mine & theirs).any()
