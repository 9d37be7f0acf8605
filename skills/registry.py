"""Loads skills: built-in ones, installed packages (entry points in group `arbiter.skills`), local files.

A broken skill is reported by name and left out; the others are loaded.
"""

from __future__ import annotations

import inspect
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from arbiter.errors import SkillError
from arbiter.plugins import PATIENCE, PluginSource, in_time, offered, sources
from arbiter.robot import RobotModel
from arbiter.skill import Skill
from arbiter.tree.build import Names, Spec
from arbiter.tree.subtrees import check_subtrees, runs
from arbiter.wall import walled
from skills import builtin_skills
from skills.contract import require

GROUP = "arbiter.skills"


@dataclass(slots=True)
class SkillSet:
    """The skills of a run.

    Attributes:
        skills: By name.
        foreign: Names of skills of plug-ins; they get a thread of their own.
        problems: One line for each skill that was left out.
        broken: The problems of files, by file.
        files: Files of the skills that come from one, by name.
        robot: The robot that they are for; None: any.
        unfit: Skills that do not fit the robot: the reason, by name.
        trees: Checked trees of the skills that have one, by name.
    """

    skills: dict[str, Skill] = field(default_factory=dict)
    foreign: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    broken: dict[Path, str] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    robot: RobotModel | None = None
    unfit: dict[str, str] = field(default_factory=dict)
    trees: dict[str, Spec] = field(default_factory=dict)

    def made(self, item: Any, where: str) -> Skill:
        """The skill of a class or an instance, its contract checked. Raises SkillError, or any exception of the plug-in."""
        skill = item() if isinstance(item, type) else item
        if self._unfit(skill):
            return skill
        require(skill, where, self.robot)
        return skill if self.robot is None else skill.made_for(self.robot)

    def add(self, skill: Skill, where: str, foreign: bool) -> None:
        """Adds a skill; leaves it out by name if it does not fit the robot. Raises SkillError if its name is taken."""
        if why := self._unfit(skill):
            self.unfit[skill.name] = why
            return
        if skill.name in self.skills:
            raise SkillError(f"skill {skill.name!r} from {where}: the name is taken; choose another")
        self.skills[skill.name] = skill
        if foreign:
            self.foreign.add(skill.name)

    def leave_out(self, source: PluginSource, error: str, line: int | None = None) -> None:
        """Notes what of a source is left out, and why; `line` of its file, where that is known."""
        self.problems.append(f"{source.where}{f':{line}' if line else ''} left out: {error}")
        if source.file is not None:
            error = f"line {line}: {error}" if line else error
            self.broken[source.file] = "; ".join(filter(None, (self.broken.get(source.file), error)))

    def without_policies(self, policies: Mapping[str, str]) -> None:
        """Leaves out skills of policies that this robot does not have; `policies`: the reason, by name."""
        for skill in [skill for skill in self.skills.values() if skill.policy in policies and not skill.tree]:
            del self.skills[skill.name]
            self.unfit[skill.name] = f"the policy {skill.policy} is made for another robot"

    def without_joints(self, drives: Mapping[str, Container[str]]) -> None:
        """Leaves out skills whose policy does not drive their joints; `drives`: joint groups by policy, if known."""
        for skill in list(self.skills.values()):
            if skill.tree or skill.joints in drives.get(skill.policy, (skill.joints,)):
                continue
            del self.skills[skill.name]
            self.unfit[skill.name] = f"the policy {skill.policy} does not drive {skill.joints}"

    def check_trees(self, names: Names) -> dict[str, str]:
        """Checks the trees of the skills that have one. Returns what is wrong, by the names of skills, which are left out.

        A tree that runs what the robot is not made for is not wrong: its skill is left out like that one.
        """
        self.trees, wrong = check_subtrees(self.skills, replace(names, skills=(*names.skills, *self.unfit)))
        for name in wrong:
            del self.skills[name]
        while lost := {name: one for name, spec in self.trees.items() for one in runs(spec) if one in self.unfit}:
            for name, one in lost.items():
                del self.skills[name], self.trees[name]
                self.unfit[name] = f"its tree runs {one}, which is left out"
        return wrong

    def see(self, colours: tuple[str, ...]) -> None:
        """The camera's detector finds balls of these colours."""
        for name, skill in self.skills.items():
            made, error = walled(skill.seeing, colours)
            if isinstance(made, Skill):
                self.skills[name] = made
            else:
                self.problems.append(f"skill {name!r}: seeing(): {error or f'returned {made!r}; a skill is expected'}")

    def left_out(self) -> list[str]:
        """What is left out for this robot, one line for each reason."""
        reasons = dict.fromkeys(self.unfit.values())
        return [
            f"left out: {', '.join(name for name, why in self.unfit.items() if why == reason)} ({reason})" for reason in reasons
        ]

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
        robot: The robot that they are for; skills that do not fit it are left out. None: any.
        use_entry_points: Look for installed packages, too.
        patience: How long each plug-in may take to load [s].
    """
    found = SkillSet(robot=robot)
    for skill in builtin_skills():
        found.add(found.made(skill, "the built-in skills"), "the built-in skills", foreign=False)
    for source in sources(GROUP, files, use_entry_points):
        items, error = in_time(lambda source=source: _skills(source.load()), patience)
        if error:
            found.leave_out(source, error)
        for item in items or ():  # a broken one does not take those beside it with it
            skill, error = in_time(lambda item=item, source=source: found.made(item, source.where), patience)
            if not error:
                _, error = walled(found.add, skill, source.where, True)
            if error:
                found.leave_out(source, error, _line_of(item))
            elif skill is not None and source.file is not None:
                found.files[skill.name] = source.file
    return found


def _line_of(item: object) -> int | None:
    """Line of its file where a skill's class begins; None where Python cannot tell."""
    found, _ = walled(inspect.getsourcelines, item if isinstance(item, type) else type(item))
    return found[1] if found else None


def _skills(loaded: object) -> list[object]:
    found = offered(loaded, Skill)
    if not found:
        raise SkillError("holds no subclass of arbiter.skill.Skill that has a name")
    return found
