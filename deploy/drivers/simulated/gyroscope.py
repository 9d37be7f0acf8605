"""The simulated gyroscope between two readings: sampled as the stream of a real one is, and added up."""

from __future__ import annotations

import numpy as np

PERIOD = 0.005  # [s] between two samples: the IM10A's 200 Hz
ROUNDING = 1e-9  # [s]


class Gyroscope:
    """Adds up the angular velocity of its samples by the trapezoidal rule: what the base turns by between them is missed.

    Attributes:
        turned: Angular velocity, integrated since `restart` until the last sample [rad], body frame.
        time: Of that sample, since then [s].
        samples: How many there were.
    """

    def __init__(self) -> None:
        self.restart(np.zeros(3))

    def restart(self, ang_vel: np.ndarray) -> None:
        """`ang_vel`: now [rad/s], body frame, shape (3,)."""
        self.turned, self.time, self.samples = (0.0, 0.0, 0.0), 0.0, 0
        self._last, self._now = ang_vel.tolist(), 0.0

    def pass_time(self, ang_vel: np.ndarray, dt: float) -> None:
        """`dt` [s] later the angular velocity is `ang_vel` [rad/s], body frame, shape (3,)."""
        self._now += dt
        if self._now >= self.time + PERIOD - ROUNDING:
            self.sample(ang_vel)

    def sample(self, ang_vel: np.ndarray) -> None:
        """One more sample, now; none where no time has passed since the last."""
        half = 0.5 * (self._now - self.time)
        if half > 0.0:
            (a, b, c), (x, y, z), (p, q, r) = self.turned, ang_vel.tolist(), self._last
            self.turned = a + half * (x + p), b + half * (y + q), c + half * (z + r)
            self.time, self._last = self._now, (x, y, z)
            self.samples += 1
