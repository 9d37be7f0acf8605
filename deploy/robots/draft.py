"""The first draft of a robot.yaml from a MuJoCo model: the model's values, and guesses marked for the user to replace."""

from __future__ import annotations

import os
import re
from pathlib import Path

import mujoco
import numpy as np

from arbiter.errors import ConfigError
from deploy.robots.mjcf import FREE, HINGE
from deploy.robots.robot_file import PACKAGE, RobotFile
from deploy.robots.roles import limbs

FINGERS = ("index", "middle", "ring", "pinky", "little")  # whole words only: a spring is no ring
WORDS = {  # parts of joint names, by group
    "legs": ("hip", "knee", "ankle", "leg", "thigh", "calf", "shank", "foot"),
    "hands": ("finger", "thumb", "gripper", "palm", *FINGERS),
    "arms": ("shoulder", "elbow", "wrist", "arm", "hand"),
    "waist": ("waist", "torso", "spine", "abdomen", "trunk"),
    "head": ("head", "neck"),
}
COMMAND = {"legs": (20.0, 1500.0)}  # velocity [rad/s] and acceleration [rad/s²] of the command, by group
OTHERS = (8.0, 200.0)
EFFORT = 20.0  # [N·m] where the model names none
STIFF, DAMP = 1.0, 0.025  # kp in proportion to effort [1/rad], kd to kp [s], where the model has no position motors
HEAD = """# A draft from {model}. Figures marked "guessed" are not in the model: replace them by the robot's own.
# Every key: docs/reference/robot-yaml.md.
name: {name}
version: 1
model: {file}
control_hz: 50
motor_hz: 500
# roles: {{base: ..., feet: [left, right], hands: [left, right], head_camera: ...}}   # what is not given is found
# stand: locomotion      # a policy at zero velocity, reflex or posture
joints:
"""


def draft(model: str, folder: Path, name: str) -> str:
    """robot.yaml for the MuJoCo file `model` (or `package:...`) in `folder`. Raises ConfigError if it cannot be read."""
    path = RobotFile(name, 1, _none(), model=model).model_path(Path(".")) if model.startswith(PACKAGE) else Path(model)
    if not path.is_file():
        raise ConfigError(f"{path}: no such file; a MuJoCo model is expected")
    try:
        mj = mujoco.MjModel.from_xml_path(str(path))
    except ValueError as error:
        raise ConfigError(f"{path}: {' '.join(str(error).split())}") from error
    file = model if model.startswith(PACKAGE) else os.path.relpath(path.resolve(), folder.resolve())
    joints = [joint for joint in range(mj.njnt) if mj.jnt_type[joint] == HINGE]
    if not joints:
        raise ConfigError(f"{path}: has no hinge joints")
    width = max(len(mj.joint(joint).name) for joint in joints)
    groups = _groups(mj, joints)
    lines = [_line(mj, joint, group, width) for joint, group in zip(joints, groups, strict=True)]
    return HEAD.format(model=path.name, name=name, file=file) + "\n".join(lines) + "\n"


def _none():
    from deploy.robots.robot_file import JointFigures

    return (JointFigures("none", "none", -1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0),)


def _groups(mj: mujoco.MjModel, joints: list[int]) -> list[str]:
    """By the words in the joints' names; where they tell nothing, limbs that end lowest are legs, other limbs arms."""
    free = mj.jnt_type[0] == FREE
    base = int(mj.jnt_bodyid[0]) if free else int(mj.body_rootid[mj.jnt_bodyid[joints[0]]])
    limb, data = limbs(mj, base), mujoco.MjData(mj)
    mujoco.mj_kinematics(mj, data)
    ends = {k: float(data.xpos[limb == k, 2].min()) for k in set(limb.tolist()) - {0}}
    low = min(ends.values(), default=0.0)
    found = []
    for joint in joints:
        own = int(limb[mj.jnt_bodyid[joint]])
        by_name = _by_name(mj.joint(joint).name.lower())
        by_place = "waist" if own == 0 else "legs" if free and ends[own] < low + 0.1 else "arms"
        found.append(by_name or by_place)
    return found


def _by_name(joint: str) -> str:
    """The group that the words of a joint's name tell; "" where they tell none."""
    parts = re.split(r"[^a-z]+", joint)
    return next(
        (group for group, words in WORDS.items() if any(word in (parts if word in FINGERS else joint) for word in words)), ""
    )


def _line(mj: mujoco.MjModel, joint: int, group: str, width: int) -> str:
    name, guessed = mj.joint(joint).name, []
    lower, upper = map(float, mj.jnt_range[joint]) if mj.jnt_limited[joint] else (-np.pi, np.pi)
    effort, kp, kd = _motor(mj, joint)
    if effort is None:
        effort = EFFORT
        guessed.append("effort")
    if not kp:
        kp, kd = STIFF * effort, DAMP * STIFF * effort
        guessed += ["kp", "kd"]
    kd = kd or DAMP * kp
    start = mj.key_qpos[0, mj.jnt_qposadr[joint]] if mj.nkey else mj.qpos0[mj.jnt_qposadr[joint]]
    velocity, acceleration = COMMAND.get(group, OTHERS)
    figures = {"lower": lower, "upper": upper, "velocity": velocity, "acceleration": acceleration, "effort": effort}
    figures |= {"kp": kp, "kd": kd, "default": float(np.clip(start, lower, upper))}
    values = ", ".join(f"{key}: {float(f'{value:.6g}')}" for key, value in figures.items())
    note = f"   # guessed: {', '.join(guessed)}" if guessed else ""
    return f"  - {{name: {name + ',':<{width + 1}} group: {group}, {values}}}{note}"


def _motor(mj: mujoco.MjModel, joint: int) -> tuple[float | None, float, float]:
    """(effort [N·m] or None, kp, kd) as far as the model tells."""
    effort = float(mj.jnt_actfrcrange[joint, 1]) if mj.jnt_actfrclimited[joint] else None
    kp = kd = 0.0
    for motor in range(mj.nu):
        if mj.actuator_trntype[motor] != mujoco.mjtTrn.mjTRN_JOINT or mj.actuator_trnid[motor, 0] != joint:
            continue
        if mj.actuator_forcelimited[motor]:
            effort = effort or float(mj.actuator_forcerange[motor, 1])
        if mj.actuator_biastype[motor] == mujoco.mjtBias.mjBIAS_AFFINE:
            kp, kd = float(mj.actuator_gainprm[motor, 0]), float(-mj.actuator_biasprm[motor, 2])
        elif mj.actuator_ctrllimited[motor]:
            effort = effort or float(mj.actuator_ctrlrange[motor, 1] * mj.actuator_gear[motor, 0])
    return effort or None, kp, kd
