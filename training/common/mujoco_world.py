"""MuJoCo models of a robot for training and evaluation: the one place where training builds them.

Each world starts from the robot's own model as `deploy.robots.mjcf` opens it; the functions below change one thing each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import mujoco
import numpy as np

from arbiter.robot import RobotModel
from deploy.robots.mjcf import FREE, open_spec
from deploy.robots.roles import find_roles


class RobotParts:
    """Bodies of a robot by their roles.

    Attributes:
        robot: Its figures and limits.
        base: Name of the base's body.
        feet: Names of the bodies of the soles, left first.
        hands: Names of the bodies of the hands, left first.
    """

    def __init__(self, robot: RobotModel) -> None:
        compiled = open_spec(robot).compile()
        roles = find_roles(compiled, robot)
        self.robot = robot
        self.base = compiled.body(roles.base).name
        self.feet = tuple(compiled.body(body).name for body in roles.feet)
        self.hands = tuple(compiled.body(body).name for body, _ in roles.hands)


def bare_spec(robot: RobotModel, *, sensors: bool = False) -> mujoco.MjSpec:
    """The robot without motors, and without its sensors and cameras unless `sensors`."""
    spec = open_spec(robot)
    for element in [*spec.actuators, *([] if sensors else [*spec.sensors, *spec.cameras])]:
        spec.delete(element)
    return spec


def fixed_base_spec(robot: RobotModel) -> mujoco.MjSpec:
    """The robot with its base fixed at the origin of the world."""
    spec = open_spec(robot)
    for joint in list(spec.joints):
        if joint.type == FREE:
            spec.delete(joint)
    return spec


def fixed_base(robot: RobotModel) -> mujoco.MjModel:
    """The robot with its base fixed at the origin of the world, for kinematics."""
    return fixed_base_spec(robot).compile()


def keep_geoms(spec: mujoco.MjSpec, wanted: Callable[[mujoco.MjsGeom], bool]) -> None:
    """Deletes all other geoms."""
    for geom in list(spec.geoms):
        if not wanted(geom):
            spec.delete(geom)


def keep_soles(spec: mujoco.MjSpec, parts: RobotParts) -> None:
    """Deletes all geoms but those of the feet that touch: soles against the floor are the only contacts."""
    keep_geoms(spec, lambda geom: geom.parent.name in parts.feet and bool(geom.contype or geom.conaffinity))


def add_light(spec: mujoco.MjSpec) -> None:
    """A directional light and a brighter headlight, for pictures."""
    spec.worldbody.add_light(pos=[1.5, -1.5, 4.0], dir=[-0.3, 0.3, -1.0], type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL)
    spec.visual.headlight.ambient = [0.4, 0.4, 0.4]


def add_position_motors(
    spec: mujoco.MjSpec, robot: RobotModel, joints: Iterable[str], *, kp: float = 1.0, kd: float = 1.0
) -> None:
    """Position loops of the motors as actuators of `joints`, torque limited to the effort; `kp`, `kd`: factors on the gains."""
    for name in joints:
        i = robot.index(name)
        motor = spec.add_actuator(name=name, target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
        stiffness, damping = robot.kp[i] * kp, robot.kd[i] * kd
        motor.gainprm[0], motor.biastype = stiffness, mujoco.mjtBias.mjBIAS_AFFINE
        motor.biasprm[:3] = [0.0, -stiffness, -damping]
        motor.forcelimited, motor.forcerange = 1, [-robot.effort[i], robot.effort[i]]


def scale_masses(spec: mujoco.MjSpec, factor: float) -> None:
    """Multiplies masses and inertias of all bodies."""
    for body in spec.bodies:
        body.mass *= factor
        body.fullinertia = np.asarray(body.fullinertia) * factor


def add_payload(spec: mujoco.MjSpec, parts: RobotParts, masses: Iterable[float]) -> None:
    """Adds masses [kg] to the hands, left first."""
    for hand, mass in zip(parts.hands, masses, strict=True):
        spec.body(hand).mass += mass


def weld_joint(spec: mujoco.MjSpec, name: str, angle: float) -> None:
    """Fixes a joint at `angle` [rad]."""
    joint = spec.joint(name)
    body, turn, quat = joint.parent, np.zeros(4), np.zeros(4)
    mujoco.mju_axisAngle2Quat(turn, joint.axis, angle)
    mujoco.mju_mulQuat(quat, body.quat, turn)
    body.quat = quat
    spec.delete(joint)


def add_site_sensor(spec: mujoco.MjSpec, name: str, kind: mujoco.mjtSensor, site: str) -> None:
    """A sensor of a site."""
    spec.add_sensor(name=name, type=kind, objtype=mujoco.mjtObj.mjOBJ_SITE, objname=site)


def compile_physics(spec: mujoco.MjSpec, timestep: float) -> mujoco.MjModel:
    """Compiles a world with steps of `timestep` [s]. A diverged simulation is not silently put back to the start."""
    spec.option.timestep = timestep
    spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
    return spec.compile()
