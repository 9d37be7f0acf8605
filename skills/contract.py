"""What a skill has to keep. Run it against your own:

from skills.contract import check_skill
assert check_skill(MySkill()) == []
"""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np

from arbiter.errors import SkillError
from arbiter.execution.run import ask, measure
from arbiter.skill import Parameter, Progress, Skill, StartEnvelope
from arbiter.types import RobotState, frozen
from arbiter.wall import walled

GROUPS = ("legs", "arms", "whole_body")
NAME = re.compile(r"[a-z][a-z0-9_]{1,39}")


def standing_state(n: int = 22) -> RobotState:
    """A robot that stands still in a plausible posture."""
    zeros = frozen(np.zeros(n))
    return RobotState(
        stamp=0.0,
        joint_pos=zeros,
        joint_vel=zeros,
        base_quat=frozen((1.0, 0.0, 0.0, 0.0)),
        base_ang_vel=frozen(np.zeros(3)),
        joint_age=zeros,
    )


def default_parameters(skill: Skill) -> dict[str, float | str | None]:
    """Parameter values when the words give none."""
    return {parameter.name: parameter.default for parameter in skill.parameters}


def check_skill(skill: object, n: int = 22) -> list[str]:
    """Everything that is wrong with `skill`, one line each; empty when it keeps the contract.

    Args:
        skill: An instance.
        n: Number of joints of the robot.
    """
    if not isinstance(skill, Skill):
        return [f"{type(skill).__name__} is not an arbiter.skill.Skill"]
    problems = []
    if not isinstance(skill.name, str) or not NAME.fullmatch(skill.name):
        problems.append(f"name is {skill.name!r}; lower-case letters, digits and _ are allowed, 2 to 40 of them")
    texts = skill.utterances
    if not isinstance(texts, tuple) or len(texts) < 3 or not all(isinstance(t, str) and t.strip() for t in texts):
        problems.append("utterances is not a tuple of three or more sentences; the router compares instructions with them")
    if skill.joints not in GROUPS:
        problems.append(f"joints is {skill.joints!r}; allowed: {', '.join(GROUPS)}")
    if not isinstance(skill.policy, str) or not skill.policy:
        problems.append(f"policy is {skill.policy!r}; the name of a policy in the tree file is expected")
    if not isinstance(skill.start, StartEnvelope):
        problems.append(f"start is {skill.start!r}; an arbiter.skill.StartEnvelope is expected")
    limit = skill.time_limit
    if not isinstance(limit, int | float) or not math.isfinite(limit) or limit <= 0:
        problems.append(f"time_limit is {limit!r}; a positive number of seconds is expected")
    problems += _parameters(skill)
    return problems or _calls(skill, n)


def _parameters(skill: Skill) -> list[str]:
    problems = []
    if not isinstance(skill.parameters, tuple) or not all(isinstance(p, Parameter) for p in skill.parameters):
        return ["parameters is not a tuple of arbiter.skill.Parameter"]
    names = [p.name for p in skill.parameters]
    problems += [f"parameter {name!r} stands there twice" for name in sorted(set(names)) if names.count(name) > 1]
    for p in skill.parameters:
        if p.choices and p.default is not None and p.default not in p.choices:
            problems.append(f"parameter {p.name}: default {p.default!r} is not among its choices {', '.join(p.choices)}")
        if not p.choices and isinstance(p.default, int | float) and not p.low <= p.default <= p.high:
            problems.append(f"parameter {p.name}: default {p.default:g} is outside {p.low:g} to {p.high:g}")
    return problems


def _calls(skill: Skill, n: int) -> list[str]:
    state = standing_state(n)
    for elapsed in (0.0, 0.5, skill.time_limit):
        progress = Progress(elapsed, np.zeros(3), 0.0, default_parameters(skill), 0, state)
        _, error = walled(ask, skill, state, progress)
        if error:
            return [f"at {elapsed:g} s: {error}"]
    readings = tuple(replace(state, stamp=0.02 * k) for k in range(50))
    _, error = walled(measure, skill, readings, progress)
    return [f"verify() of a robot that stands still: {error}"] if error else []


def require(skill: object, where: str) -> None:
    """Raises SkillError with every problem."""
    problems = check_skill(skill)
    if problems:
        name = getattr(skill, "name", "") or type(skill).__name__
        raise SkillError(f"skill {name!r} from {where}: " + "; ".join(problems))
