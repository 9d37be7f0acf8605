"""Rates of the position target: every step keeps range, velocity, acceleration and a way to brake before the end."""

from __future__ import annotations

import numpy as np

from arbiter.safety.limits import SafetyLimits

EPS = 1e-9  # [rad] below this a difference is rounding, not an intervention


def fastest(room: np.ndarray, brake: np.ndarray) -> np.ndarray:
    """Largest step from which braking still ends within `room`.

    A step s followed by s - a, s - 2a, ... travels k s - a k (k - 1) / 2 in its k positive terms; solved for s, this is the
    discrete-time form of v = sqrt(2 a_max distance): exact at every distance, not only for small ticks.

    Args:
        room: Distance to the end before the step [rad], >= 0.
        brake: Largest change of the step from tick to tick [rad], > 0, broadcast against `room`.
    """
    k = np.maximum(np.ceil(0.5 * (np.sqrt(1.0 + 8.0 / brake * room) - 1.0)), 1.0)
    return room / k + 0.5 * brake * (k - 1.0)


def braking(step: np.ndarray, brake: np.ndarray) -> np.ndarray:
    """Distance travelled after a step [rad] when every following step is shorter by `brake`; signed like `step`."""
    size = np.abs(step)
    terms = np.floor(size / brake)
    return np.copysign(terms * (size - 0.5 * brake * (terms + 1.0)), step)


class Shaper:
    """Moves the position target from tick to tick.

    What is sent keeps, in this priority: the range, the velocity, the acceleration, then (as far as these allow) the torque
    window around the measured joint. Because a step is only taken if braking from it ends inside the range, the first three
    never contradict each other.

    `propose` computes `next` and remembers nothing until `commit`.

    Attributes:
        q: Last sent position target [rad], shape (n,).
        step: Last sent step, q minus the one before [rad], shape (n,).
        next: Proposed position target [rad], shape (n,).
        changes: What the last `propose` changed: (check, mask, asked, given, scale) with asked and given in rad or N·m,
            shape (n,), and the factor that turns them into the unit of the check.
    """

    def __init__(self, limits: SafetyLimits, dt: float) -> None:
        n = len(limits.joints)
        self._lower, self._upper = limits.lower, limits.upper
        self._v = limits.velocity * dt
        self._a = limits.acceleration * (dt * dt)
        self._tau = limits.effort * limits.torque_factor
        self._rate = 1.0 / dt
        self._half_inverse = 0.5 / self._a
        self._bounds = np.stack((self._v, self._a))
        self.q, self.step, self.next = np.zeros(n), np.zeros(n), np.zeros(n)
        self.changes: list[tuple[str, np.ndarray, np.ndarray, np.ndarray, float]] = []
        self._aim, self._aimed = np.zeros(n), np.zeros(n)  # this tick's and the last tick's target after clamps
        self._lagging = False
        self._two, self._two_ok = np.zeros((2, n)), np.zeros((2, n), bool)
        self._ok, self._x, self._y = np.zeros(n, bool), np.zeros(n), np.zeros(n)

    def seed(self, q: np.ndarray) -> None:
        """Starts at rest at `q` [rad], drawn into the range."""
        np.clip(q, self._lower, self._upper, out=self.q)
        self.next[:] = self._aim[:] = self._aimed[:] = self.q
        self.step[:] = 0.0
        self._lagging = False

    def still(self, mask: np.ndarray, want: np.ndarray) -> None:
        """Writes into `want` [rad] what brings the joints of `mask` to rest soonest: the last command stands in."""
        np.copyto(want, self.q + self._slowed(), where=mask)
        np.copyto(self._aimed, self.q, where=mask)

    def _slowed(self) -> np.ndarray:
        return np.copysign(np.maximum(np.abs(self.step) - self._a, 0.0), self.step)

    def propose(self, want: np.ndarray, q: np.ndarray, dq: np.ndarray, kp: np.ndarray, kd: np.ndarray) -> None:
        """Sets `next` from `want` [rad], which lies within the range; q, dq: measured; kp, kd: gains that go out."""
        self.changes.clear()
        self._aim[:] = want
        if self._lagging or not self._free(want):
            self._next(report=True)
        else:
            self.next[:] = want
        x, y, ok = self._x, self._y, self._ok
        np.subtract(self.next, q, out=x)
        np.multiply(kp, x, out=x)
        np.multiply(kd, dq, out=y)
        np.subtract(x, y, out=x)
        np.abs(x, out=x)
        np.less_equal(x, self._tau, out=ok)
        if not ok.all():
            self._relieve(q, dq, kp, kd)

    def _free(self, want: np.ndarray) -> bool:
        """Whether `want` can be sent as it is. Cheap and a little strict: a doubtful case goes the exact way."""
        two, x, y, ok = self._two, self._x, self._y, self._ok
        d = two[0]
        np.subtract(want, self.q, out=d)
        np.subtract(d, self.step, out=two[1])
        np.multiply(d, d, out=x)
        np.multiply(x, self._half_inverse, out=x)  # no less than what braking needs
        np.abs(two, out=two)
        np.less_equal(two, self._bounds, out=self._two_ok)
        if not self._two_ok.all():
            return False
        np.subtract(want, x, out=y)
        np.greater_equal(y, self._lower, out=ok)
        if not ok.all():
            return False
        np.add(want, x, out=y)
        np.less_equal(y, self._upper, out=ok)
        return bool(ok.all())

    def _next(self, report: bool, mask: np.ndarray | bool = True) -> None:
        """The exact way to the aim, for all joints or those of `mask`."""
        q, v, a, aim = self.q, self._v, self._a, self._aim
        d = aim - q
        drift = np.clip(aim - self._aimed, -v, v)  # the target's own step: following it needs no room to brake
        behind = d - drift
        up, down, close = fastest(np.maximum(np.stack((self._upper - q, q - self._lower, np.abs(behind))), 0.0), a)
        high, low = np.minimum(v, up), np.maximum(-v, -down)
        fast = np.minimum(np.maximum(d, low), high)
        step = np.minimum(np.maximum(drift + np.copysign(close, behind), self.step - a), self.step + a)
        step = np.minimum(np.maximum(step, low), high)
        moved = np.abs(d - step) > EPS
        np.copyto(self.next, np.where(moved, np.clip(q + step, self._lower, self._upper), aim), where=mask)
        if report and moved.any():
            too_fast = np.abs(d - fast) > EPS
            too_sudden = np.abs(fast - step) > EPS
            self.changes.append(("velocity", too_fast, d, fast, self._rate))
            self.changes.append(("acceleration", too_sudden, fast - self.step, step - self.step, self._rate * self._rate))

    def _relieve(self, q: np.ndarray, dq: np.ndarray, kp: np.ndarray, kd: np.ndarray) -> None:
        """Moves targets whose spring pulls beyond the torque limit towards the measured joint, never past it."""
        e, damping, before = self.next - q, kd * dq, self.next.copy()
        tau = kp * e - damping
        over = (np.abs(tau) > self._tau + EPS) & (tau * e > 0.0) & (kp > 0.0)
        if not over.any():
            return
        stiff = np.where(over, kp, 1.0)
        high = np.maximum((self._tau + damping) / stiff, 0.0)
        low = np.minimum((damping - self._tau) / stiff, 0.0)
        aim = np.clip(q + np.minimum(np.maximum(e, low), high), self._lower, self._upper)
        np.copyto(self._aim, aim, where=over)
        self._next(report=False, mask=over)
        over &= np.abs(self.next - before) > EPS
        self.changes.append(("torque", over, tau, kp * (self.next - q) - damping, 1.0))

    def brake(self, mask: np.ndarray) -> None:
        """Lets the joints of `mask` come to rest as soon as they can, instead of what was proposed."""
        slow = self.q + self._slowed()
        np.copyto(self.next, slow, where=mask)
        np.copyto(self._aim, slow, where=mask)

    def rest(self) -> np.ndarray:
        """Where the proposed step would come to rest if braked from there [rad], shape (n,)."""
        return self.next + braking(self.next - self.q, self._a)

    def commit(self) -> None:
        """`next` goes out."""
        np.subtract(self.next, self.q, out=self.step)
        self.q[:] = self.next
        self._aimed[:] = self._aim
        if self._lagging or self.changes:
            self._lagging = bool((np.abs(self._aim - self.q) > EPS).any())
