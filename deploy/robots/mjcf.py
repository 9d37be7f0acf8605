"""A robot's MuJoCo model, made ready for simulation: any MJCF, with one motor per joint and the roles that are needed."""

from __future__ import annotations

import math

import mujoco
import numpy as np

from arbiter.errors import ConfigError
from arbiter.robot import RobotModel
from deploy.robots.description import Description, describe
from deploy.robots.robot_file import RobotFile

HEAD = "head"
FREE, HINGE = mujoco.mjtJoint.mjJNT_FREE, mujoco.mjtJoint.mjJNT_HINGE


def open_spec(robot: RobotModel | Description) -> mujoco.MjSpec:
    """The robot's model, to be built upon. Raises ConfigError that names the file and what is wrong with it."""
    described = robot if isinstance(robot, Description) else describe(robot)
    file, path = described.file, described.file.model_path(described.folder)
    if not path.is_file():
        raise ConfigError(f"robot {file.name}: model {path}: no such file")
    try:
        spec = mujoco.MjSpec.from_file(str(path))
    except ValueError as error:
        raise ConfigError(f"robot {file.name}: {path}: {' '.join(str(error).split())}") from error
    for number, body in enumerate(spec.bodies):
        body.name = body.name or f"body_{number}"
    for key in list(spec.keys):  # their sizes do not fit what is added
        spec.delete(key)
    for geom in list(spec.worldbody.geoms):  # a floor of its own
        spec.delete(geom)
    for name in file.fixed:
        spec.delete(_joint(spec, name, file, path))
    _check_joints(spec, file, path)
    for joint in file.joints:
        if joint.armature is not None:
            spec.joint(joint.name).armature = joint.armature
    _motors(spec, file)
    _mount_camera(spec, file)
    return spec


def _joint(spec: mujoco.MjSpec, name: str, file: RobotFile, path) -> mujoco.MjsJoint:
    joint = spec.joint(name)
    if joint is None:
        raise ConfigError(f"robot {file.name}: {path.name} has no joint {name!r}")
    return joint


def _check_joints(spec: mujoco.MjSpec, file: RobotFile, path) -> None:
    """The joints of both files are the same, in the same order."""
    names = [joint.name for joint in spec.joints if joint.type != FREE]
    listed = [joint.name for joint in file.joints]
    missing, more = [n for n in listed if n not in names], [n for n in names if n not in listed]
    if missing:
        raise ConfigError(f"robot {file.name}: {path.name} has no joint {missing[0]!r}; it has: {', '.join(names)}")
    if more:
        raise ConfigError(
            f"robot {file.name}: {path.name} has joints that robot.yaml does not list: {', '.join(more)}; list them under "
            "joints, or lock them with fixed"
        )
    if names != listed:
        k = next(i for i, pair in enumerate(zip(names, listed, strict=True)) if pair[0] != pair[1])
        raise ConfigError(
            f"robot {file.name}: joint {k} of {path.name} is {names[k]!r}, of robot.yaml {listed[k]!r}; "
            "list them in the order of the model"
        )
    for name in names:
        if spec.joint(name).type != HINGE:
            raise ConfigError(f"robot {file.name}: joint {name!r} of {path.name} is no hinge; only hinges can be driven")


def _motors(spec: mujoco.MjSpec, file: RobotFile) -> None:
    """One torque motor for each joint, in their order; those of the model go where it has others."""
    names = [joint.name for joint in file.joints]
    plain = [a for a in spec.actuators if a.biastype == mujoco.mjtBias.mjBIAS_NONE and a.gainprm[0] == 1.0 and a.gear[0] == 1.0]
    if [a.name for a in spec.actuators] == names and len(plain) == len(names):
        return
    for actuator in list(spec.actuators):
        spec.delete(actuator)
    for name in names:
        spec.add_actuator(name=name, target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT)


def _mount_camera(spec: mujoco.MjSpec, file: RobotFile) -> None:
    mount = file.camera
    if mount is None:
        return
    body = spec.body(mount.body)
    if body is None:
        raise ConfigError(f"robot {file.name}: camera.body: no body {mount.body!r}; there are: {_names(spec.bodies)}")
    c, s = math.cos(mount.down), math.sin(mount.down)
    camera = body.add_camera(name=file.roles.head_camera or HEAD, pos=mount.position, fovy=math.degrees(mount.field))
    camera.alt.type = mujoco.mjtOrientation.mjORIENTATION_XYAXES
    camera.alt.xyaxes = (0.0, -1.0, 0.0, s, 0.0, c)


def _names(items) -> str:
    return ", ".join(item.name for item in items if item.name)


def standing_data(mj: mujoco.MjModel, robot: RobotModel, q: np.ndarray | None = None) -> mujoco.MjData:
    """The robot in its default posture, or at joint positions `q` [rad], its base upright at the origin of x and y."""
    data = mujoco.MjData(mj)
    if mj.njnt and mj.jnt_type[0] == FREE:
        data.qpos[:7] = 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0
        data.qpos[7 : 7 + robot.n] = robot.default if q is None else q
    else:
        data.qpos[: robot.n] = robot.default if q is None else q
    mujoco.mj_kinematics(mj, data)
    mujoco.mj_comPos(mj, data)
    return data


def set_posture(data: mujoco.MjData, base_pos: np.ndarray, base_quat: np.ndarray, joint_pos: np.ndarray) -> None:
    """Puts the robot of `data` there: base [m], (w, x, y, z), where it is free; joints [rad], shape (n,)."""
    free = len(data.qpos) - len(joint_pos)
    if free:
        data.qpos[:3], data.qpos[3:7] = base_pos, base_quat
    data.qpos[free:] = joint_pos
