"""Which parts of the robot would touch in a posture: capsules and boxes around its parts, met in MuJoCo."""

from __future__ import annotations

from itertools import combinations

import mujoco
import numpy as np

from arbiter.errors import RobotError
from arbiter.robot import RobotModel
from deploy.robots.description import description_dir

HULLS = 5  # geom group of the shapes that are kept apart
Pair = tuple[str, str, float]


class SelfCollision:
    """Finds parts that touch. Pairs that touch in the default posture and neighbours along a limb do not count.

    One thread at a time: it keeps its simulation data. The call allocates nothing while nothing touches.

    Attributes:
        pairs: Pairs of bodies that are checked.
    """

    def __init__(self, model: RobotModel, margin: float = 0.0, description: str | None = None) -> None:
        """`margin`: distance [m] below which parts count as touching. `description`: folder or name of the robot's
        description; None: that of `model.name`."""
        spec = mujoco.MjSpec.from_file(str(description_dir(description or model.name) / "model.xml"))
        _strip(spec)
        hulls = [(geom.name, geom.parent.name) for geom in spec.geoms]
        pairs = [(a, b) for a, b in combinations(hulls, 2) if limb(a[1]) != limb(b[1])]
        free = self._free_pairs(spec, pairs, model)
        if not free:
            raise RobotError(f"{model.name}: model.xml has no shapes of group {HULLS}; build it again from hulls.yaml")
        for (a, _), (b, _) in free:
            spec.add_pair(geomname1=a, geomname2=b, margin=margin)
        self._model = spec.compile()
        self._data = mujoco.MjData(self._model)
        self._margin = margin
        self._body = [self._model.body(self._model.geom_bodyid[i]).name for i in range(self._model.ngeom)]
        self._hull = [self._model.geom(i).name.removeprefix("hull_") for i in range(self._model.ngeom)]
        self._ids = [(self._model.geom(a).id, self._model.geom(b).id) for (a, _), (b, _) in free]
        self.pairs = tuple((a[1], b[1]) for a, b in free)

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
        Distances beyond `most` [m] are not told apart. Slower than the call: for tests, planning and reports."""
        data = self._data
        data.qpos[:] = q
        mujoco.mj_kinematics(self._model, data)
        return min(
            (mujoco.mj_geomDistance(self._model, data, a, b, most, None), self._hull[a], self._hull[b]) for a, b in self._ids
        )

    @staticmethod
    def _free_pairs(spec: mujoco.MjSpec, pairs: list, model: RobotModel) -> list:
        """Those of the pairs that are apart in the default posture."""
        compiled = spec.compile()
        data = mujoco.MjData(compiled)
        data.qpos[:] = model.default
        mujoco.mj_kinematics(compiled, data)
        return [
            (a, b)
            for a, b in pairs
            if mujoco.mj_geomDistance(compiled, data, compiled.geom(a[0]).id, compiled.geom(b[0]).id, 1.0, None) > 0.0
        ]


def limb(body: str) -> str:
    """The limb a body belongs to, such as "arm_left", or "base"."""
    parts = body.split("_")
    return "_".join(parts[:2]) if parts[0] in ("arm", "leg") else "base"


def _strip(spec: mujoco.MjSpec) -> None:
    """Leaves the base fixed, and no shapes but those that are kept apart."""
    for geom in list(spec.geoms):
        if geom.group != HULLS:
            spec.delete(geom)
    for sensor in list(spec.sensors):
        spec.delete(sensor)
    for joint in list(spec.joints):
        if joint.type == mujoco.mjtJoint.mjJNT_FREE:
            spec.delete(joint)
