"""Rates of the position target: every step keeps range, velocity, acceleration and a way to brake before the end."""

from __future__ import annotations

import numpy as np

from arbiter.safety.limits import SafetyLimits

EPS = 1e-9  # [rad] below this a difference is rounding, not an intervention


def fastest(room: np.ndarray, brake: np.ndarray, eight_by_brake: np.ndarray) -> np.ndarray:
    """Largest step from which braking still ends within `room`.

    A step s followed by s - a, s - 2a, ... travels k s - a k (k - 1) / 2 in its k positive terms; solved for s, this is
    the discrete-time form of v = sqrt(2 a_max distance): exact at every distance, not only for small ticks.

    Args:
        room: Distance to the end before the step [rad], >= 0.
        brake: Largest change of the step from tick to tick [rad], > 0, broadcast against `room`.
        eight_by_brake: 8 / brake.
    """
    k = room * eight_by_brake
    k += 1.0
    np.sqrt(k, out=k)
    k *= 0.5
    k -= 0.5
    np.maximum(np.ceil(k, out=k), 1.0, out=k)
    s = room / k
    k -= 1.0
    k *= brake
    k *= 0.5
    s += k
    return s


def braking(step: np.ndarray, brake: np.ndarray) -> np.ndarray:
    """Distance travelled after a step [rad] when every following step is shorter by `brake`; signed like `step`."""
    size = np.abs(step)
    terms = np.floor(size / brake)
    return np.copysign(terms * (size - 0.5 * brake * (terms + 1.0)), step)


class Shaper:
    """Moves the position target from tick to tick.

    What is sent keeps, in this priority: the range, the velocity, the acceleration, then (as far as these allow) the
    torque window around the measured joint. Because a step is only taken if braking from it ends inside the range, the
    first three never contradict each other.

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
        self._eight_inverse = 8.0 / self._a
        self.q, self.step, self.next = np.zeros(n), np.zeros(n), np.zeros(n)
        self.changes: list[tuple[str, np.ndarray, np.ndarray, np.ndarray, float]] = []
        self._aim, self._aimed = np.zeros(n), np.zeros(n)  # this tick's and the last tick's target after clamps
        self._lagging = False
        # Rows of "size <= bound": speed, acceleration, margin to either end, torque.
        self._size = np.zeros((5, n))
        self._bound = np.stack((self._v, self._a, -self._lower, self._upper, self._tau))
        self._fine = np.zeros((5, n), bool)
        self._brake = np.zeros(n)
        self._rooms = np.zeros((3, n))

    def seed(self, q: np.ndarray) -> None:
        """Starts at rest at `q` [rad], drawn into the range."""
        np.clip(q, self._lower, self._upper, out=self.q)
        self.next[:] = self._aim[:] = self._aimed[:] = self.q
        self.step[:] = 0.0
        self._lagging = False

    def still(self, mask: np.ndarray, want: np.ndarray) -> None:
        """Writes into `want` [rad] what brings the joints of `mask` to rest soonest: the last command stands in."""
        np.copyto(want, self._slowed(), where=mask)
        np.copyto(self._aimed, self.q, where=mask)

    def _slowed(self) -> np.ndarray:
        """The next position of joints that brake; clipped, as rounding may lead past the end that they brake before."""
        slow = self.q + np.copysign(np.maximum(np.abs(self.step) - self._a, 0.0), self.step)
        return np.minimum(np.maximum(slow, self._lower, out=slow), self._upper, out=slow)

    def propose(self, want: np.ndarray, q: np.ndarray, dq: np.ndarray, kp: np.ndarray, kd: np.ndarray) -> None:
        """Sets `next` from `want` [rad], which lies within the range; q, dq: measured; kp, kd: gains that go out."""
        self.changes.clear()
        self._aim[:] = want
        if self._free(want, q, dq, kp, kd) and not self._lagging:
            self.next[:] = want
        else:
            self._reach(report=True)
            self._relieve(q, dq, kp, kd)

    def _free(self, want: np.ndarray, q: np.ndarray, dq: np.ndarray, kp: np.ndarray, kd: np.ndarray) -> bool:
        """Whether `want` can be sent as it is. Cheap and a little strict: a doubtful case goes the exact way."""
        step, change, below, above, tau = self._size
        brake = self._brake
        np.subtract(want, self.q, out=step)
        np.subtract(step, self.step, out=change)
        np.multiply(step, step, out=brake)
        np.multiply(brake, self._half_inverse, out=brake)  # no less than what braking needs
        np.subtract(want, q, out=tau)
        np.multiply(tau, kp, out=tau)
        np.multiply(kd, dq, out=below)
        np.subtract(tau, below, out=tau)
        np.subtract(brake, want, out=below)
        np.add(brake, want, out=above)
        np.abs(self._size[:2], out=self._size[:2])
        np.abs(tau, out=tau)
        np.less_equal(self._size, self._bound, out=self._fine)
        return np.count_nonzero(self._fine) == self._fine.size

    def _reach(self, report: bool, mask: np.ndarray | bool = True) -> None:
        """The exact way to the aim, for all joints or those of `mask`."""
        q, v, a, aim, rooms = self.q, self._v, self._a, self._aim, self._rooms
        up, down, close = rooms
        d = aim - q
        drift = aim - self._aimed  # the target's own step, as far as it leads there: that needs no room to brake
        np.minimum(np.maximum(drift, np.minimum(d, 0.0), out=drift), np.maximum(d, 0.0), out=drift)
        behind = d - drift
        np.subtract(self._upper, q, out=up)
        np.subtract(q, self._lower, out=down)
        np.abs(behind, out=close)
        np.maximum(rooms, 0.0, out=rooms)
        up, down, close = fastest(rooms, a, self._eight_inverse)
        high, low = np.minimum(up, v, out=up), np.maximum(np.negative(down, out=down), -v, out=down)
        fast = np.minimum(np.maximum(d, low), high)
        drift += np.copysign(close, behind, out=close)
        step = np.minimum(np.maximum(drift, self.step - a), self.step + a)
        step = np.minimum(np.maximum(step, low, out=step), high, out=step)
        moved = np.abs(d - step) > EPS
        if not np.count_nonzero(moved):
            np.copyto(self.next, aim, where=mask)
            return
        reached = np.minimum(np.maximum(q + step, self._lower), self._upper)
        np.copyto(self.next, np.where(moved, reached, aim), where=mask)
        if report:
            rate, last = self._rate, self.step
            self.changes.append(("velocity", np.abs(d - fast) > EPS, d, fast, rate))
            self.changes.append(("acceleration", np.abs(fast - step) > EPS, fast - last, step - last, rate * rate))

    def _relieve(self, q: np.ndarray, dq: np.ndarray, kp: np.ndarray, kd: np.ndarray) -> None:
        """Moves targets whose spring pulls beyond the torque limit towards the measured joint, never past it."""
        e, damping = self.next - q, kd * dq
        tau = kp * e - damping
        over = np.abs(tau) > self._tau + EPS
        if not np.count_nonzero(over):
            return
        over &= tau * e > 0.0  # else the damping is what exceeds it: moving the target would only push harder
        stiff, before = np.where(over, kp, 1.0), self.next.copy()
        high = np.maximum((self._tau + damping) / stiff, 0.0)
        low = np.minimum((damping - self._tau) / stiff, 0.0)
        aim = np.minimum(np.maximum(q + np.minimum(np.maximum(e, low), high), self._lower), self._upper)
        np.copyto(self._aim, aim, where=over)
        self._reach(report=False, mask=over)
        # The way to the nearer aim may brake earlier than the way that was proposed; it must not fall back behind it.
        kept = np.where(e > 0.0, np.minimum(self.next, before), np.maximum(self.next, before))
        np.copyto(self.next, kept, where=over)
        over &= np.abs(self.next - before) > EPS
        self.changes.append(("torque", over, tau, kp * (self.next - q) - damping, 1.0))

    def proposal(self) -> np.ndarray:
        """What was proposed, and the aim that it goes for [rad], shape (2, n): for `ease`."""
        return np.array((self.next, self._aim))

    def ease(self, mask: np.ndarray, proposal: np.ndarray, share: float = 0.0) -> None:
        """Lets the joints of `mask` come to rest as soon as they can but for `share` of the step that was proposed; the
        others do what was proposed. Between two steps that keep every rate lie only steps that do."""
        slow = self._slowed()
        self.next[:], self._aim[:] = proposal
        np.copyto(self.next, slow + share * (proposal[0] - slow), where=mask)
        np.copyto(self._aim, self.next, where=mask)

    def rest(self) -> np.ndarray:
        """Where the proposed step would come to rest if braked from there [rad], shape (n,)."""
        return self.next + braking(self.next - self.q, self._a)

    def commit(self) -> None:
        """`next` goes out."""
        np.subtract(self.next, self.q, out=self.step)
        self.q[:] = self.next
        self._aimed[:] = self._aim
        if self._lagging or self.changes:
            self._lagging = np.count_nonzero(np.abs(self._aim - self.q) > EPS) > 0
