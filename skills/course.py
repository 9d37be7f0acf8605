"""Position and heading of a walk since its start, by the estimate of where the base is; walks are steered and ended by them."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass

import numpy as np

from arbiter.skill import Progress
from arbiter.types import BaseEstimate, RobotState

LAPSE = 0.3  # [s] for which an estimate that is not trusted goes on by what it knows; after that the command stands in
UNMEASURED = 0.4  # of a way that was commanded and not measured: how far it may be off
COLUMNS = 5


@dataclass(frozen=True, slots=True)
class Place:
    """Position of the torso's centre of mass, in the frame in which the run began.

    Attributes:
        ahead, left: Displacement over the floor [m].
        turned: Heading [rad], positive to the left.
    """

    ahead: float = 0.0
    left: float = 0.0
    turned: float = 0.0

    def along(self, direction: tuple[float, float]) -> float:
        """Displacement along `direction`, a unit vector (ahead, left) [m]."""
        return self.ahead * direction[0] + self.left * direction[1]

    def towards(self, goal: Place) -> tuple[float, float]:
        """Where `goal` lies: ahead and to the left of the robot as it stands now [m]."""
        x, y, c, s = goal.ahead - self.ahead, goal.left - self.left, math.cos(self.turned), math.sin(self.turned)
        return c * x + s * y, c * y - s * x


@dataclass(frozen=True, slots=True)
class Track:
    """A whole run as it was followed; T readings, including the start.

    Attributes:
        time: [s], shape (T,).
        place: Of the torso since the start, ahead and to the left, shape (T, 2).
        yaw: Heading since the start, unwrapped [rad], shape (T,). tilt: Of the base [rad], shape (T,).
        drift: By how much the last place may be off because it was not measured on the way [m].
    """

    time: np.ndarray
    place: np.ndarray
    yaw: np.ndarray
    tilt: np.ndarray
    drift: float


class Course:
    """Follows a run from its start. May be called more than once a tick.

    Where the estimate is not trusted, or there is none, the integrated command stands in, turned by the IMU.
    """

    def __init__(self) -> None:
        self._seen = math.nan
        self._place = Place()
        self._last: BaseEstimate | None = None
        self._trusted = 0.0  # when it was trusted last [s]
        self._commanded = 0.0, 0.0, 0.0  # until the last reading: progress.travelled x, y [m] and progress.turned [rad]
        self._guessed = 0.0  # way that was commanded and not measured [m]
        self._track = array("d")  # of every reading: time, place ahead, left, heading, tilt

    def at(self, state: RobotState, progress: Progress) -> Place:
        """The position after the reading `state`."""
        if self._seen != self._seen:
            self._begin(progress.start)
        if state.stamp != self._seen:
            self._seen = state.stamp
            self._follow(state, progress)
            self._note(state)
        return self._place

    def track(self) -> Track | None:
        """What was followed until now; None if nothing of it was measured."""
        if self._last is None:
            return None
        time, ahead, left, yaw, tilt = np.array(self._track).reshape(-1, COLUMNS).T
        return Track(time, np.column_stack((ahead, left)), yaw, tilt, UNMEASURED * self._guessed)

    def _begin(self, start: RobotState) -> None:
        self._last, self._trusted, self._seen = start.estimate, start.stamp, start.stamp
        self._note(start)

    def _follow(self, state: RobotState, progress: Progress) -> None:
        now, last = state.estimate, self._last
        x, y, turned = *progress.travelled.tolist()[:2], progress.turned
        step = x - self._commanded[0], y - self._commanded[1], turned - self._commanded[2]
        self._commanded, self._last = (x, y, turned), now
        if now is not None and now.trusted:
            self._trusted = state.stamp
        if now is not None and last is not None and state.stamp - self._trusted <= LAPSE:
            self._measured(last, now, turned)
        else:
            self._stand_in(step)

    def _measured(self, last: BaseEstimate, now: BaseEstimate, turned: float) -> None:
        """By the estimate; the heading by the IMU alone, which drifts less in a walk than the estimate's correction is off."""
        (x, y, _), place = (now.position - last.position).tolist(), self._place
        c, s = math.cos(turned - now.heading), math.sin(turned - now.heading)
        self._place = Place(place.ahead + c * x - s * y, place.left + s * x + c * y, turned)

    def _stand_in(self, step: tuple[float, float, float]) -> None:
        """By the command: `step` in body axes."""
        (x, y, turned), place = step, self._place
        c, s = math.cos(place.turned), math.sin(place.turned)
        self._place = Place(place.ahead + c * x - s * y, place.left + s * x + c * y, place.turned + turned)
        self._guessed += math.hypot(x, y)

    def _note(self, state: RobotState) -> None:
        _, x, y, _ = state.base_quat.tolist()
        tilt = math.acos(min(1.0, max(-1.0, 1.0 - 2.0 * (x * x + y * y))))
        place = self._place
        self._track.extend((state.stamp, place.ahead, place.left, place.turned, tilt))
