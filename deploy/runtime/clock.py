"""Two clocks for the control loop: real time, paced without drift, and lockstep, which only counts.

clock.start()
while ...:
    tick(clock.now)
    periods = clock.wait()
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """Attributes:
    now: Time of this moment [s]; the origin is arbitrary.
    overruns: Periods that were missed because a tick took too long.
    real: Whether it follows the machine's time.
    """

    @property
    def now(self) -> float: ...
    @property
    def overruns(self) -> int: ...
    @property
    def real(self) -> bool: ...
    def start(self) -> None:
        """The first period begins now."""

    def wait(self) -> int:
        """Waits for the beginning of the next period. Returns how many periods have begun since the last one: 1 on
        time, more after an overrun."""


class RealClock:
    """Follows `time.monotonic`. Deadlines are start + k · dt, so that errors of sleeping do not add up. A missed deadline is
    counted and skipped, without a burst of ticks afterwards: two ticks are at least half a period apart."""

    real = True

    def __init__(
        self, dt: float, monotonic: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """`dt`: length of a period [s]."""
        self._dt = dt
        self._monotonic = monotonic
        self._sleep = sleep
        self._started = 0.0
        self._period = 0
        self._read = -math.inf
        self.overruns = 0

    @property
    def now(self) -> float:
        self._read = self._monotonic()
        return self._read

    def start(self) -> None:
        self._started = self._monotonic()
        self._period = 0
        self.overruns = 0

    def wait(self) -> int:
        earliest = self._read + 0.5 * self._dt  # the tick itself may have begun late
        period, now = self._period + 1, self._monotonic()
        if now > self._deadline(period):
            period = math.floor((now - self._started) / self._dt)
            if now - self._deadline(period) <= 0.5 * self._dt and now >= earliest:
                return self._begin(period, missed=period - self._period)
            period += 1
        while self._deadline(period) < earliest:
            period += 1
        while (left := self._deadline(period) - self._monotonic()) > 0.0:  # a sleep may end early by a rounding of the timer
            self._sleep(left)
        return self._begin(period, missed=period - self._period - 1)

    def _deadline(self, period: int) -> float:
        return self._started + period * self._dt

    def _begin(self, period: int, missed: int) -> int:
        begun, self._period = period - self._period, period
        self.overruns += missed
        return begun


class LockstepClock:
    """Simulated time: a period passes when `wait` is called, however long the tick took. Never overruns."""

    real = False
    overruns = 0

    def __init__(self, dt: float) -> None:
        """`dt`: length of a period [s]."""
        self._dt = dt
        self._period = 0

    @property
    def now(self) -> float:
        return self._period * self._dt  # a product: sums of dt would drift

    def start(self) -> None:
        self._period = 0

    def wait(self) -> int:
        self._period += 1
        return 1
