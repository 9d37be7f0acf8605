"""Walking straight and turning on the spot, until a distance or an angle is reached."""

from __future__ import annotations

import math

import numpy as np

from arbiter.skill import Parameter, Progress, Verification
from skills import criteria
from skills.course import Place
from skills.pacing import TURN_LEAD, Walking
from skills.recordings import Way
from skills.steering import LINE, ramp, within

SPOT = Place()
SIDE_LEAD = 0.25  # [s] by which the body goes on once the command falls


class Walk(Walking):
    """Walks straight along `direction` (x, y in the body frame) for a distance or a duration."""

    direction = (1.0, 0.0)

    def astray(self, place: Place, progress: Progress) -> float:
        x, y = self.direction
        return abs(place.along((-y, x)))

    def steer(self, speed: float, place: Place, progress: Progress) -> np.ndarray:
        x, y = self.direction
        aside = self._line.command(-place.along((-y, x)), progress.elapsed)
        turn = self._heading.command(-place.turned - self._arrival.drift[2], progress.elapsed)
        return np.array((speed * x - aside * y, speed * y + aside * x, turn))

    def target(self, progress: Progress) -> float:
        return progress.number("distance")

    def goal(self, asked: float, progress: Progress) -> Place:
        return Place(asked * self.direction[0], asked * self.direction[1])

    def gone(self, place: Place, progress: Progress) -> float:
        return place.along(self.direction)

    def towards(self, progress: Progress) -> np.ndarray:
        return np.array((*self.direction, 0.0))

    def criterion(self, run: Way, progress: Progress) -> Verification | None:
        return criteria.distance(run, self.direction, self.asked(progress))


class Turn(Walking):
    """Turns on the spot by an angle (measured by the IMU) or for a duration."""

    sign = 1.0
    way = "turn"
    axis, slowest, lead = 2, 0.25, TURN_LEAD
    parameters = (
        Parameter("speed", "rad/s", 0.6, 0.2, 0.8),
        Parameter("angle", "rad", math.pi / 2, 0.08, 2 * math.pi),
        Parameter("duration", "s", None, 0.5, 20.0),
    )

    def astray(self, place: Place, progress: Progress) -> float:
        return math.hypot(place.ahead, place.left)

    def steer(self, speed: float, place: Place, progress: Progress) -> np.ndarray:
        if self._by_strokes or self._response.stands(np.array((0.0, 0.0, self.pace(progress)))):
            self.turn_by_strokes()
            return self.strokes(SPOT, place, self.sign * speed, progress)
        ahead, left = place.towards(SPOT)
        back, aside = within(LINE[0] * ahead, LINE[2]), within(LINE[0] * left, LINE[2])
        return np.array((back * ramp(progress.elapsed), aside * ramp(progress.elapsed), self.sign * speed))

    def target(self, progress: Progress) -> float:
        return progress.number("angle")

    def goal(self, asked: float, progress: Progress) -> Place:
        return Place(turned=self.sign * asked)

    def gone(self, place: Place, progress: Progress) -> float:
        return self.sign * place.turned

    def towards(self, progress: Progress) -> np.ndarray:
        return np.array((0.0, 0.0, self.sign))

    def criterion(self, run: Way, progress: Progress) -> Verification:
        return criteria.angle(run, self.sign * self.asked(progress))


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
    way = "backward"
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
    way = "sideways"
    axis, slowest, lead = 1, 0.08, SIDE_LEAD
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
    way = "sideways"
    axis, slowest, lead = 1, 0.08, SIDE_LEAD
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
        "swing round to the right",
        "rotate in place to the right",
        "rotate clockwise",
        "swivel clockwise",
    )
    sign = -1.0
