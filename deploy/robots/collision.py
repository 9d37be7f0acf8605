"""Self-collision in a posture: capsules and boxes around the robot's parts, checked by MuJoCo."""

from __future__ import annotations

from itertools import combinations

import mujoco
import numpy as np

from arbiter.errors import RobotError
from arbiter.robot import RobotModel
from deploy.robots.mjcf import FREE, open_spec
from deploy.robots.roles import find_roles

HULLS = 5  # geom group of shapes written to be kept apart
Pair = tuple[str, str, float]


class SelfCollision:
    """Finds parts that touch. Pairs that touch in the default posture and neighbours along a limb do not count.

    Shapes are those of geom group 5 where the model has any, else those that touch the floor and each other. Of the latter
    neighbours across limbs and pairs that the model excludes are left out, too.

    One thread at a time: it keeps its simulation data. The call allocates nothing while nothing touches.

    Attributes:
        pairs: Pairs of parts that are checked. A part is named after its body where a joint of that name moves it, as in
            "arm_left_elbow_pitch" and "arm_left_elbow_pitch_joint"; else after the joint that moves it, or after its body.
        touching: Pairs that touch in the default posture, and so are not checked.
    """

    def __init__(self, model: RobotModel, margin: float = 0.0) -> None:
        """`margin`: distance [m] below which parts count as touching."""
        spec = open_spec(model)
        excluded = {frozenset((pair.bodyname1, pair.bodyname2)) for pair in spec.excludes}
        own = _strip(spec)
        for number, geom in enumerate(spec.geoms):
            geom.name = geom.name or f"shape_{number}"
        hulls = [(geom.name, geom.parent.name) for geom in spec.geoms]
        compiled = spec.compile()
        limb = find_roles(compiled, model).limb

        def apart(a: str, b: str) -> bool:
            i, j = compiled.body(a).id, compiled.body(b).id
            near = i in (compiled.body_parentid[j], j) or j == compiled.body_parentid[i]
            return limb[i] != limb[j] and (own or not (near or frozenset((a, b)) in excluded))

        pairs = [(a, b) for a, b in combinations(hulls, 2) if apart(a[1], b[1])]
        free = self._free_pairs(compiled, pairs, model)
        part = {name: part_name(compiled, compiled.body(name).id, model) for _, name in hulls}
        self.touching = tuple((part[a[1]], part[b[1]]) for a, b in sorted(set(pairs) - set(free)))
        if not free and hulls and len(set(limb.tolist())) > 2:
            raise RobotError(f"{model.name}: its shapes all touch in the default posture; self-collision cannot be told")
        for (a, _), (b, _) in free:
            spec.add_pair(geomname1=a, geomname2=b, margin=margin)
        self._model = spec.compile()
        self._data = mujoco.MjData(self._model)
        self._margin = margin
        self._body = [part_name(self._model, int(self._model.geom_bodyid[i]), model) for i in range(self._model.ngeom)]
        self._hull = [self._model.geom(i).name.removeprefix("hull_") for i in range(self._model.ngeom)]
        self._ids = [(self._model.geom(a).id, self._model.geom(b).id) for (a, _), (b, _) in free]
        self.pairs = tuple((self._body[a], self._body[b]) for a, b in self._ids)

    def __call__(self, q: np.ndarray) -> tuple[Pair, ...] | list[Pair]:
        """Pairs that touch at joint positions `q` [rad], shape (n,): (body, body, depth [m]), each pair of bodies once,
        in alphabetical order."""
        data = self._data
        data.qpos[:] = q
        mujoco.mj_kinematics(self._model, data)
        mujoco.mj_collision(self._model, data)
        if data.ncon == 0:
            return ()
        deepest: dict[tuple[str, str], float] = {}
        for contact in data.contact:
            first, second = self._body[contact.geom1], self._body[contact.geom2]
            pair = (first, second) if first < second else (second, first)
            deepest[pair] = max(self._margin - float(contact.dist), deepest.get(pair, 0.0))
        return [(a, b, depth) for (a, b), depth in deepest.items()]

    def distance(self, q: np.ndarray, most: float = 1.0) -> tuple[float, str, str]:
        """The smallest distance [m] at `q` [rad] and the two parts, such as "left_hand"; negative where they overlap.
        Distances are cut off at `most` [m]. Slower than the call: for tests, planning and reports."""
        data = self._data
        data.qpos[:] = q
        mujoco.mj_kinematics(self._model, data)
        return min(
            (mujoco.mj_geomDistance(self._model, data, a, b, most, None), self._hull[a], self._hull[b]) for a, b in self._ids
        )

    @staticmethod
    def _free_pairs(compiled: mujoco.MjModel, pairs: list, model: RobotModel) -> list:
        """Those of the pairs that are apart in the default posture."""
        data = mujoco.MjData(compiled)
        data.qpos[:] = model.default
        mujoco.mj_kinematics(compiled, data)
        return [
            (a, b)
            for a, b in pairs
            if mujoco.mj_geomDistance(compiled, data, compiled.geom(a[0]).id, compiled.geom(b[0]).id, 1.0, None) > 0.0
        ]


def part_name(mj: mujoco.MjModel, body: int, robot: RobotModel) -> str:
    """Name of the part that a body belongs to, by which the safety layer finds the joints to stop."""
    name = mj.body(body).name
    if f"{name}_joint" in robot.joints:
        return name
    while body and not mj.body_jntnum[body]:
        body = int(mj.body_parentid[body])
    return mj.joint(int(mj.body_jntadr[body])).name if body and mj.body_parentid[body] else name


def _strip(spec: mujoco.MjSpec) -> bool:
    """Leaves the base fixed, and no shapes but those that are kept apart. Whether they were written for that."""
    own = any(geom.group == HULLS for geom in spec.geoms)
    for geom in list(spec.geoms):
        if geom.group != HULLS if own else not (geom.contype or geom.conaffinity):
            spec.delete(geom)
        else:
            geom.contype = geom.conaffinity = 0  # only the pairs that are added below are looked at
    for mesh in list(spec.meshes):
        if not any(geom.meshname == mesh.name for geom in spec.geoms):
            spec.delete(mesh)
    for item in (*spec.sensors, *spec.excludes, *(joint for joint in spec.joints if joint.type == FREE)):
        spec.delete(item)
    return own
