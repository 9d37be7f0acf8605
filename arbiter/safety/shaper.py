"""Rates of the position target: every step keeps range, velocity, acceleration and a way to brake before the end."""

from __future__ import annotations

import numpy as np

from arbiter.safety.limits import SafetyLimits
from arbiter.safety.rates import EPS, braking, joint_rates

Rows = tuple[np.ndarray, np.ndarray]
CHECKS = ("velocity", "acceleration", "torque")


class FreeCheck:
    """Which joints may go where they want as it is. Cheap and a little strict: a doubtful joint goes the exact way."""

    def __init__(self, limits: SafetyLimits, dt: float) -> None:
        speed, brake, n = limits.velocity * dt, limits.acceleration * (dt * dt), len(limits.joints)
        self._half_inverse, self._brake = 0.5 / brake, np.zeros(n)
        # Rows of "size <= bound": speed, acceleration, margin to either end, torque.
        self._size, self._fine = np.zeros((5, n)), np.zeros((5, n), bool)
        self._bound = np.stack((speed, brake, -limits.lower, limits.upper, limits.effort * limits.torque_factor))

    def doubtful(self, want: np.ndarray, sent: np.ndarray, last: np.ndarray, measured: Rows, gains: Rows) -> np.ndarray | None:
        """Joints that need the exact way, bool, shape (n,); None: there are none.

        Args:
            want: Where they are to go [rad]; sent, last: the last position and step [rad]; all of shape (n,).
            measured: Positions and velocities [rad, rad/s]. gains: kp, kd.
        """
        (q, dq), (kp, kd) = measured, gains
        step, change, below, above, tau = self._size
        brake = self._brake
        np.subtract(want, sent, step)
        np.subtract(step, last, change)
        np.multiply(step, step, brake)
        np.multiply(brake, self._half_inverse, brake)  # no less than what braking needs
        np.subtract(want, q, tau)
        np.multiply(tau, kp, tau)
        np.multiply(kd, dq, below)
        np.subtract(tau, below, tau)
        np.subtract(brake, want, below)
        np.add(brake, want, above)
        np.abs(self._size[:2], self._size[:2])
        np.abs(tau, tau)
        np.less_equal(self._size, self._bound, self._fine)
        if np.count_nonzero(self._fine) == self._fine.size:
            return None
        return ~np.logical_and.reduce(self._fine)


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
        changes: What the last `propose` changed: (check, joint, asked, given), in the unit of the check.
        lagging: Joints that are behind their aim, bool, shape (n,); None: no joint is.
    """

    def __init__(self, limits: SafetyLimits, dt: float) -> None:
        n = len(limits.joints)
        self._range, self._brake, self._rate = (limits.lower, limits.upper), limits.acceleration * (dt * dt), 1.0 / dt
        self._rates, self._check = joint_rates(limits, dt), FreeCheck(limits, dt)
        self.q, self.step, self.next = np.zeros((3, n))
        self.changes: list[tuple[str, int, float, float]] = []
        self.lagging: np.ndarray | None = None
        self._aim, self._aimed = np.zeros((2, n))  # this tick's and the last tick's target after clamps
        self._bound = False  # whether the last `propose` left a joint short of its aim

    def seed(self, q: np.ndarray) -> None:
        """Starts at rest at `q` [rad], drawn into the range."""
        np.clip(q, *self._range, out=self.q)
        self.next[:] = self._aim[:] = self._aimed[:] = self.q
        self.step[:] = 0.0
        self.lagging = None

    def still(self, mask: np.ndarray, want: np.ndarray) -> None:
        """Writes into `want` [rad] what brings the joints of `mask` to rest soonest: the last command stands in."""
        np.copyto(want, self._slowed(), where=mask)
        np.copyto(self._aimed, self.q, where=mask)

    def _slowed(self) -> np.ndarray:
        """The next position of joints that brake; clipped, as rounding may lead past the end that they brake before."""
        slow = self.q + np.copysign(np.maximum(np.abs(self.step) - self._brake, 0.0), self.step)
        lower, upper = self._range
        return np.minimum(np.maximum(slow, lower, out=slow), upper, out=slow)

    def propose(self, want: np.ndarray, measured: Rows, gains: Rows) -> None:
        """Sets `next` from `want` [rad], which lies within the range.

        Args:
            measured: Positions and velocities [rad, rad/s]; gains: kp and kd that go out; shape (n,) each.
        """
        self.changes.clear()
        self._bound = False
        self._aim[:] = self.next[:] = want
        doubtful = self._check.doubtful(want, self.q, self.step, measured, gains)
        if self.lagging is not None:
            doubtful = self.lagging if doubtful is None else doubtful | self.lagging
        if doubtful is not None:
            self._go_exactly(np.flatnonzero(doubtful).tolist(), measured, gains)

    def _go_exactly(self, joints: list[int], measured: Rows, gains: Rows) -> None:
        """The exact way of these joints, one by one."""
        found: list[tuple[int, int, float, float]] = []  # place in CHECKS, joint, asked, given
        rate, columns = self._rate, (self.q, self.step, self._aim, self._aimed, *measured, *gains)
        rows = list(zip(*(column.tolist() for column in columns), strict=True))
        for i in joints:
            sent, last, aim, aimed, q, dq, kp, kd = rows[i]
            rates, d = self._rates[i], aim - sent
            to, fast, step = rates.reach(sent, last, aim, aimed)
            if to != aim:
                self._bound = True
                if abs(d - fast) > EPS:
                    found.append((0, i, d * rate, fast * rate))
                if abs(fast - step) > EPS:
                    found.append((1, i, (fast - last) * (rate * rate), (step - last) * (rate * rate)))
            eased = rates.relieved(to, q, dq, kp, kd)
            if eased is not None:
                before, (to, _, _) = to, rates.reach(sent, last, eased, aimed)
                # The way to the nearer aim may brake earlier than the way that was proposed; it must not fall back behind it.
                to = min(to, before) if before > q else max(to, before)
                self._aim[i], self._bound = eased, True
                if abs(to - before) > EPS:
                    found.append((2, i, kp * (before - q) - kd * dq, kp * (to - q) - kd * dq))
            self.next[i] = to
        self.changes.extend((CHECKS[check], i, asked, given) for check, i, asked, given in sorted(found))

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
        return self.next + braking(self.next - self.q, self._brake)

    def commit(self) -> None:
        """`next` goes out."""
        np.subtract(self.next, self.q, self.step)
        self.q[:] = self.next
        self._aimed[:] = self._aim
        if self._bound or self.lagging is not None:
            behind = np.abs(self._aim - self.q) > EPS
            self.lagging = behind if np.count_nonzero(behind) else None
