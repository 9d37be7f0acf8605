"""Floors as real rooms have them: sloping, soft, with flat obstacles on them."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from deploy.drivers.simulated.scene import add_plane

HALF_SIDE = 4.0  # [m] of the square with obstacles
CLEAR = 0.35  # [m] around the start that is free of them
OBSTACLES = 260
HALF_SIZES = (0.05, 0.2)  # [m] smallest and largest
DAMPING = 1.0  # ratio of a soft floor's contact


@dataclass(frozen=True, slots=True)
class Floor:
    """A floor.

    Attributes:
        slope: Angle to the horizontal [rad].
        downhill: Direction in which it falls, from the robot's x axis at the start [rad].
        bumps: Smallest and largest height of flat boxes on it [m]; zeros: none.
        softness: Time constant of the contact [s]; 0: a hard floor. 0.1 s: the standing robot sinks in by 7 mm.
        layout: Where the boxes lie: the seed of their places.
    """

    slope: float = 0.0
    downhill: float = 0.0
    bumps: tuple[float, float] = (0.0, 0.0)
    softness: float = 0.0
    layout: int = 0

    @property
    def turn(self) -> np.ndarray:
        """The rotation from the horizontal to the floor, a quaternion (w, x, y, z)."""
        half = 0.5 * self.slope
        return np.array((np.cos(half), -np.sin(half) * np.sin(self.downhill), np.sin(half) * np.cos(self.downhill), 0.0))


def add_floor(spec: mujoco.MjSpec, floor: Floor, friction: float) -> None:
    """The floor under a robot at the origin."""
    add_plane(spec, friction)
    geoms = [spec.geom("floor"), *(_boxes(spec, floor, friction) if floor.bumps[1] else ())]
    for geom in geoms:
        geom.quat = _product(floor.turn, geom.quat)
        geom.pos = _turned(floor.turn, geom.pos)
        if floor.softness:
            geom.solref = [floor.softness, DAMPING]


def _boxes(spec: mujoco.MjSpec, floor: Floor, friction: float) -> list[mujoco.MjsGeom]:
    rng, boxes = np.random.default_rng(floor.layout), []
    while len(boxes) < OBSTACLES:
        half, height = rng.uniform(*HALF_SIZES, 2), rng.uniform(*floor.bumps)
        place, angle = rng.uniform(-HALF_SIDE, HALF_SIDE, 2), rng.uniform(0.0, np.pi)
        if np.hypot(*place) < CLEAR + np.hypot(*half):
            continue
        boxes.append(
            spec.worldbody.add_geom(
                type=mujoco.mjtGeom.mjGEOM_BOX,
                size=[*half, 0.5 * height],
                pos=[*place, 0.5 * height],
                quat=[np.cos(0.5 * angle), 0.0, 0.0, np.sin(0.5 * angle)],
                contype=1,
                conaffinity=0,
                friction=[friction, 0.005, 0.0001],
                priority=1,
            )
        )
    return boxes


def on_floor(floor: Floor, pose: np.ndarray) -> np.ndarray:
    """A pose on a level floor (position [m], quaternion), shape (7,), as it is on `floor`."""
    return np.concatenate((_turned(floor.turn, pose[:3]), _product(floor.turn, pose[3:])))


def _product(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    found = np.zeros(4)
    mujoco.mju_mulQuat(found, first, np.asarray(second, float))
    return found


def _turned(quat: np.ndarray, vector: np.ndarray) -> np.ndarray:
    found = np.zeros(3)
    mujoco.mju_rotVecQuat(found, np.asarray(vector, float), quat)
    return found
