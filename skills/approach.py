"""Walks that are led to a place which is found anew in every tick: turn towards it, walk, then small steps and the last turn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from arbiter.frames import standpoint_of
from arbiter.skill import Outcome, Parameter, Progress, RunContext, StartEnvelope, Verification
from arbiter.types import Request, RobotState, Standpoint
from skills import criteria
from skills.judged import Judged
from skills.response import CALM
from skills.steering import ramp, within

ASTRAY, STRAIGHT = 0.5, 0.15  # [rad] off the way at which it stops to turn, and at which it walks on
TAPER, STEER, LATERAL = 0.8, 1.5, 1.0  # [1/s] of what is left ahead, to turn, to the side
STEP_AHEAD, STEP_ASIDE = (0.12, 0.2), (0.08, 0.15)  # [m/s] least and most of the last steps
TURN_RATE, HOLD_RATE = (0.25, 0.6), 0.4  # [rad/s] least and most of a turn on the spot; most while it walks
CLOSE, LEVEL = 0.04, 0.07  # [m], [rad] of the place at which the command becomes zero
COAST = 0.035  # [m] further ahead at which it does: the body goes on
GOOD, EVEN = 0.05, 0.09  # [m], [rad] at which the robot, at rest, is there
REST, STAYS = (0.8, 2.4), 0.2  # [s] after the command fell to zero, least and most, and [s] of calm
TRIES = 3  # times that it comes to rest and goes on
DOUBTED = 1.0  # [s] without a trusted estimate


@dataclass(frozen=True, slots=True)
class ToGo:
    """What is left, in the heading that the robot has now: ahead, left [m] and turn [rad] at the place; None: any heading."""

    ahead: float
    left: float
    turn: float | None = None

    @property
    def far(self) -> float:
        """Distance to the place [m]."""
        return math.hypot(self.ahead, self.left)

    def there(self, close: float, level: float, coast: float = 0.0) -> bool:
        """Whether it is within these [m] and [rad]; ahead by `coast` [m] more."""
        return -close <= self.ahead <= close + coast and abs(self.left) <= close and abs(self.turn or 0.0) <= level


def sized(value: float, least: float, most: float) -> float:
    """`value` with a size from `least` to `most`."""
    return math.copysign(min(max(abs(value), least), most), value)


class Guide:
    """Velocities to a place. Remembers whether it walks or turns.

    Args:
        near: Distance [m] within which it steps to the place without facing it.
    """

    def __init__(self, near: float) -> None:
        self._near, self._turning = near, True

    def velocity(self, togo: ToGo, pace: float) -> np.ndarray:
        """x, y [m/s] and yaw [rad/s], body frame, shape (3,)."""
        return self._walk(togo, pace) if togo.far > self._near else self._step(togo)

    def _walk(self, togo: ToGo, pace: float) -> np.ndarray:
        off = math.atan2(togo.left, togo.ahead)
        self._turning = abs(off) > (STRAIGHT if self._turning else ASTRAY)
        if self._turning:
            return np.array((0.0, 0.0, sized(STEER * off, *TURN_RATE)))
        ahead = min(pace, max(STEP_AHEAD[1], TAPER * togo.ahead))
        return np.array((ahead, 0.0, within(STEER * off, HOLD_RATE)))

    def _step(self, togo: ToGo) -> np.ndarray:
        self._turning, turn = False, togo.turn or 0.0
        if abs(turn) > ASTRAY:
            return np.array((0.0, 0.0, sized(STEER * turn, *TURN_RATE)))
        return np.array(
            (
                sized(TAPER * togo.ahead, *STEP_AHEAD) if not -CLOSE <= togo.ahead <= CLOSE + COAST else 0.0,
                sized(LATERAL * togo.left, *STEP_ASIDE) if abs(togo.left) > CLOSE else 0.0,
                sized(STEER * turn, *TURN_RATE) if abs(turn) > LEVEL else 0.0,
            )
        )


PACE = Parameter("speed", "m/s", 0.3, 0.1, 0.5)


class RestAtGoal:
    """Whether a robot that has reached its place has come to rest there."""

    def __init__(self) -> None:
        self._at, self._swayed = math.inf, 0.0

    def reached(self, progress: Progress, there: bool) -> bool:
        """Whether it has reached its place, now (`there`) or before."""
        if there:
            self._at = min(self._at, progress.elapsed)
        return progress.elapsed >= self._at

    def rested(self, state: RobotState, progress: Progress) -> bool:
        """Whether it is at rest, or the time for that is over."""
        since = progress.elapsed - self._at
        if math.hypot(*state.base_ang_vel.tolist()) > CALM:
            self._swayed = progress.elapsed
        return since >= REST[1] or (since >= REST[0] and progress.elapsed - self._swayed >= STAYS - 1e-9)


class Guided(Judged):
    """A walk to a place that `togo` finds in every tick from the estimate of the base.

    It comes to rest there, looks at what is left, and goes on if that is too much, TRIES times.
    """

    start = StartEnvelope(joint_speed=4.0, ang_vel=1.5, posture=0.25)
    time_limit = 90.0
    near, good, even = 0.35, GOOD, EVEN  # [m], [m], [rad]

    _guide: Guide
    _arrival: RestAtGoal
    _rests = 0
    _why = ""
    _trusted = 0.0

    def begin(self, context: RunContext) -> Self:
        run = super().begin(context)
        run._guide, run._arrival = Guide(self.near), RestAtGoal()
        return run

    def togo(self, here: Standpoint, progress: Progress) -> ToGo | None:
        """What is left to go; None: there is nothing to go to, and `_why` says so or `lost` moves the robot."""
        raise NotImplementedError

    def lost(self, here: Standpoint, progress: Progress) -> float:
        """Yaw rate [rad/s] while there is nothing to go to."""
        return 0.0

    def impossible(self, state: RobotState, progress: Progress) -> str:
        return self._why

    def request(self, state: RobotState, progress: Progress) -> Request:
        here = standpoint_of(state)
        velocity = np.zeros(3)
        if here is None:
            self._doubt(state, progress)
        else:
            self._trusted = progress.elapsed
            velocity = self._lead(here, progress) * ramp(progress.elapsed)
        return Request(velocity=velocity, elapsed=progress.elapsed)

    def _doubt(self, state: RobotState, progress: Progress) -> None:
        if state.estimate is None:
            self._why = "it is not known where the robot is: its folder names no feet"
        elif progress.elapsed - self._trusted > DOUBTED:
            self._why = f"it is not known where the robot is: {state.estimate.doubt}"

    def _lead(self, here: Standpoint, progress: Progress) -> np.ndarray:
        togo = self.togo(here, progress)
        if togo is None:
            return np.array((0.0, 0.0, self.lost(here, progress)))
        if self._arrival.reached(progress, togo.there(CLOSE, LEVEL, COAST)):
            return np.zeros(3)
        return self._guide.velocity(togo, progress.number("speed"))

    def finish(self, state: RobotState, progress: Progress) -> Outcome:
        here = standpoint_of(state)
        if here is None or not self._arrival.rested(state, progress):
            return Outcome.RUNNING
        togo = self.togo(here, progress)
        if togo is None or (not togo.there(self.good, self.even) and self._rests < TRIES):
            self._rests, self._arrival = self._rests + 1, RestAtGoal()
            return Outcome.RUNNING
        return Outcome.SUCCESS

    def verify(self, readings: Sequence[RobotState], progress: Progress) -> Verification | None:
        """By the estimate and what is remembered of the surroundings; a fall fails it."""
        tilt = max((one.tilt for one in readings), default=0.0)
        if tilt > criteria.FALLEN_TILT:
            return criteria.verification(False, tilt, criteria.FALLEN_TILT, "rad", f"fell: tilt {tilt:.2f} rad")
        return self.measured(readings[-1], progress)

    def measured(self, state: RobotState, progress: Progress) -> Verification | None:
        """What the place is worth at which it ended."""
        raise NotImplementedError
