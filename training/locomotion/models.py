"""MuJoCo models of the robot for training: one model per randomised variant, fast to simulate."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from arbiter.robot import RobotModel
from deploy.robots.description import description_dir
from training.locomotion.starts import LEAN, POSE

FEET = ("left", "right")
AHEAD = 0.043  # [m] centre of mass ahead of the ankles, where it lies over the middle of the soles


@dataclass(frozen=True, slots=True)
class Dynamics:
    """What differs between variants.

    Attributes:
        friction: Of the floor.
        mass: Factor on the masses of all bodies, shape (nbody,), or 1.0.
        payload: Mass in the left and right hand [kg].
        offset: Shift of the base's centre of mass [m], shape (3,).
        kp, kd: Factors on the gains.
        damping: Of the joints [N·m·s/rad]; stands for their dry friction, whose constraint rows cost a third of the speed.
        armature: Factor on the rotor inertia.
        arms: Posture in which the arms are welded [rad], robot order, shape (10,).
    """

    friction: float = 1.0
    mass: float | np.ndarray = 1.0
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


def build(model: RobotModel, dynamics: Dynamics, group: str, timestep: float) -> mujoco.MjModel:
    """A fast model: arms that the policy does not drive are welded, soles against the floor are the only contacts,
    and the motors' position loops are actuators, so that a roll-out needs no Python between physics steps."""
    spec = mujoco.MjSpec.from_file(str(description_dir(model.name) / "model.xml"))
    for element in [*spec.actuators, *spec.sensors]:
        spec.delete(element)
    for geom in list(spec.geoms):
        if "ankle_roll" not in geom.name:
            spec.delete(geom)
    spec.worldbody.add_geom(
        name="floor",
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=[0, 0, 0.1],
        contype=1,
        conaffinity=0,
        friction=[dynamics.friction, 0.005, 0.0001],
        priority=1,
    )
    _joints(spec, model, dynamics, group)
    _bodies(spec, dynamics)
    for side in FEET:
        sole = f"leg_{side}_ankle_roll_sole"
        for name, kind in (("load", "TOUCH"), ("pos", "FRAMEPOS"), ("vel", "FRAMELINVEL")):
            spec.add_sensor(
                name=f"{side}_{name}",
                type=getattr(mujoco.mjtSensor, f"mjSENS_{kind}"),
                objtype=mujoco.mjtObj.mjOBJ_SITE,
                objname=sole,
            )
    spec.option.timestep, spec.option.iterations, spec.option.ls_iterations = timestep, 3, 8
    spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
    return spec.compile()


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


def _joints(spec: mujoco.MjSpec, model: RobotModel, dynamics: Dynamics, group: str) -> None:
    for joint in list(spec.joints):
        if joint.name == "root":
            continue
        i = model.index(joint.name)
        if not model.groups[group][i]:
            angle = 0.0 if dynamics.arms is None else float(dynamics.arms[i])
            body, turn = joint.parent, np.zeros(4)
            mujoco.mju_axisAngle2Quat(turn, joint.axis, angle)
            quat = np.zeros(4)
            mujoco.mju_mulQuat(quat, body.quat, turn)
            body.quat = quat
            spec.delete(joint)
            continue
        joint.frictionloss = 0.0
        joint.damping = np.array([dynamics.damping, 0.0, 0.0])
        joint.armature *= dynamics.armature
        actuator = spec.add_actuator(name=joint.name, target=joint.name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
        kp, kd = model.kp[i] * dynamics.kp, model.kd[i] * dynamics.kd
        actuator.gainprm[0], actuator.biastype = kp, mujoco.mjtBias.mjBIAS_AFFINE
        actuator.biasprm[:3] = [0.0, -kp, -kd]
        actuator.forcelimited, actuator.forcerange = 1, [-model.effort[i], model.effort[i]]


def _bodies(spec: mujoco.MjSpec, dynamics: Dynamics) -> None:
    for body in spec.bodies:
        body.mass *= float(dynamics.mass)
        body.fullinertia = np.asarray(body.fullinertia) * float(dynamics.mass)
    spec.body("base").ipos = np.asarray(spec.body("base").ipos) + dynamics.offset
    for side, mass in zip(FEET, dynamics.payload, strict=True):
        spec.body(f"arm_{side}_hand_link").mass += mass
