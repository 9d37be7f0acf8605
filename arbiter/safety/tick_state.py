"""Small state of the safety layer: its clock, whose targets pass in SETTLE, the gains of the last good command."""

from __future__ import annotations

import math

import numpy as np

from arbiter.robot import RobotModel
from arbiter.safety.intake import is_number


class TickClock:
    """Attributes:
    now: Time of this tick [s].
    """

    def __init__(self, dt: float) -> None:
        self._dt, self.now, self._ticked = dt, 0.0, 0.0

    def restart(self) -> None:
        """The next tick is the first one."""
        self._ticked = -math.inf

    def next(self, now: object, armed: bool) -> tuple[str, float]:
        """Advances the time. Returns why this tick does not count, and its length [s]."""
        dt = self._dt
        if not is_number(now):
            now = self.now + dt
        elapsed = now - self._ticked
        if elapsed < 0.5 * dt and armed:
            if elapsed < -0.5 * dt:  # if it runs on from there, all is well again in the next tick
                self.now = self._ticked = now
            return f"the clock moved by {elapsed:.4f} s since the last tick; {dt:g} s is a tick", dt
        self.now = self._ticked = now
        return "", min(max(elapsed, dt), 5.0 * dt)


class Passes:
    """Whose targets pass in SETTLE.

    Attributes:
        walking: Policy whose legs are in the middle of a walk; "" if none.
        stopping: Policy that brings a walk to rest; "" if none does.
    """

    def __init__(self, fallbacks: tuple[str, ...], limit: float) -> None:
        """`limit`: how long a walk may take to come to rest [s]."""
        self._fallbacks, self._limit = frozenset(fallbacks), limit
        self.walking = self.stopping = ""

    def after(self, settling: float) -> frozenset[str]:
        """Policies whose targets pass after `settling` [s] of it."""
        walks = self.stopping or self.walking
        return self._fallbacks | {walks} if walks and settling <= self._limit else self._fallbacks


class LastGood:
    """Attributes:
    gains: kp, kd of the last good command, shape (2, n).
    """

    def __init__(self, model: RobotModel) -> None:
        self._own = np.stack((model.kp, model.kd))
        self._finite = np.zeros((3, model.n), bool)
        self.gains = self._own.copy()

    def forget(self) -> None:
        """The robot's own gains again."""
        self.gains[:] = self._own

    def take(self, block: np.ndarray) -> bool:
        """Whether all of q, kp, kd, shape (3, n), is finite; if so, it is the last good command."""
        np.isfinite(block, self._finite)
        if np.count_nonzero(self._finite) != self._finite.size:
            return False
        self.gains[:] = block[1:]
        return True
