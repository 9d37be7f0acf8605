"""What is believed of a reading, in memory of its own that nobody can make writable."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from arbiter.safety.inertial import Quat, Vector
from arbiter.types import RobotState


class BeliefMemory:
    """Memory that is copied as a whole.

    Attributes:
        joints: Positions and velocities [rad, rad/s], shape (2, n): whoever believes them writes here.
    """

    def __init__(self, n: int) -> None:
        # Positions, velocities, ages, orientation, angular velocity, mean acceleration, mean angular velocity.
        self._block = np.zeros(3 * n + 13)
        self.joints = self._block[: 2 * n].reshape(2, n)
        self._ages, self._tail = self._block[2 * n : 3 * n], memoryview(self._block).cast("B").cast("d")[3 * n :]
        self._parts = tuple(slice(a, b) for a, b in pairwise((0, n, 2 * n, 3 * n, 3 * n + 4, 3 * n + 7, 3 * n + 10, 3 * n + 13)))

    def state(
        self,
        stamp: float,
        at: float,
        seen: np.ndarray,
        imu: tuple[Quat, Vector, float, Vector | None, Vector | None],
        battery: float,
        faults: tuple[str, ...],
    ) -> RobotState:
        """Everything as it is now.

        Args:
            stamp: Of the newest reading [s]. at: When it was measured, as ages count it [s].
            seen: When each joint's position and velocity were measured [s], shape (2, n).
            imu: Orientation, angular velocity, when the older of both was measured [s], and the means of acceleration and
                angular velocity, None where not known.
        """
        ages, tail, (q, dq, old, quat, rate, force, spin) = self._ages, self._tail, self._parts
        np.minimum(seen[0], seen[1], ages)
        np.subtract(at, ages, ages)
        (tail[0], tail[1], tail[2], tail[3]), (tail[4], tail[5], tail[6]), imu_seen, felt, turning = imu
        if felt is not None:
            tail[7], tail[8], tail[9] = felt
        if turning is not None:
            tail[10], tail[11], tail[12] = turning
        whole = np.frombuffer(self._block.tobytes())
        acceleration, mean_ang_vel = None if felt is None else whole[force], None if turning is None else whole[spin]
        return RobotState(
            stamp, whole[q], whole[dq], whole[quat], whole[rate], whole[old], at - imu_seen, battery, faults,
            acceleration, mean_ang_vel,
        )  # fmt: skip
