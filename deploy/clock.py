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

    now: float
    overruns: int
    real: bool

    def start(self) -> None:
        """The first period begins now."""

    def wait(self) -> int:
        """Waits for the beginning of the next period. Returns how many periods have begun since the last one: 1 on
        time, more after an overrun."""


class RealClock:
    """Follows `time.monotonic`. Deadlines lie on the grid start + k · dt, so that errors of sleeping do not add up; a
    missed one is counted and left out, never made up for by a burst of ticks."""

    real = True

    def __init__(self, dt: float, monotonic: Callable[[], float] = time.monotonic,
                 sleep: Callable[[float], None] = time.sleep) -> None:
        """`dt`: length of a period [s]."""
        self._dt = dt
        self._monotonic = monotonic
        self._sleep = sleep
        self._started = 0.0
        self._period = 0
        self.overruns = 0

    @property
    def now(self) -> float:
        return self._monotonic()

    def start(self) -> None:
        self._started = self._monotonic()
        self._period = 0
        self.overruns = 0

    def wait(self) -> int:
        deadline = self._started + (self._period + 1) * self._dt
        left = deadline - self._monotonic()
        if left >= 0.0:
            while left > 0.0:  # a sleep may end early by a rounding of the system's timer
                self._sleep(left)
                left = deadline - self._monotonic()
            self._period += 1
            return 1
        begun = math.floor((self._monotonic() - self._started) / self._dt) - self._period
        begun = max(1, begun)
        self._period += begun
        self.overruns += begun
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
