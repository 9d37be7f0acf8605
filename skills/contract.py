"""The contract of a skill. Run it against your own:

from skills.contract import check_skill
assert check_skill(MySkill()) == []
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from arbiter.body import Body, Limb
from arbiter.chain import chain
from arbiter.errors import SkillError
from arbiter.execution.caller import ask, begun, measure
from arbiter.robot import RobotModel
from arbiter.skill import Parameter, Progress, RunContext, Skill, StartEnvelope
from arbiter.strict import parse_text
from arbiter.types import RobotState, frozen
from arbiter.wall import walled
from skills import builtin_skills

NAME = re.compile(r"[a-z][a-z0-9_]{1,39}")


ARM = ("shoulder_pitch", "shoulder_roll", "shoulder_yaw", "elbow", "wrist")
LEG = ("hip_roll", "hip_yaw", "hip_pitch", "knee", "ankle_pitch", "ankle_roll")
AXES = {"roll": (1.0, 0.0, 0.0), "yaw": (0.0, 0.0, 1.0), "wrist": (0.0, 0.0, 1.0)}  # of a joint by the end of its name; else y
HEIGHTS = {"shoulder": 1.0, "elbow": 0.75, "wrist": 0.7, "hip": 0.6, "knee": 0.3, "ankle": 0.05}  # [m] by the beginning


def stick_figure() -> RobotModel:
    """A robot of 22 joints, two arms and two legs, 1.2 m tall, on which skills are tried if no other robot is given."""
    joints = [f"{side}_{name}_joint" for part in (ARM, LEG) for side in ("left", "right") for name in part]
    n = len(joints)
    legs = np.arange(n) >= 2 * len(ARM)

    def limb(first: int, names: tuple[str, ...], y: float, points: list) -> Limb:
        axes = [AXES.get(name.rsplit("_", 1)[-1], (0.0, 1.0, 0.0)) for name in names]
        anchors = [(0.0, y, HEIGHTS[name.split("_", 1)[0]]) for name in names]
        return Limb(np.arange(first, first + len(names)), chain(axes, anchors), np.array(points), 0, 3)

    hands = {side: limb(k * len(ARM), ARM, y, [(0.0, y, 0.5)]) for k, (side, y) in enumerate((("left", 0.2), ("right", -0.2)))}
    feet = tuple(
        limb(2 * len(ARM) + k * len(LEG), LEG, y, [(x, y + z, 0.0) for x in (-0.1, 0.1) for z in (-0.03, 0.03)])
        for k, y in enumerate((0.1, -0.1))
    )
    ones, knees = np.ones(n), np.array([2 * len(ARM) + 3, 2 * len(ARM) + len(LEG) + 3])
    signs = np.ones(2)
    torso = np.array((0.0, 0.0, 0.8))
    body = Body(hands, feet, torso, torso, 20.0, 0.8, 1.0, 1.2, 0.5, 0.1, knees - 1, knees, knees + 1, signs, signs, signs)
    return RobotModel(
        name="stick_figure",
        joints=tuple(joints),
        lower=-2.0 * ones,
        upper=2.0 * ones,
        velocity=10.0 * ones,
        acceleration=500.0 * ones,
        effort=10.0 * ones,
        kp=20.0 * ones,
        kd=ones,
        default=0.0 * ones,
        groups={"legs": legs, "arms": ~legs, "whole_body": ones > 0.0},
        body=body,
    )


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


def check_skill(skill: object, robot: RobotModel | None = None, beside: Sequence[Skill] | None = None) -> list[str]:
    """The defects of `skill`, one line each; empty when it keeps the contract and each of its utterances leads to it.

    Args:
        skill: An instance.
        robot: The robot on which it is tried; None: a plain one with two arms and two legs.
        beside: The skills with which it will be loaded; None: the built-in ones.
    """
    if (problems := defects(skill, robot)) or not isinstance(skill, Skill):
        return problems
    from arbiter.routing.reach import unreached  # the encoder takes a part of a second: not for who loads skills only
    from arbiter.routing.router import Router

    others = [other for other in (builtin_skills() if beside is None else beside) if other.name != skill.name]
    return [str(one) for one in unreached(Router([*others, skill]), (skill.name,))]


def defects(skill: object, robot: RobotModel | None = None) -> list[str]:
    """What `check_skill` finds without routing any words."""
    robot = robot or stick_figure()
    if not isinstance(skill, Skill):
        return [f"{type(skill).__name__} is not an arbiter.skill.Skill"]
    problems = []
    if not isinstance(skill.name, str) or not NAME.fullmatch(skill.name):
        problems.append(f"name is {skill.name!r}; lower-case letters, digits and _ are allowed, 2 to 40 of them")
    texts = skill.utterances
    if not isinstance(texts, tuple) or len(texts) < 3 or not all(isinstance(t, str) and t.strip() for t in texts):
        problems.append("utterances is not a tuple of three or more sentences; the router compares instructions with them")
    if not isinstance(skill.joints, str) or skill.joints not in robot.groups:
        problems.append(f"joints is {skill.joints!r}; allowed: {', '.join(robot.groups)}")
    if not isinstance(skill.policy, str) or not skill.policy:
        problems.append(f"policy is {skill.policy!r}; the name of a policy in the tree file is expected")
    if not isinstance(skill.start, StartEnvelope):
        problems.append(f"start is {skill.start!r}; an arbiter.skill.StartEnvelope is expected")
    limit = skill.time_limit
    if not isinstance(limit, int | float) or not math.isfinite(limit) or limit <= 0:
        problems.append(f"time_limit is {limit!r}; a positive number of seconds is expected")
    problems += _tree(skill)
    problems += _parameters(skill)
    return problems or _calls(skill, robot)


def _tree(skill: Skill) -> list[str]:
    """Checks of its own tree only that it can be read; the skills and policies that it names are known in a run only."""
    if not isinstance(skill.tree, str):
        return [f"tree is {skill.tree!r}; the YAML of a tree as text is expected"]
    _, error = walled(parse_text, skill.tree, f"tree of {skill.name}") if skill.tree else (None, "")
    if error:
        return [error]
    return (
        ["parameters: a skill with a tree takes none; its tree sets those of what it runs"]
        if skill.tree and skill.parameters
        else []
    )


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


def _calls(skill: Skill, robot: RobotModel) -> list[str]:
    state = replace(standing_state(robot.n), joint_pos=robot.default)
    run, error = walled(begun, skill, RunContext(robot))
    if run is None:
        return [f"begin(): {error}"]
    for elapsed in (0.0, 0.5, skill.time_limit):
        progress = Progress(elapsed, np.zeros(3), 0.0, default_parameters(skill), 0, state, robot=robot)
        _, error = walled(ask, run, state, progress)
        if error:
            return [f"at {elapsed:g} s: {error}"]
    readings = tuple(replace(state, stamp=0.02 * k) for k in range(50))
    _, error = walled(measure, run, readings, progress)
    return [f"verify() of a robot that stands still: {error}"] if error else []


def require(skill: object, where: str, robot: RobotModel | None = None) -> None:
    """Raises SkillError with every problem."""
    problems = defects(skill, robot)
    if problems:
        name = getattr(skill, "name", "") or type(skill).__name__
        raise SkillError(f"skill {name!r} from {where}: " + "; ".join(problems))
