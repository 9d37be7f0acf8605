"""A run as the robot itself knows it: from joints, IMU and what the camera saw. Computed as it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from arbiter.types import RobotState, Sighting
from skills.criteria import rotations
from skills.hand import forearm, hand
from skills.legs import SIDES as LEGS
from skills.legs import odometry, torso_height

SIDES = ("left", "right")
ARMS = slice(0, 10)
HAND_DOUBT = 0.002  # [m] by which a hand may be elsewhere than noisy joints tell
STANCE = (0.0, 0.0, -0.2, 0.4, -0.3, 0.0)  # [rad] of each leg, as in robot.yaml; arms at rest are at zero


def _standing() -> float:
    q = np.zeros(22)
    for leg, _ in LEGS.values():
        q[leg] = STANCE
    return float(torso_height(q, np.eye(3)))


STANDING = _standing()  # [m] height of the torso's centre of mass in the default posture


class Motion:
    """What `skills.criteria.Trajectory` holds and joints and orientation tell; each part is computed when it is asked for.

    Attributes:
        time: [s], shape (T,). joint_pos: [rad], shape (T, n). rotation: Of the base, body to world, shape (T, 3, 3).
    """

    standing = STANDING
    doubt = hand_doubt = 0.0

    def __init__(self, time: np.ndarray, joint_pos: np.ndarray, quat: np.ndarray) -> None:
        self.time, self.joint_pos, self.rotation = time, joint_pos, rotations(quat)
        self.arm_rest = np.zeros(joint_pos.shape[1])
        self.arms = np.zeros(joint_pos.shape[1], bool)
        self.arms[ARMS] = True

    @cached_property
    def hands(self) -> np.ndarray:
        return np.stack([hand(self.joint_pos, side) for side in SIDES], 1)

    @cached_property
    def forearms(self) -> np.ndarray:
        return np.stack([forearm(self.joint_pos, side) for side in SIDES], 1)

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

    def __init__(self, readings: Sequence[RobotState], sightings: Sequence[Sighting] = ()) -> None:
        super().__init__(
            np.array([one.stamp for one in readings]),
            np.array([one.joint_pos for one in readings]),
            np.array([one.base_quat for one in readings]),
        )
        self._sightings = sightings

    @cached_property
    def height(self) -> np.ndarray:
        return torso_height(self.joint_pos, self.rotation)

    @cached_property
    def place(self) -> np.ndarray:
        return odometry(self.joint_pos, self.rotation, float(np.median(np.diff(self.time))) if len(self.time) > 1 else 1.0)

    @cached_property
    def balls(self) -> dict[str, np.ndarray]:
        """The balls hang still: where each was when it was first seen is carried along with the base."""
        found: dict[str, np.ndarray] = {}
        for seen in self._sightings:
            for colour, at in seen.balls.items():
                if colour not in found:
                    found[colour] = self._carried(at, seen.stamp)
        return found

    def _carried(self, point: np.ndarray, stamp: float) -> np.ndarray:
        """A point [m, base frame at `stamp`] in the base frame of every tick, shape (T, 3)."""
        k = min(int(np.searchsorted(self.time, stamp)), len(self.time) - 1)
        moved = np.zeros((len(self.time), 3))
        moved[:, :2] = self.place[k] - self.place
        return np.einsum("tji,tj->ti", self.rotation, self.rotation[k] @ point + moved)
