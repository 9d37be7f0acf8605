"""Judges a gesture by the simulation's true state, with the criteria of the skills (`skills.criteria`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from arbiter.errors import ConfigError
from arbiter.robot import RobotModel
from arbiter.skill import Verification
from arbiter.types import frozen
from deploy.drivers.simulated.truth import Truth
from skills import criteria
from skills.criteria import CROUCH_DROP, FALLEN_TILT, REST_ANGLE, walk
from skills.recordings import Trajectory
from skills.rotations import rotations
from training.pi0.data.instructions import TaskInstruction
from training.pi0.data.upper_body import UpperBody


def trajectory(truths: Sequence[Truth], model: RobotModel, body: UpperBody) -> Trajectory:
    """The run as a trajectory, from the true state of each tick."""
    pos = np.array([one.base_pos for one in truths])
    rotation = rotations(np.array([one.base_quat for one in truths]))
    joint_pos = np.array([one.joint_pos for one in truths])
    shape = model.body
    if shape is None:
        raise ConfigError(f"robot {model.name}: its shape is not known; load it from its folder")

    def local(points: np.ndarray) -> np.ndarray:
        return np.einsum("tji,t...j->t...i", rotation, points)

    hands = np.array([one.hands for one in truths]) - pos[:, None]
    balls = {colour: local(np.array([one.balls[colour] for one in truths]) - pos) for colour in truths[0].balls}
    return Trajectory(
        time=frozen([one.time for one in truths]),
        joint_pos=frozen(joint_pos),
        joint_vel=frozen([one.joint_vel for one in truths]),
        hands=frozen(local(hands)),
        forearms=frozen([body.forearms(q) for q in joint_pos]),
        # The base's x axis sinks by sin(pitch).
        pitch=frozen(np.arcsin(np.clip(-rotation[:, 2, 0], -1.0, 1.0))),
        tilt=frozen(np.arccos(np.clip(rotation[:, 2, 2], -1.0, 1.0))),
        height=frozen([one.torso_height for one in truths]),
        place=frozen(pos[:, :2]),
        yaw=frozen(np.unwrap([one.yaw for one in truths])),
        balls={c: frozen(b) for c, b in balls.items()},
        arm_rest=model.default,
        arms=model.groups["arms"],
        standing=shape.standing,
        shoulders=shape.shoulders,
        head=shape.head,
    )


def fell(run: Trajectory) -> bool:
    """Whether the robot fell over."""
    return bool(np.any(run.tilt > FALLEN_TILT))


CRITERIA = {
    "wave_right": lambda run, one: criteria.wave(run, "right"),
    "wave_left": lambda run, one: criteria.wave(run, "left"),
    "raise_arms": lambda run, one: criteria.raise_arms(run),
    "lower_arms": lambda run, one: criteria.lower_arms(run),
    "bow": lambda run, one: criteria.bow(run),
    "sit_down": lambda run, one: criteria.sit_down(run),
    "stand_up": lambda run, one: criteria.stand_up(run),
    "point_at": lambda run, one: criteria.point_at(run, one.target),
    "touch_ball": lambda run, one: criteria.touch_ball(run, one.target),
}


def misplaced(run: Trajectory, instruction: TaskInstruction) -> str:
    """Why a run's start posture makes its instruction meaningless, such as standing up while already upright; "" if it fits."""
    if instruction.skill == "stand_up":
        drop = run.standing - float(run.height[0])
        return "" if drop >= CROUCH_DROP else f"it did not begin in a crouch: {100 * drop:.1f} cm below standing"
    if instruction.skill == "lower_arms":
        away = float(np.abs(run.joint_pos - run.arm_rest)[0, run.arms].max())
        return "" if away > REST_ANGLE else f"it did not begin with the arms up: {away:.2f} rad from rest"
    return ""


def has_criterion(instruction: TaskInstruction) -> bool:
    """Whether `judge` can tell."""
    return instruction.velocity is not None or instruction.skill in CRITERIA


def judge(run: Trajectory, instruction: TaskInstruction) -> Verification:
    """Whether `run` did what `instruction` asks for. A fall fails everything."""
    if (down := criteria.fallen(run)) is not None:
        return down
    if instruction.velocity is not None:
        return walk(run, instruction.velocity)
    return CRITERIA[instruction.skill](run, instruction)
