"""Speed and end of a walk, in a closed loop over leg odometry and IMU."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Self

from arbiter.robot import RobotModel
from arbiter.skill import Outcome, Progress, RunContext, StartEnvelope
from arbiter.types import RobotState
from skills.arrival import Arrival
from skills.course import Place
from skills.judged import Followed

TIME_LIMIT = 90.0  # [s]; the longest distance at the slowest speed takes less than this
RAMP, FIRST = 1.6, 0.1  # [s] in which the command grows from this share: first steps in place, the hardest with the arms out
TAPER = 0.8  # [1/s] of what is left to go: how a walk nears its goal
LEAST, MOST, SLACK = 0.5, 1.7, 0.25  # a walk ends as it was measured if within these shares of the command, and [m, rad]
CATCH_UP, TRIM = 0.5, 0.4  # [1/s], at most this share: how a walk for a duration keeps its speed


def ramp(elapsed: float) -> float:
    """Factor of the command during the first steps, from FIRST to 1."""
    return min(1.0, FIRST + (1.0 - FIRST) * elapsed / RAMP)


def ramped(elapsed: float) -> float:
    """Its integral [s]."""
    early = min(elapsed, RAMP)
    return FIRST * early + 0.5 * (1.0 - FIRST) * early**2 / RAMP + max(elapsed - RAMP, 0.0)


def within(value: float, most: float) -> float:
    """`value`, at most `most` in size."""
    return min(max(value, -most), most)


class Walking(Followed):
    """A walk with a goal: at the goal the command becomes zero, and the skill ends once the robot is at rest.

    The distance is measured by leg odometry (`skills.legs`) and IMU; only if that is far from the integrated command, the
    latter ends the walk. A walk for a duration ends by the clock.

    Attributes:
        way: The kind of walk, which selects the robot's speeds.
        slowest: Command near the goal [m/s, rad/s].
        lead: Time for which the body keeps moving once the command is zero [s].
    """

    start = StartEnvelope(joint_speed=4.0, ang_vel=1.5, posture=0.25)
    time_limit = TIME_LIMIT
    way = "forward"
    slowest, lead = 0.15, 0.4

    _arrival: Arrival

    def made_for(self, robot: RobotModel) -> Self:
        """The same skill with the robot's own speeds, if its folder gives them."""
        if self.way not in robot.speeds:
            return self
        least, usual, most = robot.speeds[self.way]
        own = copy.copy(self)
        own.slowest = max(self.slowest, least)
        own.parameters = tuple(
            replace(one, default=usual, low=least, high=most) if one.name == "speed" else one for one in self.parameters
        )
        return own

    def begin(self, context: RunContext) -> Self:
        run = super().begin(context)
        run._arrival = Arrival()
        return run

    @property
    def fastest(self) -> float:
        """The highest speed that may be commanded [m/s, rad/s]."""
        return next(parameter.high for parameter in self.parameters if parameter.name == "speed")

    def target(self, progress: Progress) -> float:
        """The commanded distance or angle [m, rad], if no duration is given."""
        raise NotImplementedError

    def gone(self, place: Place, progress: Progress) -> float:
        """The distance or angle covered [m, rad]."""
        raise NotImplementedError

    def commanded(self, progress: Progress) -> float:
        """Distance or angle commanded until now [m, rad]."""
        raise NotImplementedError

    def pace(self, progress: Progress) -> float:
        """Speed that is asked for [m/s, rad/s]."""
        return progress.number("speed")

    def asked(self, progress: Progress) -> float:
        """The distance or angle of the whole walk [m, rad]."""
        duration = progress.given("duration")
        return self.target(progress) if duration is None else self.pace(progress) * ramped(duration)

    def speed(self, place: Place, progress: Progress) -> float:
        """What to command now [m/s, rad/s]: it grows at first, falls near the goal, and is 0 there."""
        duration, gone = progress.given("duration"), self.gone(place, progress)
        speed = self.pace(progress)
        if duration is None:
            left, commanded = self.target(progress) - gone, self.commanded(progress)
            speed = min(speed, max(self.slowest, TAPER * left)) * ramp(progress.elapsed)
            far_enough = commanded >= LEAST * self.target(progress) - SLACK
            done = (left <= self.lead * speed and far_enough) or commanded >= MOST * self.target(progress) + SLACK
        else:
            behind = speed * ramped(progress.elapsed) - gone
            speed *= ramp(progress.elapsed)
            speed = min(speed + within(CATCH_UP * behind, TRIM * speed), self.fastest)
            done = progress.elapsed >= duration
        return 0.0 if self._arrival.reached(progress, done) else speed

    def finish(self, state: RobotState, progress: Progress) -> Outcome:
        return Outcome.SUCCESS if self._arrival.rested(state, progress) else Outcome.RUNNING
