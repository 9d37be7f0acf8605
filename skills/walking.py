"""Walking: a velocity command until a distance, an angle or a duration is reached."""

from __future__ import annotations

import math

import numpy as np

from arbiter.skill import Outcome, Parameter, Progress, StartEnvelope, Verification
from arbiter.types import Request, RobotState
from skills import criteria
from skills.arrival import Arrival
from skills.judged import Judged

TIME_LIMIT = 60.0  # [s]; the longest distance at the slowest speed takes less than this
RAMP = 1.6  # [s] in which the command grows from almost zero: first steps in place, the hardest with the arms out
FASTEST_TURN = 0.8  # [rad/s] as in turning on the spot: a narrow circle is walked more slowly
WALK_LEAD, TURN_LEAD = 0.4, 0.2  # [s] by which the body goes on once the command falls to zero


def ramp(elapsed: float) -> float:
    """Factor 0.1..1 of the command during the first steps."""
    return min(1.0, 0.1 + 0.9 * elapsed / RAMP)


class Walking(Judged):
    """A walk with a goal: there the command ends, and the skill ends once the robot is at rest."""

    start = StartEnvelope(joint_speed=4.0, ang_vel=1.5, posture=0.25)
    time_limit = TIME_LIMIT

    def __init__(self) -> None:
        self._arrival = Arrival()

    def goal(self, progress: Progress) -> bool:
        """Whether the walk is long enough, where no duration is asked for."""
        raise NotImplementedError

    def arrived(self, progress: Progress) -> bool:
        """Whether the goal or the duration has been reached, now or before."""
        duration = progress.parameters["duration"]
        done = self.goal(progress) if duration is None else progress.elapsed >= duration
        return self._arrival.reached(progress, done)

    def speed(self, progress: Progress) -> float:
        """What to command of the parameter `speed` now: it grows at first, and is 0 at the goal."""
        return 0.0 if self.arrived(progress) else progress.parameters["speed"] * ramp(progress.elapsed)

    def finish(self, state: RobotState, progress: Progress) -> Outcome:
        done = self.arrived(progress) and self._arrival.rested(state, progress)
        return Outcome.SUCCESS if done else Outcome.RUNNING


class Walk(Walking):
    """Walks straight along `direction` (x, y in the body frame) for a distance or a duration."""

    direction = (1.0, 0.0)

    def request(self, state: RobotState, progress: Progress) -> Request:
        speed = self.speed(progress)
        velocity = np.array((speed * self.direction[0], speed * self.direction[1], 0.0))
        return Request(velocity=velocity, elapsed=progress.elapsed)

    def goal(self, progress: Progress) -> bool:
        return math.hypot(*progress.travelled[:2]) >= progress.parameters["distance"] - WALK_LEAD * progress.parameters["speed"]

    def criterion(self, run, progress: Progress) -> Verification:
        timed = progress.parameters["duration"] is not None
        asked = math.hypot(*progress.travelled[:2]) if timed else progress.parameters["distance"]
        return criteria.distance(run, self.direction, asked)


class Turn(Walking):
    """Turns on the spot by an angle (measured by the IMU) or for a duration."""

    sign = 1.0
    parameters = (
        Parameter("speed", "rad/s", 0.6, 0.2, 0.8),
        Parameter("angle", "rad", math.pi / 2, 0.1, 2 * math.pi),
        Parameter("duration", "s", None, 0.5, 20.0),
    )

    def request(self, state: RobotState, progress: Progress) -> Request:
        rate = self.speed(progress) * self.sign
        return Request(velocity=np.array((0.0, 0.0, rate)), elapsed=progress.elapsed)

    def goal(self, progress: Progress) -> bool:
        turned = self.sign * progress.turned + TURN_LEAD * progress.parameters["speed"]
        return turned >= progress.parameters["angle"]

    def criterion(self, run, progress: Progress) -> Verification:
        timed = progress.parameters["duration"] is not None
        return criteria.angle(run, float(progress.travelled[2]) if timed else self.sign * progress.parameters["angle"])


def straight(speed: float, slowest: float, fastest: float, distance: float, furthest: float) -> tuple[Parameter, ...]:
    """Parameters of a straight walk: speed [m/s], distance [m], duration [s]."""
    return (
        Parameter("speed", "m/s", speed, slowest, fastest),
        Parameter("distance", "m", distance, 0.1, furthest),
        Parameter("duration", "s", None, 0.5, 20.0),
    )


class WalkForward(Walk):
    """Walks forward."""

    name = "walk_forward"
    utterances = (
        "walk forward",
        "walk",
        "go forward",
        "move ahead",
        "walk straight ahead",
        "take a few steps forward",
        "come closer",
        "come here",
        "step forward",
        "advance",
        "start walking",
        "walk towards me",
        "keep going straight",
    )
    direction = (1.0, 0.0)
    parameters = straight(0.35, 0.1, 0.5, 1.0, 5.0)


class WalkBackward(Walk):
    """Walks backward."""

    name = "walk_backward"
    utterances = (
        "walk backward",
        "go backward",
        "back up",
        "step back",
        "move back a bit",
        "take a few steps back",
        "reverse",
        "walk backwards",
        "back away",
        "retreat",
        "move away from me",
        "go in reverse",
    )
    direction = (-1.0, 0.0)
    parameters = straight(0.25, 0.1, 0.5, 0.6, 5.0)


class SidestepLeft(Walk):
    """Steps sideways to the left."""

    name = "sidestep_left"
    utterances = (
        "sidestep left",
        "sidestep to the left",
        "step to the left",
        "step to your left",
        "take a step left",
        "shuffle left",
        "move sideways to the left",
        "slide over to the left",
        "side step left",
        "strafe left",
        "scoot over to your left",
        "shift to the left",
    )
    direction = (0.0, 1.0)
    parameters = straight(0.15, 0.05, 0.2, 0.3, 2.0)


class SidestepRight(Walk):
    """Steps sideways to the right."""

    name = "sidestep_right"
    utterances = (
        "sidestep right",
        "sidestep to the right",
        "step to the right",
        "step to your right",
        "take a step right",
        "shuffle right",
        "move sideways to the right",
        "slide over to the right",
        "side step right",
        "strafe right",
        "scoot over to your right",
        "shift to the right",
    )
    direction = (0.0, -1.0)
    parameters = straight(0.15, 0.05, 0.2, 0.3, 2.0)


class TurnLeft(Turn):
    """Turns on the spot to the left."""

    name = "turn_left"
    utterances = (
        "turn left",
        "turn to the left",
        "rotate left",
        "spin to the left",
        "turn to your left",
        "face left",
        "pivot left",
        "make a left turn",
        "look to the left",
        "swing round to the left",
        "rotate in place to the left",
        "rotate counterclockwise",
        "turn around",
        "turn round and face the other way",
    )
    sign = 1.0


class TurnRight(Turn):
    """Turns on the spot to the right."""

    name = "turn_right"
    utterances = (
        "turn right",
        "turn to the right",
        "rotate right",
        "spin to the right",
        "turn to your right",
        "face right",
        "pivot right",
        "make a right turn",
        "look to the right",
        "swing round to the right",
        "rotate in place to the right",
        "rotate clockwise",
        "swivel clockwise",
    )
    sign = -1.0


class WalkInCircle(Walking):
    """Walks a circle, to the left unless told otherwise."""

    name = "walk_in_circle"
    utterances = (
        "walk in a circle",
        "go in a circle",
        "walk around in circles",
        "walk round and round",
        "make a circle as you walk",
        "do a lap",
        "circle around",
        "walk a loop",
        "go around in a big circle",
        "move along a circle",
        "walk in circles",
        "trace a circle on the floor with your feet",
    )
    parameters = (
        Parameter("speed", "m/s", 0.3, 0.1, 0.5),
        Parameter("side", "", "left", choices=("left", "right")),
        Parameter("angle", "rad", 2 * math.pi, 0.5, 4 * math.pi),
        Parameter("radius", "m", 0.6, 0.4, 2.0),
        Parameter("duration", "s", None, 0.5, 40.0),
    )

    def request(self, state: RobotState, progress: Progress) -> Request:
        speed = min(self.speed(progress), FASTEST_TURN * progress.parameters["radius"])
        sign = 1.0 if progress.parameters["side"] == "left" else -1.0
        velocity = np.array((speed, 0.0, sign * speed / progress.parameters["radius"]))
        return Request(velocity=velocity, elapsed=progress.elapsed)

    def goal(self, progress: Progress) -> bool:
        return abs(progress.turned) >= progress.parameters["angle"]

    def criterion(self, run, progress: Progress) -> Verification:
        timed, sign = progress.parameters["duration"] is not None, 1.0 if progress.parameters["side"] == "left" else -1.0
        asked = float(progress.travelled[2]) if timed else sign * progress.parameters["angle"]
        return criteria.circle(run, asked, abs(asked) * progress.parameters["radius"])
