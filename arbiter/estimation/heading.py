"""The heading: that of the IMU, less its drift, which shows while the robot stands still.

An IMU without a compass integrates its gyroscope's bias into its heading; roll and pitch know where down is and need no help.
While both feet stand and nothing moves, the heading stays what it was, and whatever the IMU's does meanwhile is drift. Feet that
walk tell nothing of it: a foot pivots on the floor by several degrees a step.
"""

from __future__ import annotations

import math

from arbiter.estimation.rotation import Vector

NOISE = 0.005  # [rad] of the IMU's heading, and of a robot that stands nearly still
DRIFT = 0.001  # [rad/s] that the heading of an IMU may drift by; more is found as well, in some seconds
DRIFT_WANDER = 1e-4  # [rad/s per √s] by which the drift changes
WALK = 3e-4  # [rad per √s] by which the IMU's heading wanders beside
STILL_LEGS, STILL_BASE = 0.12, 0.12  # [rad/s] rms of the joints of legs at rest, and of the base; noise included
MOVING = 4.0  # of a robot that moves as much as can be; below 1 it is at rest
SMOOTH = 0.2  # [s] over which that is averaged: one reading is noise
TURN, TURNED = 2.0 * math.pi, 0.05  # [rad]; by which a robot at rest was turned by somebody
SETTLED = 3.0  # [s] of stillness until it counts: a robot that has just stopped pivots slowly on its soles


class Stillness:
    """Whether the robot stands still.

    Attributes:
        now: It has stood still for SETTLED seconds.
    """

    def __init__(self) -> None:
        self.now, self._still, self._motion = False, 0.0, MOVING

    def look(self, standing: bool, legs: float, turning: Vector, step: float) -> None:
        """`standing`: on all feet. `legs`: mean square of their joints' velocities [(rad/s)²]. `turning`: of the base [rad/s]."""
        p, q, r = turning
        motion = legs / STILL_LEGS**2 + (p * p + q * q + r * r) / STILL_BASE**2 if standing else MOVING
        self._motion += min(1.0, step / SMOOTH) * (min(motion, MOVING) - self._motion)
        self._still = self._still + step if self._motion < 1.0 else 0.0
        self.now = self._still >= SETTLED


class Heading:
    """A Kalman filter of the IMU's offset, its drift, and the heading at rest.

    Attributes:
        offset: What the IMU's heading is ahead of the true one [rad]. drift: How fast that grows [rad/s].
        angle: Heading [rad], unwrapped, 0 at the start.
        variance: Of it [rad²].
    """

    def __init__(self, yaw: float) -> None:
        """`yaw`: heading of the IMU at the start [rad], where the heading shall be 0."""
        self.offset, self.drift, self.angle = yaw, 0.0, 0.0
        self._rest: float | None = None  # heading at rest [rad], None in motion
        self._oo, self._od, self._or = 0.0, 0.0, 0.0  # covariance of offset, drift and heading at rest
        self._dd, self._dr, self._rr = DRIFT**2, 0.0, 0.0

    @property
    def variance(self) -> float:
        return self._oo

    def step(self, yaw: float, resting: bool, step: float) -> None:
        """The IMU's heading is `yaw` [rad], `step` [s] later."""
        self.offset += step * self.drift
        self._oo += step * (2.0 * self._od + step * self._dd + WALK * WALK)
        self._od += step * self._dd
        self._or += step * self._dr
        self._dd += DRIFT_WANDER * DRIFT_WANDER * step
        if not resting:
            self._rest = None
        elif self._rest is None:
            self._rest = yaw - self.offset
            self._or, self._dr, self._rr = -self._oo, -self._od, self._oo + NOISE * NOISE
        else:
            self._rest = self._hold(self._rest, math.remainder(yaw - self.offset - self._rest, TURN))
        self.angle += math.remainder(yaw - self.offset - self.angle, TURN)

    def _hold(self, rest: float, miss: float) -> float | None:
        """The heading should be `rest` [rad]; the IMU tells `miss` more. Returns what it is at rest; None: somebody turned it."""
        if abs(miss) > TURNED:
            return None
        o, d, r = self._oo + self._or, self._od + self._dr, self._or + self._rr
        gain = 1.0 / (o + r + NOISE * NOISE)
        self.offset += gain * o * miss
        self.drift += gain * d * miss
        self._oo, self._od, self._or = self._oo - gain * o * o, self._od - gain * o * d, self._or - gain * o * r
        self._dd, self._dr, self._rr = self._dd - gain * d * d, self._dr - gain * d * r, self._rr - gain * r * r
        return rest + gain * r * miss
