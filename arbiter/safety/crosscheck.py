"""What repeats itself to the last bit although something else tells that it must have moved; whether the robot has fallen."""

from __future__ import annotations

import math

import numpy as np

from arbiter.safety.ages import BLIND_LEGS
from arbiter.safety.inertial import Inertial, Quat
from arbiter.safety.joints import Joints

FALL_READINGS = 2  # one tilted reading may be a glitch of the IMU
LEGS_MOVED = 0.05  # [rad] of a leg joint: the IMU cannot have stayed the same to the last bit
BASE_TURNED = 0.03  # [rad]: not every leg joint can have stayed the same to the last bit
ENOUGH = 5  # equal readings in a row of all leg joints, or of the IMU


class CrossCheck:
    """Legs and IMU tell of each other that they must have moved. `legs`: bool, shape (n,)."""

    def __init__(self, legs: np.ndarray, joints: Joints, imu: Inertial) -> None:
        self._legs, self._joints, self._imu = legs, joints, imu
        self._anchor: tuple[np.ndarray, Quat] | None = None

    def look(self) -> None:
        """After a reading in which something repeats itself."""
        joints, imu, q = self._joints, self._imu, self._joints.believed.q
        legs = joints.repeats.count[self._legs]
        still = int(legs.min(initial=ENOUGH)) if legs.size else 0
        if imu.repeats == 1 or still == 1 or not self._anchor:
            self._anchor = q[self._legs].copy(), imu.quat
        was, quat = self._anchor
        if imu.repeats >= ENOUGH and (
            np.abs(q[self._legs] - was).max(initial=0.0) > LEGS_MOVED or np.count_nonzero(joints.repeats.frozen) > BLIND_LEGS
        ):
            imu.freeze()
        turned = 2.0 * math.dist(quat, imu.quat)
        if still >= ENOUGH and not imu.repeats and turned > BASE_TURNED:
            joints.repeats.freeze(self._legs)


class FallDetector:
    """Attributes:
    tilt: Of the base [rad].
    fallen: It has been beyond `most` [rad] for FALL_READINGS readings in a row.
    """

    def __init__(self, most: float) -> None:
        self._most, self._tilted = most, 0
        self.tilt, self.fallen = 0.0, False

    def forget(self) -> None:
        """The operator has set it up again."""
        self._tilted, self.fallen = 0, False

    def look(self, quat: Quat) -> None:
        """A new orientation of the base (w, x, y, z)."""
        w, x, y, z = quat
        norm = w * w + x * x + y * y + z * z
        self.tilt = math.acos(min(1.0, max(-1.0, 1.0 - 2.0 * (x * x + y * y) / norm)))
        self._tilted = self._tilted + 1 if self.tilt > self._most else 0
        self.fallen = self._tilted >= FALL_READINGS
