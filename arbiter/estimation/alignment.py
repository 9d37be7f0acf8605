"""Joints and IMU brought to one moment: the younger of both is interpolated back to the older.

The trunk rolls so fast while walking that 20 ms between them are an error of 0.5 m/s.
"""

from __future__ import annotations

import math
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from arbiter.estimation.orientation import Orientation
from arbiter.estimation.rotation import Quat, Vector, turned
from arbiter.types import RobotState

APART = 0.005  # [s] between the joints of a leg and the others at which that leg tells nothing
SAME = 1e-4  # [s] within which two readings are one
SILENT = 0.1  # [s] without a new reading


class Moment(NamedTuple):
    """Everything at one time.

    Attributes:
        time: [s]. step: Since the last one [s]; 0: there was none, or the clock went back.
        quat: Orientation of the base as the IMU has it (w, x, y, z), less noisy where it tells how it turned.
        turning: Angular velocity [rad/s], body frame.
        acceleration: Mean specific force since the last one [m/s²], body frame; None: not known.
        joint_pos, joint_vel: [rad], [rad/s], shape (n,).
        fresh: Of which feet all joints are known now.
    """

    time: float
    step: float
    quat: Quat
    turning: Vector
    acceleration: Vector | None
    joint_pos: np.ndarray
    joint_vel: np.ndarray
    fresh: list[bool]


class _ImuReading(NamedTuple):
    time: float
    quat: Quat
    turning: Vector
    acceleration: Vector | None


class _JointReading(NamedTuple):
    time: float
    pos: np.ndarray
    vel: np.ndarray


class Alignment:
    """Attributes:
    problem: Why the readings make no moment, "" if they do.
    """

    def __init__(self, joints: np.ndarray) -> None:
        """`joints`: index of each leg's joints, shape (feet, j)."""
        self._legs_of, self.problem = [itemgetter(*leg) for leg in joints.tolist()], ""
        self._orientation = Orientation()
        self._imu: tuple[_ImuReading, _ImuReading] | None = None  # the last two
        self._legs: tuple[_JointReading, _JointReading] | None = None
        self._time = math.nan

    def take(self, state: RobotState) -> Moment | None:
        """The newest moment of which joints and IMU are known; None where there is no new one."""
        stamp = state.stamp
        each = state.joint_age.tolist()
        ages = [max(leg(each)) for leg in self._legs_of]
        least = min(ages)
        fresh = [age - least <= APART for age in ages]
        legs = stamp - max([age for age in ages if age - least <= APART])
        imu = stamp - state.imu_age
        new_legs, new_imu = self._take_legs(legs, state), self._take_imu(imu, state)
        newest_imu, newest_legs = self._imu, self._legs
        assert newest_imu is not None and newest_legs is not None
        time = min(newest_imu[1].time, newest_legs[1].time)
        earliest = max(newest_imu[0].time, newest_legs[0].time)
        self.problem = self._problem(stamp, newest_imu[1].time, newest_legs[1].time)
        if not self.problem and time < earliest - SAME:
            apart = newest_imu[1].time - newest_legs[1].time
            self.problem = f"joints and IMU were measured {1e3 * abs(apart):.0f} ms apart"
        if time < self._time - SILENT:  # the clock went back
            self._time = math.nan
        if self.problem or not (new_legs or new_imu) or time <= self._time + SAME:
            return None
        return self._moment(time, fresh)

    def _problem(self, stamp: float, imu: float, legs: float) -> str:
        if stamp - imu > SILENT:
            return f"the IMU's reading is {stamp - imu:.2f} s old"
        if stamp - legs > SILENT:
            return f"the legs' readings are {stamp - legs:.2f} s old"
        return ""

    def _take_legs(self, time: float, state: RobotState) -> bool:
        last = self._legs
        if last is not None and abs(time - last[1].time) <= SAME:
            return False
        new = _JointReading(time, state.joint_pos, state.joint_vel)
        self._legs = (new if last is None or time < last[1].time else last[1], new)
        return True

    def _take_imu(self, time: float, state: RobotState) -> bool:
        last = self._imu
        if last is not None and abs(time - last[1].time) <= SAME:
            return False
        w, x, y, z = state.base_quat.tolist()
        norm = math.sqrt(w * w + x * x + y * y + z * z)
        p, q, r = state.base_ang_vel.tolist()
        felt = state.acceleration
        force = None if felt is None else tuple(felt.tolist())
        spun = state.mean_ang_vel
        rate = None if spun is None else tuple(spun.tolist())
        since = 0.0 if last is None else time - last[1].time
        quat = self._orientation.step((w / norm, x / norm, y / norm, z / norm), rate, since)
        new = _ImuReading(time, quat, (p, q, r), force)
        self._imu = (new if last is None or time < last[1].time else last[1], new)
        return True

    def _moment(self, time: float, fresh: list[bool]) -> Moment:
        assert self._imu is not None and self._legs is not None
        began, self._time = self._time, time
        step = 0.0 if math.isnan(began) or time < began else time - began
        (before, legs), (earlier, imu) = self._legs, self._imu
        pos, vel = legs.pos, legs.vel
        if legs.time - time > SAME:
            share = (legs.time - time) / (legs.time - before.time)
            pos, vel = pos + share * (before.pos - pos), vel + share * (before.vel - vel)
        quat, turning = imu.quat, imu.turning
        if (back := imu.time - time) > SAME:
            share = back / (imu.time - earlier.time)
            turning = _between(turning, earlier.turning, share)
            p, q, r = _between(imu.turning, turning, 0.5)
            quat = turned(quat, (-back * p, -back * q, -back * r))
        return Moment(time, step, quat, turning, self._felt(began, time), pos, vel, fresh)

    def _felt(self, began: float, time: float) -> Vector | None:
        """Mean acceleration from `began` to `time`: a reading has that since the one before."""
        assert self._imu is not None
        earlier, imu = self._imu
        if imu.acceleration is None or earlier.acceleration is None or not began < time:
            return imu.acceleration
        share = min(max((earlier.time - began) / (time - began), 0.0), 1.0)
        return _between(imu.acceleration, earlier.acceleration, share) if share > 0.0 else imu.acceleration


def _between(a: Vector, b: Vector, share: float) -> Vector:
    """From `a`, `share` of the way to `b`."""
    x, y, z = a
    p, q, r = b
    return x + share * (p - x), y + share * (q - y), z + share * (r - z)
