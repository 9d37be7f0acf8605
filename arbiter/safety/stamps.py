"""When a reading was measured, and whether its stamp, its charge and its list of faults make sense."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from arbiter.safety.intake import is_number

STAMP_STEP = 0.5  # [s] by which no honest stamp gets older from one reading to the next
PAUSE = 5  # ticks at most that a late tick counts for: a clock that jumps makes no reading old
CHARGE_STEP = 0.05  # of a full battery, from one reading to the next; a load makes a voltage sag less
CHARGE_HELD = 0.2  # [s] for which another charge must be told before it counts
ROUNDING = 1e-9  # [s] ages are differences of clock readings; one that meets its limit exactly is fine
MISSED = 0.3  # [s] that readings may be missing beyond those that came: half of them for ever, four of five for half a second


class Elapsed:
    """Time, as ages count it.

    Attributes:
        now: Of it, what is counted [s].
        missed: For how long readings were missing, less the time in which they came [s].
    """

    def __init__(self, dt: float) -> None:
        self._dt, self._clock = dt, math.nan
        self.now = self.missed = 0.0

    def pass_to(self, clock: float, came: bool) -> float:
        """The caller's clock is at `clock` [s]; `came`: a reading came with it. Returns by how much the time went on [s]."""
        step = 0.0 if math.isnan(self._clock) else clock - self._clock
        step = self._dt if step < 0.0 else min(step, PAUSE * self._dt)
        self._clock, self.now = clock, self.now + step
        self.missed = min(max(0.0, self.missed + (-step if came else step)), 2.0 * MISSED)
        return step


class Stamps:
    """Dates readings.

    Attributes:
        late: Age of the newest reading [s].
        undated: For how long stamps have made no sense [s].
        stamp: Of the newest reading, or what stands in for it [s].
    """

    def __init__(self, dt: float) -> None:
        self._dt = dt
        self.late, self.undated, self.stamp = math.inf, 0.0, 0.0

    def date(self, stamp: Any, now: float, step: float, news: Callable[[], bool]) -> str:
        """Finds how old the reading is; returns what is wrong with its stamp.

        A stamp out of the future, or one that no clock can show, dates nothing: what is new in its bits is taken for a tick old.

        Args:
            stamp: What the reading says. now: The caller's clock [s]. step: Since the last reading [s].
            news: Whether any of its bits are new; asked only where the stamp makes no sense.
        """
        age = now - stamp if is_number(stamp) else math.nan
        if -self._dt <= age <= self.late + STAMP_STEP:
            self.late, self.undated, self.stamp = age, 0.0, stamp
            return ""
        self.undated += step
        if news():
            self.late = self._dt
        elif age > self.late:
            self.late = age
        self.stamp = now - self.late
        if math.isnan(age):
            return "the reading's stamp is not a finite number"
        return f"the reading is stamped {abs(age):.3f} s {'in the future' if age < 0.0 else 'ago, all at once'}"


class Charge:
    """A battery does not lose its charge in a tick: a value far from the last one counts once it has stayed for a while.

    Attributes:
        value: Believed, 0 to 1; nan: the robot cannot tell.
    """

    def __init__(self) -> None:
        self.value, self._apart = math.nan, 0.0  # for how long another one has been told [s]

    def take(self, told: object, step: float, first: bool) -> None:
        """A reading tells `told`, whatever it is, `step` [s] after the last one."""
        charge = float(told) if is_number(told) and 0.0 <= told <= 1.0 else math.nan
        near = abs(charge - self.value) <= CHARGE_STEP or math.isnan(charge) and math.isnan(self.value)
        self._apart = 0.0 if near else self._apart + step
        if near or self._apart > CHARGE_HELD + ROUNDING or first:
            self.value, self._apart = charge, 0.0
