"""Where skills come from: built in, installed packages (entry points in group `arbiter.skills`), local files.

A broken one is reported by name and left out; it never stops the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from arbiter.errors import SkillError
from arbiter.plugins import PATIENCE, in_time, offered, sources
from arbiter.robot import RobotModel
from arbiter.skill import Skill
from arbiter.wall import walled
from skills import builtin_skills
from skills.contract import require

GROUP = "arbiter.skills"


@dataclass(slots=True)
class SkillSet:
    """What was found.

    Attributes:
        skills: By name.
        foreign: Names of those from outside; they get a thread of their own.
        problems: One line for each that was left out.
        broken: Of them those that are files: what is wrong, by file.
        robot: That they are for; None: any.
        unfit: Why skills are left out that the robot is not made for, by name.
    """

    skills: dict[str, Skill] = field(default_factory=dict)
    foreign: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    broken: dict[Path, str] = field(default_factory=dict)
    robot: RobotModel | None = None
    unfit: dict[str, str] = field(default_factory=dict)

    def add(self, found: Iterable[object], where: str, foreign: bool) -> None:
        """Takes skills that keep their contract; those that the robot is not made for are left out by name."""
        for item in found:
            skill = item() if isinstance(item, type) else item
            why = self._unfit(skill)
            if why:
                self.unfit[skill.name] = why
                continue
            require(skill, where, self.robot)
            if skill.name in self.skills:
                raise SkillError(f"skill {skill.name!r} from {where}: the name is taken; choose another")
            self.skills[skill.name] = skill
            if foreign:
                self.foreign.add(skill.name)

    def _unfit(self, skill: object) -> str:
        if self.robot is None or not isinstance(skill, Skill):
            return ""
        why, error = walled(skill.unfit, self.robot)
        return error or str(why or "")


def load_skills(
    files: Sequence[Path] = (), *, use_entry_points: bool = True, patience: float = PATIENCE, robot: RobotModel | None = None
) -> SkillSet:
    """All skills of a run.

    Args:
        files: Python files of the user's own.
        robot: That they are for; what it is not made for is left out. None: any.
        use_entry_points: Look for installed packages, too.
        patience: How long each plug-in may take to load [s].
    """
    found = SkillSet(robot=robot)
    found.add(builtin_skills(), "the built-in skills", foreign=False)
    for source in sources(GROUP, files, use_entry_points):
        _, error = in_time(lambda source=source: found.add(_skills(source.load()), source.where, foreign=True), patience)
        if error:
            found.problems.append(f"{source.where} left out: {error}")
        if error and source.file is not None:
            found.broken[source.file] = error
    return found


def _skills(loaded: object) -> list[object]:
    found = offered(loaded, Skill)
    if not found:
        raise SkillError("holds no subclass of arbiter.skill.Skill that has a name")
    return found
