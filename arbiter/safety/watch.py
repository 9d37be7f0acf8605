"""The readings: what of them is believed, how old that is, what the drivers report, whether the robot has fallen."""

from __future__ import annotations

import math

import numpy as np

from arbiter.robot import RobotModel
from arbiter.safety.ages import Ages
from arbiter.safety.belief_memory import BeliefMemory
from arbiter.safety.crosscheck import CrossCheck, FallDetector
from arbiter.safety.inertial import LONG_AGO, RATE, Inertial, Vector
from arbiter.safety.intake import describe, is_array, is_number
from arbiter.safety.joints import Joints
from arbiter.safety.limits import SafetyLimits
from arbiter.safety.stamps import MISSED, ROUNDING, Charge, Elapsed, Stamps
from arbiter.types import RobotState

MOST_ACCELERATION = 320.0  # [m/s²] 32 g, more than accelerometers of robots can tell
NAMELESS = "a fault without a name"  # what a driver reports as "": a fault none the less


def mean_of(state: RobotState, name: str, most: float) -> Vector | None:
    """A mean in a reading, by the name of its field; None where there is none, or none that a sensor can tell: beyond `most`."""
    value = getattr(state, name, None)
    if not is_array(value, (3,)):
        return None
    x, y, z = found = value.tolist()
    return tuple(found) if -most <= x <= most and -most <= y <= most and -most <= z <= most else None


class Reports:
    """What the drivers report.

    Attributes:
        faults: Their names.
        odd: For how long lists of faults have made no sense [s].
        charge: Of the battery.
    """

    def __init__(self) -> None:
        self.faults: tuple[str, ...] = ()
        self.odd, self.charge = 0.0, Charge()

    def take(self, state: RobotState, step: float, first: bool) -> str:
        """A reading, `step` [s] after the last one. Returns what is wrong with its list of faults."""
        self.charge.take(getattr(state, "battery", None), step, first)
        faults = getattr(state, "faults", None)
        if type(faults) is not tuple or (faults and any(type(fault) is not str for fault in faults)):
            self.odd += step
            return f"faults is {type(faults).__name__}; a tuple of names is expected"
        self.odd = 0.0
        self.faults = tuple(" ".join(fault.split()) or NAMELESS for fault in faults) if faults else ()
        return ""


class Watch:
    """Keeps what is believed of the readings and how old each part of it is: joints one by one, the IMU apart from them.

    Attributes:
        joints, imu: What is believed of them.
        ages: What is too old, and what that forbids.
        fall: Whether the robot has fallen.
        problem: (check, joint, why) of the newest reading, "" if it was good.
        strict: The motors drive: readings have to follow from those before.
    """

    def __init__(self, model: RobotModel, limits: SafetyLimits) -> None:
        n, dt = model.n, model.dt
        self._names, self._limits, self._shape, self._dt = model.joints, limits, (n,), dt
        self._snapshot = BeliefMemory(n)
        self.joints, self.imu = Joints(model, self._snapshot.joints), Inertial(dt)
        self._elapsed, self._stamps, self._reports = Elapsed(dt), Stamps(dt), Reports()
        self.ages, self.fall = Ages(model, limits, self.joints, self.imu), FallDetector(limits.fall_tilt)
        self._cross = CrossCheck(model.groups.get("legs", np.ones(n, bool)), self.joints, self.imu)
        self._last: object = None
        # Means of acceleration [m/s²] and angular velocity [rad/s] in the newest reading; nothing is judged by them.
        self._felt: Vector | None = None
        self._turning: Vector | None = None
        self._followed = False  # whether the reading before was believed, since which the newest has its means
        self.problem, self.strict = ("", "", ""), False

    @property
    def healthy(self) -> bool:
        """A fallback policy can stand: legs and IMU are known, and it has not fallen."""
        return not (self.ages.stale or self.ages.lost or self.fall.fallen)

    @property
    def behind(self) -> str:
        """Why even the newest reading is too old, "" if it is not: another clock, or a queue between driver and tick."""
        late, most = self._stamps.late, min(self._limits.joint_age, self._limits.imu_age)
        if self.ages.first or self._stamps.undated or late <= most + ROUNDING:
            return ""
        return f"the newest reading is stamped {late:.3f} s ago, at most {most:g} s is right: driver and tick need one clock"

    def read(self, state: object, now: float) -> None:
        """Takes a reading, whatever it is."""
        new, stamps = state is not self._last, self._stamps
        step = self._elapsed.pass_to(now, new and type(state) is RobotState)
        stamps.late += step
        if new:
            self._last = state
            self.problem = self._take(state, now, step)
        doubtful = stamps.undated or self._elapsed.missed or self._reports.odd
        self.ages.look(self._elapsed.now, self._reports.faults, self._complaints() if doubtful else ())

    def _complaints(self) -> list[str]:
        """What is wrong with the readings as a whole, for too long."""
        limit, found = self._limits.joint_age + ROUNDING, []
        if self._stamps.undated > limit:
            found.append(f"stamps of the readings: {self.problem[2]}")
        if self._elapsed.missed > MISSED + ROUNDING:
            found.append("most of its readings are missing")
        if self._reports.odd > limit:
            found.append("its list of faults cannot be read")
        return found

    def forget(self) -> None:
        """The operator has set it up again."""
        self._elapsed.missed = 0.0
        self.fall.forget()
        self.joints.forget()
        self.imu.forget()

    # -- a reading ------------------------------------------------------------------------------------------------

    def _take(self, state: object, now: float, step: float) -> tuple[str, str, str]:
        if type(state) is not RobotState:
            self._followed = False
            return "shape", "", f"the reading is {type(state).__name__}; a RobotState is expected"
        joints, imu = self.joints, self.imu
        odd = self._reports.take(state, step, self.ages.first)
        shapeless = self._copy_joints(state)
        quat, rate, imu_age, bad = self._copy_imu(state)
        undated = self._stamps.date(getattr(state, "stamp", None), now, step, lambda: not shapeless and joints.news())
        at = self._elapsed.now - self._stamps.late
        dated = at > LONG_AGO  # else nothing tells when it was measured: it is none
        if not shapeless and dated:
            joints.take(at, self.strict)
        self._felt = None if bad else mean_of(state, "acceleration", MOST_ACCELERATION)
        if not bad and dated:
            imu.take(quat, rate, at - imu_age, self.strict)
            if imu.fresh:
                self.fall.look(imu.quat)
        believed = dated and not (bad or imu.why)
        self._turning = mean_of(state, "mean_ang_vel", RATE) if believed and self._followed else None
        self._followed = believed
        if imu.repeats or joints.repeats.any:
            self._cross.look()
        return self._problem(undated, odd, shapeless, bad)

    def _copy_joints(self, state: RobotState) -> str:
        for row, name in zip(self.joints.reading.rows, ("joint_pos", "joint_vel", "joint_age"), strict=True):
            value = getattr(state, name, None)
            if not is_array(value, self._shape):
                return f"{name} {describe(value, self._shape)}"
            row[:] = value
        return ""

    def _copy_imu(self, state: RobotState) -> tuple[list[float], list[float], float, str]:
        quat, rate = getattr(state, "base_quat", None), getattr(state, "base_ang_vel", None)
        age = getattr(state, "imu_age", None)
        if not is_number(age) or age < -self._dt:
            what = age if is_number(age) else type(age).__name__
            return [], [], 0.0, f"imu_age is {what}; a finite number of seconds is expected"
        turned = quat.tolist() if is_array(quat, (4,)) else None
        turns = rate.tolist() if is_array(rate, (3,)) else None
        if turned is None and turns is None:
            return [], [], 0.0, f"base_quat {describe(quat, (4,))}"
        return turned or [math.nan] * 4, turns or [math.nan] * 3, age, ""

    def _problem(self, undated: str, odd: str, shapeless: str, bad: str) -> tuple[str, str, str]:
        """(check, joint, why) of what is worst."""
        joints, imu = self.joints, self.imu
        if shapeless or odd:
            return "shape", "", shapeless or odd
        if undated:
            return "age", "", undated
        if joints.why:
            i = min(joints.why)
            check = "position" if np.isfinite(joints.reading.raw[:, i]).all() else "finite"
            return check, self._names[i], f"{self._names[i]} {joints.why[i]}"
        return ("shape", "", bad or imu.why) if bad or imu.why else ("", "", "")

    # -- what is believed -----------------------------------------------------------------------------------------

    def doubts(self) -> dict[str, str]:
        """Why something is not believed now, by joint name, "IMU" or "stamp"."""
        if not (self.joints.why or self.imu.why or self._stamps.undated):
            return {}
        found = {self._names[i]: why for i, why in self.joints.why.items()}
        if self.imu.why:
            found["IMU"] = self.imu.why
        if self._stamps.undated:
            found["stamp"] = self.problem[2]
        return found

    def state(self) -> RobotState | None:
        """What is believed; None before the first reading."""
        if self.ages.first:
            return None
        imu, stamps, reports = self.imu, self._stamps, self._reports
        told = imu.quat, imu.rate, min(imu.seen), self._felt, self._turning
        at, seen = self._elapsed.now - stamps.late, self.joints.believed.seen
        return self._snapshot.state(stamps.stamp, at, seen, told, reports.charge.value, self.ages.faults)
