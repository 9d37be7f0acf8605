"""A robot's dimensions for skills, from its MuJoCo model: chains of arms and legs, soles, heights, reach."""

from __future__ import annotations

from dataclasses import replace

import mujoco
import numpy as np

from arbiter.body import Body, Limb
from arbiter.chain import chain
from arbiter.robot import RobotModel
from arbiter.types import frozen
from deploy.robots.description import Description, figures
from deploy.robots.mjcf import open_spec, standing_data
from deploy.robots.roles import Roles, find_roles

LATERAL = 0.9  # least share of a pitch joint's axis along the body's y axis
SIDES = ("left", "right")
SAMPLES = 4096  # postures of an arm among which its reach is looked for
FLAT = 0.012  # [m] above the lowest point of a sole that still belongs to it
NONE = frozen(np.zeros(0), int)


def body_of(described: Description) -> Body:
    """The shape of a robot, from its folder."""
    robot, spec = figures(described), open_spec(described)
    if all(body.explicitinertial for body in spec.bodies if body.name != "world"):
        seen = [geom for geom in spec.geoms if geom.type == mujoco.mjtGeom.mjGEOM_MESH and not (geom.contype or geom.conaffinity)]
        for geom in seen:  # meshes that are only looked at take long to compile
            spec.delete(geom)
        for mesh in list(spec.meshes):
            if not any(geom.meshname == mesh.name for geom in spec.geoms):
                spec.delete(mesh)
    mj = spec.compile()
    roles = find_roles(mj, robot, described.file)
    straight, stands = standing_data(mj, robot, np.zeros(robot.n)), standing_data(mj, robot)
    zero = _at_base(mj, roles, straight)
    hands = {
        side: _limb(robot, mj, zero, roles.limb, body, zero.point(body, at)[None])
        for side, (body, at) in zip(SIDES, roles.hands, strict=False)
    }
    soles = [_leg(mj, zero, (straight, stands), foot) for foot in roles.feet]
    feet = _padded([_limb(robot, mj, zero, roles.limb, *pair) for pair in zip(roles.feet, soles, strict=True)])
    (hips, knees, ankles), signs = _pitch_joints(robot, feet)
    torso = frozen(zero.point(roles.base, mj.body_ipos[roles.base]))
    sizes, lowest = described.file.sizes, min((sole_height(mj, stands, foot) for foot in roles.feet), default=0.0)
    shoulders = [limb.root[2] for limb in hands.values()]
    spans = [_span(robot, limb) for limb in hands.values()] or [(0.0, 0.0)]
    return Body(
        hands=hands,
        feet=tuple(feet),
        torso=torso,
        imu=frozen(imu_in_base(mj, roles.base)),
        mass=float(mj.body_subtreemass[roles.base]),
        standing=float(stands.xipos[roles.base, 2] - lowest),
        shoulders=sizes.shoulders or float(np.mean(shoulders) if shoulders else 0.0),
        head=sizes.head or top_height(mj, stands) - float(stands.xpos[roles.base, 2]),
        reach=sizes.reach or max(far for _, far in spans),
        nearest=min(near for near, _ in spans),
        hips=hips,
        knees=knees,
        ankles=ankles,
        hip_signs=signs[0],
        knee_signs=signs[1],
        ankle_signs=signs[2],
    )


class _at_base:
    """A posture as seen from the base."""

    def __init__(self, mj: mujoco.MjModel, roles: Roles, data: mujoco.MjData) -> None:
        self.mj, self.data = mj, data
        self._origin, self._rotation = data.xpos[roles.base].copy(), data.xmat[roles.base].reshape(3, 3).copy()

    def point(self, body: int, at: np.ndarray) -> np.ndarray:
        """A point of a body [m] in the base frame."""
        return self.world(self.data.xpos[body] + self.data.xmat[body].reshape(3, 3) @ at)

    def world(self, at: np.ndarray) -> np.ndarray:
        """A point in the world [m] in the base frame."""
        return (at - self._origin) @ self._rotation

    def axis(self, joint: int) -> tuple[np.ndarray, np.ndarray]:
        """Axis of a joint and a point on it [m], base frame."""
        return self.data.xaxis[joint] @ self._rotation, self.world(self.data.xanchor[joint])


def imu_in_base(mj: mujoco.MjModel, base: int) -> np.ndarray:
    """Where the IMU is in the frame of body `base` [m], shape (3,): a site named so on it or on what is fixed to it, else its
    centre of mass."""
    for site in range(mj.nsite):
        body, at = int(mj.site_bodyid[site]), mj.site_pos[site].copy()
        if "imu" in mj.site(site).name.lower() and _fixed_to(mj, body, base):
            while body not in (base, 0):
                mujoco.mju_rotVecQuat(at, at.copy(), mj.body_quat[body])
                at += mj.body_pos[body]
                body = int(mj.body_parentid[body])
            if body == base:
                return at
    return mj.body_ipos[base].copy()


def _joints_above(robot: RobotModel, mj: mujoco.MjModel, body: int) -> list[tuple[int, int]]:
    """(index in robot order, id in the model) of the joints between the base and a body, from the base outwards."""
    found = []
    while body:
        for joint in reversed(range(mj.body_jntadr[body], mj.body_jntadr[body] + mj.body_jntnum[body])):
            if mj.joint(joint).name in robot.joints:
                found.append((robot.index(mj.joint(joint).name), joint))
        body = int(mj.body_parentid[body])
    return found[::-1]


def _limb(robot: RobotModel, mj: mujoco.MjModel, zero: _at_base, limb: np.ndarray, body: int, points: np.ndarray) -> Limb:
    joints = _joints_above(robot, mj, body)
    axes, anchors = zip(*(zero.axis(joint) for _, joint in joints), strict=True)
    own = [limb[mj.jnt_bodyid[joint]] == limb[body] for _, joint in joints]
    first = own.index(True)
    way = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(np.vstack((*anchors[first:], points[:1])), axis=0), axis=1))))
    middle = first + int(np.argmin(np.abs(way[:-1] - 0.5 * way[-1])))  # the elbow halves the arm
    return Limb(frozen([i for i, _ in joints], int), chain(axes, np.array(anchors)), frozen(points), first, middle)


def _leg(mj: mujoco.MjModel, zero: _at_base, postures: tuple[mujoco.MjData, ...], foot: int) -> np.ndarray:
    """The lowest points of a sole [m], base frame, in that of the postures in which it lies flattest."""
    points = max((sole(mj, data, foot) for data in postures), key=len)
    return np.array([zero.point(foot, at) for at in points])


def _padded(feet: list[Limb]) -> list[Limb]:
    """The same with equally many points each: the last one comes again."""
    most = max((len(foot.points) for foot in feet), default=0)
    return [replace(foot, points=frozen(foot.points[np.minimum(np.arange(most), len(foot.points) - 1)])) for foot in feet]


def _pitch_joints(robot: RobotModel, feet: list[Limb]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Indices and signs of hips, knees and ankles: the first three joints of each leg that turn about the body's y axis; none
    where a leg has fewer."""
    found = []
    for foot in feet:
        about_y = -foot.chain.cross[:, 0, 2]
        found.append(
            [
                (int(i), np.sign(y))
                for i, y in zip(foot.joints, about_y, strict=True)
                if abs(y) > LATERAL and robot.groups["legs"][i]
            ]
        )
    if not found or min(map(len, found)) < 3:
        found = []
    indices = [frozen([leg[k][0] for leg in found], int) for k in range(3)]
    return indices, [frozen([leg[k][1] for leg in found]) for k in range(3)]


def _span(robot: RobotModel, arm: Limb) -> tuple[float, float]:
    """Least and largest distance of a hand from its shoulder [m], of many postures, so that they are found without searching."""
    own = arm.joints[arm.first :]
    low, high = robot.lower[own], robot.upper[own]
    rng = np.random.default_rng(0)
    q = np.zeros((SAMPLES, robot.n))
    q[:, own] = rng.uniform(low, high, (SAMPLES, len(low)))
    q[0, own] = np.clip(0.0, low, high)
    away = np.linalg.norm(arm.end(q) - arm.root, axis=-1)
    return float(away.min()), float(away.max())


def contact_geoms(mj: mujoco.MjModel, body: int) -> list[int]:
    """Geoms of a body, and of what is fixed to it, that touch the floor; all that are drawn where none does."""
    own = [geom for geom in range(mj.ngeom) if _fixed_to(mj, int(mj.geom_bodyid[geom]), body)]
    touching = [geom for geom in own if mj.geom_contype[geom] or mj.geom_conaffinity[geom]]
    return touching or own


def _fixed_to(mj: mujoco.MjModel, body: int, other: int) -> bool:
    return body == other or mj.body_weldid[body] == mj.body_weldid[other]


def sole(mj: mujoco.MjModel, data: mujoco.MjData, foot: int) -> list[np.ndarray]:
    """The lowest points of a foot in a posture, in the frame of its body [m]: corners of boxes, ends of capsules, ..."""
    points = np.concatenate([lowest_points(mj, data, geom) for geom in contact_geoms(mj, foot)])
    flat = points[points[:, 2] <= points[:, 2].min() + FLAT]
    return list((_outline(flat) - data.xpos[foot]) @ data.xmat[foot].reshape(3, 3))


def _outline(points: np.ndarray) -> np.ndarray:
    """The extreme ones along eight directions of the floor, each once."""
    angles = np.arange(8) * np.pi / 4.0 + np.pi / 8.0
    ways = points[:, :2] @ np.stack((np.cos(angles), np.sin(angles)))
    return points[sorted(set(np.argmax(ways, axis=0).tolist()))]


def sole_height(mj: mujoco.MjModel, data: mujoco.MjData, foot: int) -> float:
    """Height of the lowest point of a foot [m], world."""
    return min(lowest(mj, data, geom) for geom in contact_geoms(mj, foot))


def lowest(mj: mujoco.MjModel, data: mujoco.MjData, geom: int) -> float:
    """Height of the lowest point of a geom [m], world."""
    if mj.geom_type[geom] == mujoco.mjtGeom.mjGEOM_BOX:
        return float(data.geom_xpos[geom, 2] - np.abs(data.geom_xmat[geom, 6:]) @ mj.geom_size[geom])
    return float(lowest_points(mj, data, geom)[:, 2].min())


def lowest_points(mj: mujoco.MjModel, data: mujoco.MjData, geom: int) -> np.ndarray:
    """Points of a geom among which its lowest one is [m], world, shape (k, 3)."""
    kind, size = mj.geom_type[geom], mj.geom_size[geom]
    centre, matrix = data.geom_xpos[geom], data.geom_xmat[geom].reshape(3, 3)
    down = np.array((0.0, 0.0, -1.0))
    if kind == mujoco.mjtGeom.mjGEOM_MESH:
        first, count = mj.mesh_vertadr[mj.geom_dataid[geom]], mj.mesh_vertnum[mj.geom_dataid[geom]]
        return centre + mj.mesh_vert[first : first + count] @ matrix.T
    if kind == mujoco.mjtGeom.mjGEOM_SPHERE:
        return (centre + size[0] * down)[None]
    if kind == mujoco.mjtGeom.mjGEOM_CAPSULE:
        ends = np.array(((0.0, 0.0, size[1]), (0.0, 0.0, -size[1])))
        return centre + ends @ matrix.T + size[0] * down
    if kind == mujoco.mjtGeom.mjGEOM_ELLIPSOID:
        local = matrix.T @ down
        return (centre + matrix @ (size * size * local / np.linalg.norm(size * local)))[None]
    if kind == mujoco.mjtGeom.mjGEOM_CYLINDER:
        turn = np.arange(16) * np.pi / 8.0
        ring = np.column_stack((size[0] * np.cos(turn), size[0] * np.sin(turn), np.full(16, size[1])))
        return centre + np.vstack((ring, ring * (1.0, 1.0, -1.0))) @ matrix.T
    corners = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * size
    return centre + corners @ matrix.T


def top_height(mj: mujoco.MjModel, data: mujoco.MjData) -> float:
    """Height of the highest point of the robot's geoms [m], world."""
    up = data.geom_xmat[:, 6:]
    tops = (
        data.geom_xpos[:, 2]
        + np.einsum("ij,ij->i", up, mj.geom_aabb[:, :3])
        + np.einsum("ij,ij->i", abs(up), mj.geom_aabb[:, 3:])
    )
    return float(tops.max(initial=0.0))
