"""A run by the robot's own measurements: joints, IMU and sightings of the camera. Computed on request."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from arbiter.robot import RobotModel
from arbiter.types import RobotState, Sighting
from skills.rotations import rotations

SIDES = ("left", "right")
HAND_DOUBT = 0.002  # [m] by which a hand may be elsewhere than noisy joints tell


class Motion:
    """The part of `skills.recordings.Recording` that follows from joints and orientation; each field is computed on request.

    Attributes:
        time: [s], shape (T,). joint_pos: [rad], shape (T, n). rotation: Of the base, body to world, shape (T, 3, 3).
        body: The robot's shape.
    """

    doubt = hand_doubt = drift = 0.0

    def __init__(self, time: np.ndarray, joint_pos: np.ndarray, quat: np.ndarray, robot: RobotModel) -> None:
        self.time, self.joint_pos, self.rotation = time, joint_pos, rotations(quat)
        self.body = body = robot.known_body
        self.standing, self.shoulders, self.head = body.standing, body.shoulders, body.head
        self.arm_rest, self.arms = robot.default, robot.groups["arms"]

    @cached_property
    def hands(self) -> np.ndarray:
        return np.stack([self.body.hand(self.joint_pos, side) for side in SIDES], 1)

    @cached_property
    def forearms(self) -> np.ndarray:
        return np.stack([self.body.hands[side].pointing(self.joint_pos) for side in SIDES], 1)

    @cached_property
    def pitch(self) -> np.ndarray:
        return np.arcsin(np.clip(-self.rotation[:, 2, 0], -1.0, 1.0))

    @cached_property
    def tilt(self) -> np.ndarray:
        return np.arccos(np.clip(self.rotation[:, 2, 2], -1.0, 1.0))

    @cached_property
    def yaw(self) -> np.ndarray:
        return np.unwrap(np.arctan2(self.rotation[:, 1, 0], self.rotation[:, 0, 0]))


class Measured(Motion):
    """A run by the robot's own readings; positions of balls from `sightings`."""

    doubt = 0.003  # [m] by which a ball may be elsewhere than it was seen: 95 % of the finder's errors
    hand_doubt = HAND_DOUBT

    def __init__(self, readings: Sequence[RobotState], robot: RobotModel, sightings: Sequence[Sighting] = ()) -> None:
        super().__init__(
            np.array([one.stamp for one in readings]),
            np.array([one.joint_pos for one in readings]),
            np.array([one.base_quat for one in readings]),
            robot,
        )
        self._readings, self._sightings = readings, sightings

    @cached_property
    def height(self) -> np.ndarray:
        return self.body.torso_height(self.joint_pos, self.rotation)

    @cached_property
    def place(self) -> np.ndarray:
        """By the estimates in the readings; where one has none the robot counts as standing."""
        found = [one.estimate for one in self._readings if one.estimate is not None]
        if len(found) < len(self._readings):
            return np.zeros((len(self._readings), 2))
        place = np.array([one.position[:2] for one in found])
        turn = self.yaw[0] - found[0].heading  # from the odometry frame to the axes of `yaw`
        c, s = np.cos(turn), np.sin(turn)
        return place @ np.array(((c, s), (-s, c)))

    @cached_property
    def balls(self) -> dict[str, np.ndarray]:
        """Positions of the balls, which do not move: the first sighting of each, transformed by the base's motion."""
        found: dict[str, np.ndarray] = {}
        for seen in self._sightings:
            for colour, at in seen.balls.items():
                if colour not in found:
                    found[colour] = self._carried(at, seen.stamp)
        return found

    def _carried(self, point: np.ndarray, stamp: float) -> np.ndarray:
        """A point [m, base frame at `stamp`] in the base frame of every tick, shape (T, 3)."""
        k = min(int(np.searchsorted(self.time, stamp)), len(self.time) - 1)
        moved, base = np.zeros((len(self.time), 3)), self.place - (self.rotation @ self.body.torso)[:, :2]
        moved[:, :2] = base[k] - base
        return np.einsum("tji,tj->ti", self.rotation, self.rotation[k] @ point + moved)
