"""Position and heading of a walk since its start, by leg odometry and IMU; walks are steered and ended by them."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass

import numpy as np

from arbiter.body import Body
from arbiter.skill import Progress
from arbiter.types import RobotState
from skills.criteria import rotation, rotations
from skills.legs import Odometer

BATCH = 5  # readings: a step of the odometer costs little more with several
COLUMNS = 6


@dataclass(frozen=True, slots=True)
class Place:
    """Position of the torso, in the frame in which the run began.

    Attributes:
        ahead, left: Displacement over the floor [m], by leg odometry.
        turned: Heading [rad], by the IMU, positive to the left.
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
    """The odometry of a whole run; T readings, including the start.

    Attributes:
        time: [s], shape (T,).
        place: Of the base on the floor since the start, x, y [m], world axes, shape (T, 2).
        yaw: Heading of the base, unwrapped [rad], shape (T,). tilt: Of the base [rad], shape (T,).
    """

    time: np.ndarray
    place: np.ndarray
    yaw: np.ndarray
    tilt: np.ndarray


class Course:
    """Follows a run from its start, in steps of BATCH readings. May be called more than once a tick.

    For a robot whose feet are not known the integrated command is used instead.
    """

    def __init__(self) -> None:
        self._seen = math.nan
        self._odometer: Odometer | None = None
        self._heading = 1.0, 0.0
        self._way = self._commanded = 0.0, 0.0  # ahead, to the left [m]; the same in the body's axes
        self._new: list[RobotState] = []  # readings that are not yet in the way
        self._track = array("d")  # of every reading: time, place x, y, and what its rotation says of heading and tilt

    def at(self, state: RobotState, progress: Progress) -> Place:
        """The position after the reading `state`."""
        if progress.robot is None or progress.robot.body is None or not progress.robot.body.feet:
            return self._as_commanded(progress)
        odometer = self._odometer or self._begin(progress.robot.body, progress.start)
        if state.stamp != self._seen:
            self._seen = state.stamp
            self._new.append(state)
            if len(self._new) == BATCH:
                self._go_on(odometer)
        return Place(*self._way, progress.turned)

    def _as_commanded(self, progress: Progress) -> Place:
        """The integral of the command, turned by the IMU."""
        (x, y), (last_x, last_y), (ahead, left) = progress.travelled.tolist()[:2], self._commanded, self._way
        self._commanded, c, s = (x, y), math.cos(progress.turned), math.sin(progress.turned)
        self._way = ahead + c * (x - last_x) - s * (y - last_y), left + s * (x - last_x) + c * (y - last_y)
        return Place(*self._way, progress.turned)

    def track(self) -> Track | None:
        """The odometry until now; None if there is none."""
        if self._odometer is None:
            return None
        if self._new:
            self._go_on(self._odometer)
        time, x, y, ahead, aside, up = np.array(self._track).reshape(-1, COLUMNS).T
        return Track(time, np.column_stack((x, y)), np.unwrap(np.arctan2(aside, ahead)), np.arccos(np.clip(up, -1.0, 1.0)))

    def _go_on(self, odometer: Odometer) -> None:
        joint_pos, quat, stamp = ([getattr(one, name) for one in self._new] for name in ("joint_pos", "base_quat", "stamp"))
        self._new.clear()
        turned = rotations(np.array(quat))
        self._note(np.array(stamp), odometer.step(np.array(joint_pos), turned), turned)
        (x, y), (c, s) = odometer.place.tolist(), self._heading
        self._way = c * x + s * y, c * y - s * x

    def _note(self, stamp: np.ndarray, place: np.ndarray, turned: np.ndarray) -> None:
        rows = np.empty((len(stamp), COLUMNS))
        rows[:, 0], rows[:, 1:3], rows[:, 3:5], rows[:, 5] = stamp, place, turned[:, :2, 0], turned[:, 2, 2]
        self._track.frombytes(rows.tobytes())

    def _begin(self, body: Body, start: RobotState) -> Odometer:
        turned, self._way = rotation(start.base_quat), (0.0, 0.0)
        odometer = self._odometer = Odometer(body, start.joint_pos, turned)
        self._note(np.array((start.stamp,)), np.zeros((1, 2)), turned[None])
        ahead = turned[:2, 0] / max(float(np.hypot(*turned[:2, 0])), 1e-9)
        self._heading = float(ahead[0]), float(ahead[1])
        self._seen = start.stamp
        return odometer
