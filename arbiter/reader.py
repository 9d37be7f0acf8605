"""Reads the robot once a tick: what is believed of it, and the time that decisions go by."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from arbiter.errors import RobotError
from arbiter.estimation.estimator import BaseEstimator
from arbiter.events import Event
from arbiter.robot import Robot
from arbiter.safety import Safety
from arbiter.types import RobotState
from arbiter.wall import walled

TRUSTED = 0.5  # [s] without a doubt after which a part of the readings counts as believed again
JUMP = 0.3  # [s] between two ticks: no tick is so late, the clock has jumped (or the process slept: its robot damps by itself)


class SteadyTime:
    """A clock that jumps counts as one that went on by a tick: neither a skill's time nor a hand-over is over at once.

    Attributes:
        shift: What the clock has jumped by so far [s].
        jumped: What it jumped by in this tick [s].
    """

    def __init__(self, dt: float) -> None:
        self._dt, self._last = dt, math.nan
        self.shift = self.jumped = 0.0

    def of(self, now: float) -> float:
        """The time [s] that the clock's `now` [s] stands for; the same until it first jumps."""
        if not math.isfinite(now):
            now = self._last + self._dt
        step, self._last, self.jumped = now - self._last, now, 0.0
        if step < 0.0 or step > JUMP:
            self.jumped = step - self._dt
            self.shift += self.jumped
        return now - self.shift


class Reader:
    """Attributes:
    reading: What was read in this tick; None where the driver failed or told what is no reading.
    believed: What the safety layer believes of it, stamped by the driver's clock.
    state: The same for everything that decides, stamped by `now`, with the estimate of where the base is.
    at: When it was read, by the clock [s].
    now: The time that decisions go by [s].
    doubted: Since when, and until when, each part of the readings was in doubt [s], by name.
    """

    def __init__(
        self, robot: Robot, safety: Safety, emit: Callable[[Event], None], estimator: BaseEstimator | None = None
    ) -> None:
        self._robot, self._safety, self._emit, self._estimator = robot, safety, emit, estimator
        self._dt, self._time = robot.model.dt, SteadyTime(robot.model.dt)
        self.reading: RobotState | None = None
        self.believed: RobotState | None = None
        self.state: RobotState | None = None
        self.at = self.now = 0.0
        self.doubted: dict[str, tuple[float, float]] = {}

    def read(self, now: float) -> RobotState:
        """Reads at the clock's `now` [s]. A reading that fails is none: the last good values stand in, and age.

        Raises RobotError while there has never been one.
        """
        reading, error = walled(self._robot.read, now)
        if error or not isinstance(reading, RobotState):
            error = error or f"read() returned {type(reading).__name__}"
            reading = None
        self.at, self.now = now, self._time.of(now)
        if self._time.jumped:
            self._emit(Event(self.now, "reading", f"the clock jumped by {self._time.jumped:+.3f} s"))
        state = self._safety.believe(reading, now)
        if state is None:
            raise RobotError(f"the robot gave no first reading: {error or self._safety.problem or 'what it told is no reading'}")
        self.reading, self.believed, shift = reading, state, self._time.shift
        self.state = self._estimated(replace(state, stamp=state.stamp - shift) if shift else state)
        self._remark(self._safety.doubts | {"driver": error} if error else self._safety.doubts)
        return self.state

    def _estimated(self, state: RobotState) -> RobotState:
        """The same with where the base is."""
        return state if self._estimator is None else replace(state, estimate=self._estimator.step(state))

    def _remark(self, doubts: dict[str, str]) -> None:
        """Emits an event when a reading is no longer believed, and one when it is again."""
        if not (doubts or self.doubted):
            return
        now = self.now
        for name in doubts.keys() - self.doubted.keys():
            self._emit(Event(now, "reading", f"reading of {name} not believed: {doubts[name]}", {"of": name}))
            self.doubted[name] = (now, now)
        for name, (since, last) in list(self.doubted.items()):
            if name in doubts:
                self.doubted[name] = (since, now)
            elif now - last >= TRUSTED:
                del self.doubted[name]
                gap = last - since + self._dt
                self._emit(Event(now, "reading", f"reading of {name} believed again; it was not for {gap:.2f} s", {"of": name}))
