"""Speed and end of a walk, in a closed loop over the measured way and heading."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Self

import numpy as np

from arbiter.robot import RobotModel
from arbiter.skill import Outcome, Progress, RunContext, StartEnvelope, Verification
from arbiter.types import Request, RobotState
from skills.arrival import Arrival, Stage
from skills.course import Place
from skills.judged import Followed
from skills.placing import GOOD, LongSteps, Placing, SmallSteps, near
from skills.response import SPAN, Response
from skills.steering import HEADING, LINE, PLAIN_STROKE, RAMP, YAW, Regulator, Strokes, ramp, within

TIME_LIMIT = 90.0  # [s]; the longest distance at the slowest speed takes less than this
TAPER = 0.8  # [1/s] of what is left to go: how a walk nears its goal
CATCH_UP, TRIM = 0.8, 0.5  # [1/s], at most this share of the speed: how the command is trimmed until the speed is what was asked
STUCK, MOVES = 4.0, 0.15  # [s], share of what is asked in that time: less is no motion
SETTLED, CRUISE = 3.0, 1.0  # [s] after the start until the trim has settled, and of one speed that tell which is reached
LEAST, MOST, SLACK = 0.4, 2.5, 0.25  # a walk ends as it was measured if within these shares of the command, and [m, rad]
PATIENCE, SPARE = 2.5, 5.0  # a walk takes at most this multiple of its time at the asked speed, and [s]
LONGER = 1.2  # multiple of its duration that a walk may take to go as far as its speed makes in that time, beside RAMP
OFF_PACE = 0.1  # of the asked speed: what is further off is told
TURN_LEAD = 0.1  # [s] by which the body goes on turning once the command falls
SLOWER = 2.0  # times as long takes a turn by strokes
ASTRAY = 0.5  # [m] from its line at which a walk gives up
NO_MOTION = np.zeros(3)
NO_MOTION.setflags(write=False)


class Trim:
    """Trims the command until the measured speed is what is asked: whoever is behind is told to go faster.

    The way that is asked for is the integral of the speed that is asked for; it never runs away from the way gone by more than
    the trim can catch up.

    Attributes:
        stuck: It does not move.
        kept: Speed that was reached while one speed was asked for [m/s, rad/s]; 0: not known.
    """

    def __init__(self) -> None:
        self._behind, self._gone, self._at = 0.0, 0.0, 0.0
        self._from: tuple[float, float] | None = None  # time and way at which it began to keep one speed
        self._looked, self._seen, self._planned = 0.0, 0.0, 0.0  # time, way at the last look at whether it moves; asked since
        self.stuck, self.kept = False, 0.0

    def command(self, speed: float, gone: float, now: float) -> float:
        """What to command for `speed` [m/s, rad/s] after the way `gone` [m, rad] at the time `now` [s]. Asked in every tick."""
        planned, most = speed * (now - self._at), TRIM * speed / CATCH_UP
        self._behind = within(self._behind + planned - (gone - self._gone), most)
        self._gone, self._at = gone, now
        self._look(planned, gone, now)
        return speed + CATCH_UP * self._behind

    def _look(self, planned: float, gone: float, now: float) -> None:
        self._planned += planned
        if self._seen != self._seen:
            self._looked, self._seen, self._planned = now, gone, 0.0
        if now - self._looked >= STUCK:
            self.stuck = gone - self._seen < MOVES * self._planned
            self._looked, self._seen, self._planned = now, gone, 0.0

    def look_again(self) -> None:
        """Whether it moves is judged from now on: it will be told otherwise."""
        self._seen = math.nan

    def cruise(self, keeps: bool) -> None:
        """Notes the speed that is reached while one speed is asked for (`keeps`)."""
        if keeps and self._from is None:
            self._from = self._at, self._gone
        elif keeps and self._from is not None and self._at - self._from[0] >= CRUISE:
            self.kept = (self._gone - self._from[1]) / (self._at - self._from[0])


class Walking(Followed):
    """A walk with a goal: at the goal it steps until it stands where it should, and ends once the robot is at rest.

    Way and heading are measured (`skills.course`). Only if the way is far from the integrated command, or the walk takes far
    longer than it should, is it ended by these. A walk for a duration goes as far as its speed makes in that time.

    Attributes:
        way: The kind of walk, which selects the robot's speeds.
        axis: Of the velocity that its speed is: 0 ahead, 1 to the left, 2 yaw.
        slowest: Speed near the goal [m/s, rad/s].
        lead: Time for which the body keeps moving once the command falls [s].
    """

    start = StartEnvelope(joint_speed=4.0, ang_vel=1.5, posture=0.25)
    time_limit = TIME_LIMIT
    way = "forward"
    axis = 0
    slowest, lead = 0.15, 0.2

    _arrival: Arrival
    _trim: Trim
    _line: Regulator
    _heading: Regulator
    _response: Response
    _strokes: Strokes
    _by_strokes = False  # whether it turns by strokes back and forth
    _urged = 0.0  # [s] until when it takes a stroke as well, to get going

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
        speeds = {} if context.robot is None else context.robot.speeds
        slowest = (speeds["forward"][0], speeds["backward"][0]) if {"forward", "backward"} <= speeds.keys() else PLAIN_STROKE
        run._trim, run._line, run._heading = Trim(), Regulator(LINE), Regulator(HEADING)
        run._response, run._strokes = Response(context.learned), Strokes(slowest)
        run._arrival = Arrival(context.learned, self.name, run._placing)
        return run

    def _placing(self, again: bool) -> Placing | None:
        """How it comes to stand at its goal. A robot that stands still at small commands walks there only where it ended away."""
        if not self._by_strokes and self._response.steps_small:
            return SmallSteps()
        return LongSteps(self._strokes) if again or self._by_strokes else None

    # -- what a walk says of itself ---------------------------------------------------------------------------------

    def target(self, progress: Progress) -> float:
        """The commanded distance or angle [m, rad], if no duration is given."""
        raise NotImplementedError

    def turn_by_strokes(self) -> None:
        """From now on it turns by strokes."""
        if not self._by_strokes:
            self._by_strokes = True
            self._trim.look_again()

    def strokes(self, spot: Place, place: Place, turn: float, progress: Progress) -> np.ndarray:
        """Back and forth around a spot while it turns, `turn` [rad/s], for a policy that turns only while it walks."""
        found = self._strokes.velocity(place.towards(spot), turn)
        return found * ramp(progress.elapsed)

    def goal(self, asked: float, progress: Progress) -> Place:
        """Where it ends after `asked` [m, rad]."""
        raise NotImplementedError

    def gone(self, place: Place, progress: Progress) -> float:
        """The distance or angle covered [m, rad]."""
        raise NotImplementedError

    def towards(self, progress: Progress) -> np.ndarray:
        """The way it goes: ahead, to the left, turn, a unit vector, shape (3,)."""
        raise NotImplementedError

    def astray(self, place: Place, progress: Progress) -> float:
        """How far it is from its line [m]."""
        raise NotImplementedError

    def steer(self, speed: float, place: Place, progress: Progress) -> np.ndarray:
        """The velocity that goes at `speed` and keeps to the line, x, y [m/s], yaw [rad/s], shape (3,)."""
        raise NotImplementedError

    # -- the loop ---------------------------------------------------------------------------------------------------

    def pace(self, progress: Progress) -> float:
        """Speed that is asked for, within what the policy was made for [m/s, rad/s]."""
        return min(progress.number("speed"), math.inf if progress.commands is None else progress.commands[self.axis])

    def asked(self, progress: Progress) -> float:
        """The distance or angle of the whole walk [m, rad]."""
        duration = progress.given("duration")
        return self.target(progress) if duration is None else progress.number("speed") * duration

    def left(self, state: RobotState, progress: Progress) -> dict[str, float]:
        """What is left of its distance, angle or duration, however little: the same share of it as of the way."""
        share = 1.0 - self.gone(self._course.at(state, progress), progress) / self.asked(progress)
        name = next(one for one in ("duration", "distance", "angle") if progress.parameters.get(one) is not None)
        allowed, value = next(one for one in self.parameters if one.name == name), share * progress.number(name)
        return {name: min(value, allowed.high)} if value > 0.0 else {}

    def impossible(self, state: RobotState, progress: Progress) -> str:
        return "" if self.pace(progress) > 0.0 else "the policy was not made to go that way"

    def request(self, state: RobotState, progress: Progress) -> Request:
        place = self._course.at(state, progress)
        speed, off = self.speed(place, progress), self.off(place, progress)
        lost, timed = self.lost(place, progress), progress.given("duration") is not None
        coast = self.lead * speed
        reached = coast * self.towards(progress) if self.arrived(coast, place, progress) else None
        stage = self._arrival.follow(progress, off, reached, lost, timed)
        velocity = NO_MOTION
        if stage is Stage.GOING:
            trimmed = self._trim.command(speed, self.gone(place, progress), progress.elapsed)
            self._trim.cruise(progress.elapsed >= SETTLED and speed >= self.pace(progress))
            velocity = self.steer(trimmed, place, progress)
            if progress.elapsed < self._urged:
                velocity[0] += self._strokes.velocity((0.0, 0.0), 0.0)[0]
        elif stage is Stage.PLACING:
            velocity = self._arrival.velocity
        velocity = allowed(velocity, progress)
        corrects = stage is Stage.PLACING and not near(off, GOOD)
        if self._response.watch(state, place, velocity, progress.elapsed, corrects):
            slower, sideways = self._strokes.stood(), self.way == "sideways"
            if slower and (self._by_strokes or sideways):
                self._trim.look_again()
            if sideways:  # a policy that stands may need more than its fastest step aside to begin to walk
                self._urged = progress.elapsed + SPAN
        return Request(velocity=velocity, elapsed=progress.elapsed)

    def speed(self, place: Place, progress: Progress) -> float:
        """What the measured speed should be now [m/s, rad/s]: it grows at first and falls near the goal."""
        left = self.to_go(place, progress)
        speed = min(self.pace(progress), max(self.slowest, TAPER * left))
        if self.axis != YAW and not self._by_strokes:
            least = self._response.least(self.slowest, progress.robot is not None and self.way in progress.robot.speeds)
            speed = max(speed, min(least, max(self.pace(progress), self.slowest)))
        return speed * ramp(progress.elapsed)

    def to_go(self, place: Place, progress: Progress) -> float:
        """The distance or angle that is left to go [m, rad]; the rest it will drift while it comes to rest."""
        drift = float(self.towards(progress) @ self._arrival.drift)
        return self.asked(progress) - self.gone(place, progress) - drift

    def commanded(self, progress: Progress) -> float:
        """Distance or angle commanded until now [m, rad]."""
        return float(self.towards(progress) @ progress.travelled)

    def arrived(self, coast: float, place: Place, progress: Progress) -> bool:
        """Whether the goal is reached, by what was measured; not long before as much was commanded. `coast`: How far the body
        goes on as fast as it moves now [m, rad]."""
        return self.to_go(place, progress) <= coast and self.commanded(progress) >= LEAST * self.asked(progress) - SLACK

    def lost(self, place: Place, progress: Progress) -> bool:
        """Whether it gives up: it does not move, too much was commanded, it takes too long, or it is far from its line."""
        if self._trim.stuck:
            return True
        asked, slower = self.asked(progress), SLOWER if self._by_strokes else 1.0
        duration, needed = progress.given("duration"), slower * asked / self.pace(progress)
        late = progress.elapsed >= (PATIENCE * needed + SPARE if duration is None else LONGER * duration + RAMP)
        return late or self.commanded(progress) >= slower * MOST * asked + SLACK or self.astray(place, progress) > ASTRAY

    def off(self, place: Place, progress: Progress) -> np.ndarray:
        """Where the walk should end, as seen from `place`: ahead, to the left [m], and the turn to it [rad], shape (3,)."""
        goal = self.goal(self.asked(progress), progress)
        return np.array((*place.towards(goal), goal.turned - place.turned))

    def finish(self, state: RobotState, progress: Progress) -> Outcome:
        return Outcome.SUCCESS if self._arrival.rested(state) else Outcome.RUNNING

    def verify(self, readings: Sequence[RobotState], progress: Progress) -> Verification | None:
        """Its criterion; with the speed, where that was not what was asked."""
        found, asked = super().verify(readings, progress), progress.number("speed")
        kept = self._trim.kept if hasattr(self, "_trim") else 0.0
        if found is None or not kept or abs(kept - asked) <= OFF_PACE * asked:
            return found
        unit = next(one.unit for one in self.parameters if one.name == "speed")
        return replace(found, text=f"{found.text}; at {kept:.2f} {unit} of {asked:.2f}")


def allowed(velocity: np.ndarray, progress: Progress) -> np.ndarray:
    """`velocity` within what the policy was made for."""
    if progress.commands is None:
        return velocity
    most = np.array(progress.commands)
    return np.clip(velocity, -most, most)
