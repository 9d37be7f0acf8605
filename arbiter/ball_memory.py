"""Remembers where balls are while they are out of sight, in the odometry frame.

Each sighting corrects what is known, by how far away the ball was. What is known grows doubtful with the way that the robot
goes, and is forgotten where the camera sees no ball in its place.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence

import numpy as np

from arbiter.body import Body
from arbiter.frames import standpoint_of, to_base, to_odometry
from arbiter.robot import RobotModel
from arbiter.sight_camera import SightCamera
from arbiter.types import RememberedBall, RobotState, Sighting, Standpoint, Surroundings, frozen

NEAR_ERROR, FAR_ERROR = 0.005, 0.013  # [m], [1/m]: of a ball seen at d metres the first plus the second times d squared
DRIFT = 0.03  # of the way: how far the estimate goes astray
MOVED = 0.15  # [m] beyond three standard deviations: it is elsewhere now
HELD = 64  # readings: what a picture shows was so many ticks ago at most
LOST = 1.0  # [s] without a trusted estimate: the robot may have been carried
SURELY_SEEN, MARGIN = 1.3, 0.15  # [m] within which a ball is found whenever it is in view, [rad] from the picture's edge
GONE = 3  # pictures without it, one after the other
HIDING = 0.3  # [rad] between the directions to a ball and to a hand that may hide it

Sight = Callable[[float], Sighting | None]


def blind(now: float) -> Sighting:
    """The sight of a robot without a camera."""
    return Sighting(now, {}, "the robot has no head camera")


def doubt_of(ball: RememberedBall, way: float) -> float:
    """Standard deviation of a ball's position [m] once the robot has gone `way` [m] in all."""
    return math.hypot(ball.doubt, DRIFT * (way - ball.way))


class BallMemory:
    """What the robot knows of its surroundings. Time is what the readings say.

    Args:
        sight: What the head camera sees now.
        robot: Whose camera it is; None: balls are seen, and not remembered.
        camera: Where the camera is; None: nothing that is remembered is ever contradicted.

    Attributes:
        surroundings: What is known now.
        state: The newest reading; None before the first.
    """

    def __init__(self, sight: Sight = blind, robot: RobotModel | None = None, camera: SightCamera | None = None) -> None:
        self.sight = sight
        self.surroundings = Surroundings()
        self.state: RobotState | None = None
        self._body: Body | None = None if robot is None else robot.body
        self._camera = camera
        self._readings: deque[RobotState] = deque(maxlen=HELD)
        self._missed: dict[str, int] = {}
        self._trusted = -math.inf
        self._seen = -math.inf

    def note(self, state: RobotState) -> None:
        """Takes the reading of a tick."""
        self.state, here = state, standpoint_of(state)
        if here is None:
            if state.stamp - self._trusted > LOST and (self.surroundings.balls or self.surroundings.start):
                self._forget()
            return
        self._trusted = state.stamp
        last = self._readings[-1] if self._readings else state
        self._readings.append(state)
        if state.estimate is not None and last.estimate is not None:
            step = float(np.linalg.norm(state.estimate.velocity[:2])) * max(0.0, state.stamp - last.stamp)
            known = self.surroundings
            self.surroundings = Surroundings(known.balls, known.start, known.way + step)

    def depart(self) -> None:
        """An instruction begins: where the robot is, if it is the first."""
        known = self.surroundings
        if known.start is None and self._readings:
            self.surroundings = Surroundings(known.balls, standpoint_of(self._readings[-1]), known.way)

    def look(self, now: float) -> Sighting | None:
        """What the camera sees; it is remembered, unless it could not be looked at. None: that is not known yet."""
        seen = self.sight(now)
        if seen is not None and not seen.error and seen.stamp > self._seen:
            self._seen = seen.stamp
            self._remember(seen)
        return seen

    def _forget(self) -> None:
        self.surroundings = Surroundings(way=self.surroundings.way)
        self._readings.clear()
        self._missed.clear()

    def _remember(self, seen: Sighting) -> None:
        then = next((one for one in reversed(self._readings) if one.stamp <= seen.stamp + 1e-9), None)
        if self._body is None or then is None:
            return
        known = self.surroundings
        balls = dict(known.balls)
        for colour, point in seen.balls.items():
            self._missed[colour] = 0
            balls[colour] = self._corrected(balls.get(colour), point, then)
        for colour in set(balls) - set(seen.balls):
            if self._contradicted(colour, to_base(balls[colour].position, then, self._body), then):
                del balls[colour]
        self.surroundings = Surroundings(balls, known.start, known.way)

    def _corrected(self, known: RememberedBall | None, point: np.ndarray, then: RobotState) -> RememberedBall:
        """What is known of a ball after it was seen at `point` [m, base frame]."""
        assert self._body is not None
        eye = self._body.torso if self._camera is None else self._camera.position
        doubt = NEAR_ERROR + FAR_ERROR * float(np.sum((point - eye) ** 2))
        at, way = to_odometry(point, then, self._body), self.surroundings.way
        if known is not None:
            before = doubt_of(known, way)
            off = float(np.linalg.norm(at - known.position))
            if off <= MOVED + 3.0 * math.hypot(before, doubt):
                share = before**2 / (before**2 + doubt**2)
                at, doubt = known.position + share * (at - known.position), doubt * math.sqrt(share)
        return RememberedBall(frozen(at), doubt, then.stamp, way)

    def _contradicted(self, colour: str, point: np.ndarray, then: RobotState) -> bool:
        """Whether a ball at `point` [m, base frame] would have been seen, in this picture and in those before it."""
        camera, body = self._camera, self._body
        if camera is None or body is None or not camera.covers(point, MARGIN):
            return False
        way = point - camera.position
        far = float(np.linalg.norm(way))
        if far > SURELY_SEEN or any(self._hides(way / far, hand - camera.position) for hand in self._hands(then)):
            return False
        self._missed[colour] = self._missed.get(colour, 0) + 1
        return self._missed[colour] >= GONE

    def _hands(self, state: RobotState) -> list[np.ndarray]:
        assert self._body is not None
        return [self._body.hand(state.joint_pos, side) for side in self._body.hands]

    @staticmethod
    def _hides(ray: np.ndarray, hand: np.ndarray) -> bool:
        return float(ray @ hand) > math.cos(HIDING) * float(np.linalg.norm(hand))


def bearing_of(point: Sequence[float] | np.ndarray, here: Standpoint) -> tuple[float, float]:
    """A point [m, odometry frame] from where the robot stands: ahead and to the left [m]."""
    x, y = float(point[0]) - here.x, float(point[1]) - here.y
    c, s = math.cos(here.heading), math.sin(here.heading)
    return c * x + s * y, c * y - s * x
