"""What one joint may do in a tick: speed, acceleration, a way to brake before the end of its range, torque."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from arbiter.safety.limits import SafetyLimits

EPS = 1e-9  # [rad] below this a difference is rounding, not an intervention


def fastest(room: float, brake: float) -> float:
    """Largest step from which braking still ends within `room` [rad].

    A step s followed by s - a, s - 2a, ... travels k s - a k (k - 1) / 2 in its k positive terms; solved for s, this is
    the discrete-time form of v = sqrt(2 a_max distance): exact at every distance, not only for small ticks.

    Args:
        room: Distance to the end before the step [rad], >= 0.
        brake: Largest change of the step from tick to tick [rad], > 0.
    """
    k = max(math.ceil(0.5 * math.sqrt(room * (8.0 / brake) + 1.0) - 0.5), 1)
    return room / k + 0.5 * brake * (k - 1)


def braking(step: np.ndarray, brake: np.ndarray) -> np.ndarray:
    """Distance travelled after a step [rad] when every following step is shorter by `brake`; signed like `step`."""
    size = np.abs(step)
    terms = np.floor(size / brake)
    return np.copysign(terms * (size - 0.5 * brake * (terms + 1.0)), step)


@dataclass(frozen=True, slots=True)
class JointRates:
    """Limits of one joint, a tick.

    Attributes:
        lower, upper: Range [rad].
        speed: Largest step [rad]. brake: Largest change of a step [rad].
        torque: Largest torque that a target may imply [N·m].
    """

    lower: float
    upper: float
    speed: float
    brake: float
    torque: float

    def clipped(self, q: float) -> float:
        """`q` [rad], drawn into the range."""
        return min(max(q, self.lower), self.upper)

    def reach(self, q: float, last: float, aim: float, aimed: float) -> tuple[float, float, float]:
        """The way to `aim` [rad] for a joint at `q` [rad] after a step of `last` [rad]; the aim was `aimed` [rad] a tick ago.

        Returns the next target, the step that the speed alone would allow, and the step that is taken [rad].
        """
        d, brake = aim - q, self.brake
        drift = min(max(aim - aimed, min(d, 0.0)), max(d, 0.0))  # the target's own step, as far as it leads there: no room needed
        behind = d - drift
        high = min(fastest(max(self.upper - q, 0.0), brake), self.speed)
        low = max(-fastest(max(q - self.lower, 0.0), brake), -self.speed)
        fast = min(max(d, low), high)
        step = drift + math.copysign(fastest(abs(behind), brake), behind)
        step = min(max(min(max(step, last - brake), last + brake), low), high)
        return (aim if abs(d - step) <= EPS else self.clipped(q + step)), fast, step

    def relieved(self, want: float, q: float, dq: float, kp: float, kd: float) -> float | None:
        """`want` [rad], drawn towards the measured joint, `q` [rad] and `dq` [rad/s], never past it, where its spring pulls
        beyond the torque limit; None: it does not."""
        e, damping = want - q, kd * dq
        tau = kp * e - damping
        if abs(tau) <= self.torque + EPS or tau * e <= 0.0:  # the damping exceeds it: moving the target would only push harder
            return None
        high, low = max((self.torque + damping) / kp, 0.0), min((damping - self.torque) / kp, 0.0)
        return self.clipped(q + min(max(e, low), high))


def joint_rates(limits: SafetyLimits, dt: float) -> list[JointRates]:
    """The limits of each joint in a tick of `dt` [s]."""
    columns = (
        limits.lower,
        limits.upper,
        limits.velocity * dt,
        limits.acceleration * (dt * dt),
        limits.effort * limits.torque_factor,
    )
    return [JointRates(*values) for values in zip(*(column.tolist() for column in columns), strict=True)]
