"""MuJoCo models of the robot for training: one model per randomised variant, fast to simulate."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from arbiter.robot import RobotModel
from deploy.drivers.simulated.scene import add_plane
from training.common.mujoco_world import (
    RobotParts,
    add_payload,
    add_position_motors,
    add_site_sensor,
    bare_spec,
    compile_physics,
    keep_soles,
    scale_masses,
    weld_joint,
)
from training.locomotion.starts import LEAN, POSE

FEET = ("left", "right")
SENSORS = (
    ("load", mujoco.mjtSensor.mjSENS_TOUCH),
    ("pos", mujoco.mjtSensor.mjSENS_FRAMEPOS),
    ("vel", mujoco.mjtSensor.mjSENS_FRAMELINVEL),
)
AHEAD = 0.043  # [m] centre of mass ahead of the ankles, where it lies over the middle of the soles


@dataclass(frozen=True, slots=True)
class Dynamics:
    """Physical parameters of a variant.

    Attributes:
        friction: Of the floor.
        mass: Factor on the masses of all bodies.
        payload: Mass in the left and right hand [kg].
        offset: Shift of the base's centre of mass [m], shape (3,).
        kp, kd: Factors on the gains.
        damping: Of the joints [N·m·s/rad]; stands for their dry friction, whose constraint rows cost a third of the speed.
        armature: Factor on the rotor inertia.
        arms: Posture in which the joints that are not driven are welded [rad], robot order; None: all zero.
    """

    friction: float = 1.0
    mass: float = 1.0
    payload: tuple[float, float] = (0.0, 0.0)
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    kp: float = 1.0
    kd: float = 1.0
    damping: float = 0.1
    armature: float = 1.0
    arms: np.ndarray | None = None


def sample_dynamics(rng: np.random.Generator, model: RobotModel, strength: float = 1.0) -> Dynamics:
    """A random variant; `strength` scales all ranges but the arms' posture."""
    arms = model.groups["arms"]
    posture = rng.uniform(model.lower[arms], model.upper[arms]) * rng.choice([0.0, 0.5, 1.0], p=[0.25, 0.35, 0.4])

    def around_one(width: float) -> float:
        return float(1.0 + strength * rng.uniform(-width, width))

    return Dynamics(
        friction=float(rng.triangular(0.4, 0.8, 1.2)) if strength else 1.0,
        mass=around_one(0.08),
        payload=tuple(strength * rng.uniform(0.0, 0.5, 2) * rng.integers(0, 2, 2)),
        offset=tuple(strength * rng.uniform(-0.02, 0.02, 3)),
        kp=around_one(0.15),
        kd=around_one(0.2),
        damping=float(rng.uniform(0.02, 0.15)),
        armature=around_one(0.3),
        arms=posture,
    )


def build(parts: RobotParts, dynamics: Dynamics, group: str, timestep: float) -> mujoco.MjModel:
    """A fast model: joints that the policy does not drive are welded, soles against the floor are the only contacts,
    and the motors' position loops are actuators, so that a roll-out needs no Python between physics steps."""
    robot, spec = parts.robot, bare_spec(parts.robot)
    keep_soles(spec, parts)
    add_plane(spec, dynamics.friction)
    driven = robot.groups[group]
    for i in np.flatnonzero(~driven):
        weld_joint(spec, robot.joints[i], 0.0 if dynamics.arms is None else float(dynamics.arms[i]))
    joints = [robot.joints[i] for i in np.flatnonzero(driven)]
    for name in joints:
        joint = spec.joint(name)
        joint.frictionloss, joint.damping = 0.0, np.array([dynamics.damping, 0.0, 0.0])
        joint.armature *= dynamics.armature
    add_position_motors(spec, robot, joints, kp=dynamics.kp, kd=dynamics.kd)
    scale_masses(spec, dynamics.mass)
    spec.body(parts.base).ipos = np.asarray(spec.body(parts.base).ipos) + dynamics.offset
    add_payload(spec, parts, dynamics.payload)
    for side in FEET:
        for name, kind in SENSORS:
            add_site_sensor(spec, f"{side}_{name}", kind, f"leg_{side}_ankle_roll_sole")
    spec.option.iterations, spec.option.ls_iterations = 3, 8
    return compile_physics(spec, timestep)


def balance(model: mujoco.MjModel, joints: np.ndarray) -> float:
    """Lean of the base [rad] with which a variant whose soles are level has its weight over their middle, whatever its arms
    and hands hold.

    Args:
        model: From build.
        joints: Posture of the driven joints [rad], shape (m,), whose soles are level at LEAN.
    """
    data = mujoco.MjData(model)
    data.qpos[3:POSE] = np.cos(LEAN / 2.0), 0.0, np.sin(LEAN / 2.0), 0.0
    data.qpos[POSE:] = joints
    mujoco.mj_forward(model, data)
    ankles = [data.xanchor[model.joint(f"leg_{side}_ankle_pitch_joint").id] for side in FEET]
    x, _, z = data.subtree_com[0] - np.mean(ankles, axis=0)
    return LEAN - float(np.arctan2(x - AHEAD, z))
