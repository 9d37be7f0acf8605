"""Which of the skills that a class of phrases stands for is meant: by the side, the direction or the angle that is said."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from arbiter.routing.opposites import Opposites, side_of
from arbiter.routing.parameters import takes
from arbiter.routing.quantities import extract
from arbiter.routing.scorer import Scored, Scorer
from arbiter.routing.text import words
from arbiter.skill import Skill

DEGREES = 15  # number without a unit beside a side from which it is an angle
SURE = 0.85  # share from which the head may contradict a direction word
SIDELESS = 0.5  # cosine to a phrase without a side from which a command may leave its side out
TIE = 0.6  # next candidate's score over the best one's from which the two are told to be ambiguous


class Members:
    """Args:
    skills: By name.
    scorer: Has their phrases.
    pairs: Skills that are opposites.
    """

    def __init__(self, skills: Mapping[str, Skill], scorer: Scorer, pairs: tuple[Opposites, ...]) -> None:
        self._skills, self._scorer, self._pairs = skills, scorer, pairs

    def named(self, text: str, clause: str, scored: Scored) -> tuple[str, str]:
        """The skill that is meant, of those that the class or its opposite stands for; or "" and why none is."""
        members = self._scorer.skills_of(scored.best)
        said = extract(text)[0].sides
        if "*" in scored.best:
            return self._of_sides(members, said, clause, scored.best)
        name = members[0]
        if pair := next((pair for pair in self._pairs if name in pair.names), None):
            name = self._of_opposites(pair.names, pair.cue(words(clause)), scored)
            if not name:
                return "", f"ambiguous between {pair.names[0]} and {pair.names[1]}: say which way"
        side = side_of(name)
        if side and said and side not in said:
            return "", f"{name} is for the {side}; no skill does this to the {said[0]}"
        return name, ""

    def turned(self, name: str, text: str) -> str:
        """ "Go left ninety degrees": an angle makes it the skill of the same side that has one."""
        values = extract(text)[0].values
        said = {"angle" if kind == "number" and value >= DEGREES else kind for kind, value, _ in values}  # "right 90"
        if "angle" not in said or "distance" in said or not side_of(name) or takes(self._skills[name], "angle"):
            return name
        return next((n for n, skill in self._skills.items() if side_of(n) == side_of(name) and takes(skill, "angle")), name)

    def by_angle(self, text: str) -> str:
        """ "Ninety degrees left": the skill of that side that takes an angle; "" where no angle is said."""
        said = extract(text)[0]
        turns = (n for n in self._skills if side_of(n) in said.sides and takes(self._skills[n], "angle"))
        angle = any(kind == "angle" or (kind == "number" and value >= DEGREES) for kind, value, _ in said.values)
        return next(turns, "") if angle and len(said.sides) == 1 else ""

    def _of_opposites(self, names: tuple[str, str], cue: str, scored: Scored) -> str:
        p = [scored.probability.get(self._scorer.class_of[name], 0.0) for name in names]
        learned = names[int(p[1] > p[0])]
        share = max(p) / max(sum(p), 1e-9)
        if cue and cue != learned:
            return "" if share > SURE else cue
        return learned if cue or share > TIE else ""

    def _of_sides(self, members: list[str], said: tuple[str, ...], clause: str, label: str) -> tuple[str, str]:
        if len(said) == 1:
            name = next((name for name in members if side_of(name) == said[0]), "")
            return (name, "") if name else ("", f"no skill is loaded that does {label.replace('*', said[0])}")
        if said:
            return "", f"names both sides; {' or '.join(members)}?"
        rows = self._scorer.members[label]
        sideless = ~self._scorer.sided[rows]
        if sideless.any():
            similarity = np.where(sideless, self._scorer.matrix[rows] @ self._scorer.vectors([clause])[0], -1.0)
            owner = self._scorer.owners[rows.start + int(similarity.argmax())]
            if similarity.max() >= SIDELESS and owner in members:
                return owner, ""
        return "", f"which side? {' or '.join(members)}"
