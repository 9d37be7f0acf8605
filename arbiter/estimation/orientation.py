"""Orientation of the base: the IMU's from reading to reading, held together by what its gyroscope turned in between.

A Kalman filter of the error of the orientation and the gyroscope's bias. An orientation is noisy, but knows where down is; the
rotation between two readings is nearly exact, but drifts. The noise is the same about all axes: they share one covariance.
"""

from __future__ import annotations

from arbiter.estimation.rotation import Quat, Vector, turned

MEASURED = 0.004  # [rad] white noise of an orientation about each axis
TURNED = 2.83e-3  # [rad/√s] by which the rotation between two readings is wrong: 4e-4 rad in 0.02 s
BIAS = 0.02  # [rad/s] that the bias of a gyroscope may be
WANDER = 1e-4  # [rad/s per √s] by which it changes
FAR = 6.0  # standard deviations between what is read and what was expected from which on the reading alone counts
LONG = 0.1  # [s] between two readings after which the same holds


class Orientation:
    """What it knows begins anew where readings are missing; the gyroscope's bias stays known."""

    def __init__(self) -> None:
        self._quat: Quat | None = None
        self._bias: Vector = (0.0, 0.0, 0.0)
        self._aa, self._ab, self._bb = 0.0, 0.0, BIAS * BIAS  # covariance of angle and bias

    def step(self, quat: Quat, rate: Vector | None, step: float) -> Quat:
        """The best orientation now.

        Args:
            quat: What the IMU reads (w, x, y, z).
            rate: Mean angular velocity since the last reading [rad/s], body frame; None: not known.
            step: Since the last reading [s]; of the first one, or where the clock went back, 0 or less.
        """
        last = self._quat
        if last is None or rate is None or not 0.0 < step < LONG:
            return self._begin(quat)
        (p, q, r), (u, v, s) = rate, self._bias
        w, x, y, z = expected = turned(last, (step * (p - u), step * (q - v), step * (r - s)))
        self._aa += step * (step * self._bb - 2.0 * self._ab) + TURNED * TURNED * step
        self._ab -= step * self._bb
        self._bb += WANDER * WANDER * step
        a, b, c, d = quat
        twice = 2.0 if w * a + x * b + y * c + z * d >= 0.0 else -2.0
        i = twice * (w * b - x * a - y * d + z * c)
        j = twice * (w * c + x * d - y * a - z * b)
        k = twice * (w * d - x * c + y * b - z * a)
        spread = self._aa + MEASURED * MEASURED
        if i * i + j * j + k * k > FAR * FAR * spread:
            return self._begin(quat)
        gain, lean = self._aa / spread, self._ab / spread
        self._bias = u + lean * i, v + lean * j, s + lean * k
        self._bb -= lean * self._ab
        self._ab -= gain * self._ab
        self._aa -= gain * self._aa
        found = self._quat = turned(expected, (gain * i, gain * j, gain * k))
        return found

    def _begin(self, quat: Quat) -> Quat:
        self._quat, self._aa, self._ab = quat, MEASURED * MEASURED, 0.0
        return quat
