"""The simulated accelerometer: how the velocity of the IMU changes, and gravity, as its case feels them."""

from __future__ import annotations

import mujoco
import numpy as np

GRAVITY = 9.81


class Accelerometer:
    """Adds up the specific force in the axes of the base, which turns. Pushes and falls are felt, whatever causes them.

    Attributes:
        felt: Specific force, integrated since `restart` [m/s], body frame.
        time: Since then [s].
    """

    def __init__(self, free: bool, place: np.ndarray) -> None:
        """`free`: whether the base moves. `place`: of the IMU [m], base frame, shape (3,)."""
        self._free, self._place = free, tuple(np.asarray(place, float).tolist())
        self.felt, self.time = (0.0, 0.0, 0.0), 0.0
        self._last = (0.0, 0.0, 0.0)

    def restart(self, data: mujoco.MjData, quat: np.ndarray) -> None:
        """At the velocity of `data`; `quat`: orientation of the base (w, x, y, z)."""
        self.felt, self.time, self._last = (0.0, 0.0, 0.0), 0.0, self._velocity(data, _matrix(quat))

    def pass_time(self, data: mujoco.MjData, quat: np.ndarray, dt: float) -> None:
        """A physics step of `dt` [s] has passed."""
        a, b, c = _matrix(quat)
        x, y, z = now = self._velocity(data, (a, b, c))
        u, v, w = self._last
        x, y, z = x - u, y - v, z - w + GRAVITY * dt
        p, q, r = self.felt
        self.felt = (p + a[0] * x + b[0] * y + c[0] * z, q + a[1] * x + b[1] * y + c[1] * z, r + a[2] * x + b[2] * y + c[2] * z)
        self.time += dt
        self._last = now

    def _velocity(self, data: mujoco.MjData, rows) -> tuple[float, float, float]:
        """Of the IMU [m/s], world."""
        if not self._free:
            return 0.0, 0.0, 0.0
        vx, vy, vz, p, q, r = data.qvel[:6].tolist()
        x, y, z = self._place
        i, j, k = q * z - r * y, r * x - p * z, p * y - q * x
        a, b, c = rows
        return (vx + a[0] * i + a[1] * j + a[2] * k, vy + b[0] * i + b[1] * j + b[2] * k, vz + c[0] * i + c[1] * j + c[2] * k)


def _matrix(quat: np.ndarray):
    """Rows of the rotation matrix, body to world."""
    w, x, y, z = quat.tolist()
    return (
        (1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)),
        (2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x)),
        (2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)),
    )
