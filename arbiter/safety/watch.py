"""The readings: what of them is believed, how old that is, what the drivers report, whether the robot has fallen."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np

from arbiter.robot import RobotModel
from arbiter.safety.inertial import LONG_AGO, Inertial
from arbiter.safety.intake import describe, is_array, is_number
from arbiter.safety.joints import Joints
from arbiter.safety.limits import SafetyLimits
from arbiter.types import RobotState

NOTHING = "no reading was taken yet"
ROUNDING = 1e-9  # [s] ages are differences of clock readings; one that meets its limit exactly is fine
FALL_READINGS = 2  # one tilted reading may be a glitch of the IMU
PAUSE = 5  # ticks at most that a late tick counts for: a clock that jumps makes no reading old
STAMP_STEP = 0.5  # [s] by which no honest stamp gets older from one reading to the next
NAMELESS = "a fault without a name"  # what a driver reports as "": a fault none the less
BLIND_LEGS = 1  # leg joints of which nothing is known that a robot still comes to rest with
LEGS_MOVED = 0.05  # [rad] of a leg joint: the IMU cannot have stayed the same to the last bit
BASE_TURNED = 0.03  # [rad]: not every leg joint can have stayed the same to the last bit
MISSED = 0.3  # [s] that readings may be missing beyond those that came: half of them for ever, four of five for half a second
CHARGE_STEP = 0.05  # of a full battery, from one reading to the next; a load makes a voltage sag less
CHARGE_HELD = 0.2  # [s] for which another charge must be told before it counts
ENOUGH = 5  # equal readings in a row of all leg joints, or of the IMU


class Watch:
    """Keeps what is believed of the readings and how old each part of it is: joints one by one, the IMU apart from them.

    Attributes:
        legs, arms: The joints of the legs, and those beside, bool, shape (n,).
        q, dq, measured: Believed joint positions and velocities [rad, rad/s], shape (n,), and both.
        faults: Faults that the drivers report now, and readings that are not believed any more.
        problem: (check, joint, why) of the newest reading, "" if it was good.
        stale: Why everything has to hold, "" if it need not: legs or IMU are too old.
        stale_legs, stale_imu: The parts of it.
        stale_arms: Why the joints beside the legs have to hold, "" if they need not.
        lost: Why the robot cannot be controlled, "" if it can.
        lost_arms: The same of joints beside the legs.
        strict: The motors drive: readings have to follow from those before.
        fallen: The robot has fallen.
        tilt: Tilt of the base [rad].
    """

    def __init__(self, model: RobotModel, limits: SafetyLimits) -> None:
        n = model.n
        self._names, self._limits, self._shape, self._dt = model.joints, limits, (n,), model.dt
        self.legs = model.groups.get("legs", np.ones(n, bool))
        self.arms = ~self.legs
        self._block = np.zeros(3 * n + 7)  # what `state` copies: positions, velocities, ages, orientation, angular velocity
        self._ages, self._tail = self._block[2 * n : 3 * n], memoryview(self._block).cast("B").cast("d")[3 * n :]
        self._parts = tuple(slice(a, b) for a, b in pairwise((0, n, 2 * n, 3 * n, 3 * n + 4, 3 * n + 7)))
        self.joints, self.imu = Joints(model, self._block[: 2 * n].reshape(2, n)), Inertial(model.dt)
        self.q, self.dq = self.measured = self.joints.q, self.joints.dq
        self._young = np.zeros((2, n), bool)
        self._now, self._time = None, 0.0  # the caller's clock and, of it, what is counted [s]
        self._late = math.inf  # age of the newest reading [s]
        self._missed = 0.0  # for how long readings were missing, less the time in which they came [s]
        self._undated = self._odd = 0.0  # for how long stamps, or lists of faults, have made no sense [s]
        self._stamp = 0.0
        self._last: object = None
        self._battery, self._apart = math.nan, 0.0  # believed charge 0..1, and for how long another one has been told [s]
        self._reported: tuple[str, ...] = ()
        self._anchor: tuple = ()
        self._tilted = 0
        self.faults: tuple[str, ...] = ()
        self.problem = ("", "", "")
        self.stale = self.lost = self.stale_legs = self.stale_imu = NOTHING
        self.stale_arms = self.lost_arms = ""
        self.fallen, self.tilt, self.strict = False, 0.0, False

    @property
    def healthy(self) -> bool:
        """A fallback policy can stand: legs and IMU are known, and it has not fallen."""
        return not (self.stale or self.lost or self.fallen)

    @property
    def behind(self) -> str:
        """Why even the newest reading is too old, "" if it is not: another clock, or a queue between driver and tick."""
        most = min(self._limits.joint_age, self._limits.imu_age)
        if self.stale is NOTHING or self._undated or self._late <= most + ROUNDING:
            return ""
        return (
            f"the newest reading is stamped {self._late:.3f} s ago, at most {most:g} s is right: driver and tick need one clock"
        )

    def read(self, state: object, now: float) -> None:
        """Takes a reading, whatever it is."""
        step = 0.0 if self._now is None else now - self._now
        step = self._dt if step < 0.0 else min(step, PAUSE * self._dt)
        self._now, self._time = now, self._time + step
        self._late += step
        came = state is not self._last and type(state) is RobotState
        self._missed = min(max(0.0, self._missed + (-step if came else step)), 2.0 * MISSED)
        if state is not self._last:
            self._last = state
            self.problem = self._take(state, now, step)
        self._age()

    def forget(self) -> None:
        """The operator has set it up again."""
        self._tilted, self.fallen, self._missed = 0, False, 0.0
        self.joints.forget()
        self.imu.forget()

    # -- a reading ------------------------------------------------------------------------------------------------

    def _take(self, state: object, now: float, step: float) -> tuple[str, str, str]:
        if type(state) is not RobotState:
            return "shape", "", f"the reading is {type(state).__name__}; a RobotState is expected"
        odd = self._take_faults(state, step)
        self._odd = self._odd + step if odd else 0.0
        shapeless = self._copy_joints(state)
        quat, rate, imu_age, bad = self._copy_imu(state)
        undated = self._date(getattr(state, "stamp", None), now, step, shapeless)
        at = self._time - self._late
        dated = at > LONG_AGO  # else nothing tells when it was measured: it is none
        if not shapeless and dated:
            self.joints.take(at, self.strict)
        if not bad and dated:
            self.imu.take(quat, rate, at - imu_age, self.strict)
            if self.imu.fresh:
                self._look_for_a_fall()
        if self.imu.repeats or self.joints.repeating:
            self._cross_check()
        return self._problem(undated, odd, shapeless, bad)

    def _take_faults(self, state: RobotState, step: float) -> str:
        faults = getattr(state, "faults", None)
        self._take_charge(getattr(state, "battery", None), step)
        if type(faults) is not tuple or (faults and any(type(fault) is not str for fault in faults)):
            return f"faults is {type(faults).__name__}; a tuple of names is expected"
        self._reported = tuple(" ".join(fault.split()) or NAMELESS for fault in faults) if faults else ()
        return ""

    def _take_charge(self, told: object, step: float) -> None:
        """A battery does not lose its charge in a tick: a value far from the last one counts once it has stayed for a while."""
        charge = float(told) if is_number(told) and 0.0 <= told <= 1.0 else math.nan
        near = abs(charge - self._battery) <= CHARGE_STEP or math.isnan(charge) and math.isnan(self._battery)
        self._apart = 0.0 if near else self._apart + step
        if near or self._apart > CHARGE_HELD + ROUNDING or self.stale is NOTHING:
            self._battery, self._apart = charge, 0.0

    def _copy_joints(self, state: RobotState) -> str:
        for row, name in zip(self.joints.rows, ("joint_pos", "joint_vel", "joint_age"), strict=True):
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

    def _date(self, stamp: Any, now: float, step: float, shapeless: str) -> str:
        """Finds how old the reading is, in `_late`; returns what is wrong with its stamp.

        A stamp out of the future, or one that no clock can show, dates nothing: what is new in its bits is taken for a tick old.
        """
        age = now - stamp if is_number(stamp) else math.nan
        if -self._dt <= age <= self._late + STAMP_STEP:
            self._late, self._undated = age, 0.0
            self._stamp = stamp
            return ""
        self._undated += step
        if not shapeless and self.joints.news():
            self._late = self._dt
        elif age > self._late:
            self._late = age
        self._stamp = now - self._late
        if math.isnan(age):
            return "the reading's stamp is not a finite number"
        return f"the reading is stamped {abs(age):.3f} s {'in the future' if age < 0.0 else 'ago, all at once'}"

    def _look_for_a_fall(self) -> None:
        w, x, y, z = self.imu.quat
        norm = w * w + x * x + y * y + z * z
        self.tilt = math.acos(min(1.0, max(-1.0, 1.0 - 2.0 * (x * x + y * y) / norm)))
        self._tilted = self._tilted + 1 if self.tilt > self._limits.fall_tilt else 0
        self.fallen = self._tilted >= FALL_READINGS

    def _problem(self, undated: str, odd: str, shapeless: str, bad: str) -> tuple[str, str, str]:
        """(check, joint, why) of what is worst."""
        joints, imu = self.joints, self.imu
        if shapeless or odd:
            return "shape", "", shapeless or odd
        if undated:
            return "age", "", undated
        if joints.why:
            i = min(joints.why)
            check = "position" if np.isfinite(joints.raw[:, i]).all() else "finite"
            return check, self._names[i], f"{self._names[i]} {joints.why[i]}"
        return ("shape", "", bad or imu.why) if bad or imu.why else ("", "", "")

    def _cross_check(self) -> None:
        """What repeats itself to the last bit although something else tells that it must have moved."""
        joints, imu = self.joints, self.imu
        legs = joints.repeats[self.legs]
        still = int(legs.min(initial=ENOUGH)) if legs.size else 0
        if imu.repeats == 1 or still == 1 or not self._anchor:
            self._anchor = self.q[self.legs].copy(), imu.quat
        was, quat = self._anchor
        if imu.repeats >= ENOUGH and (
            np.abs(self.q[self.legs] - was).max(initial=0.0) > LEGS_MOVED or np.count_nonzero(joints.frozen) > BLIND_LEGS
        ):
            imu.freeze()
        turned = 2.0 * math.dist(quat, imu.quat)
        if still >= ENOUGH and not imu.repeats and turned > BASE_TURNED:
            joints.freeze(self.legs)

    # -- how old it is --------------------------------------------------------------------------------------------

    def _age(self) -> None:
        limits, joints, imu = self._limits, self.joints, self.imu
        if self.stale is NOTHING and (imu.seen[0] <= LONG_AGO or joints.seen.max() <= LONG_AGO):
            return
        self.stale_legs = self.stale_imu = self.lost = self.stale_arms = self.lost_arms = ""
        findings: list[str] = []
        oldest = self._time - limits.imu_age - ROUNDING
        if imu.seen[0] < oldest or imu.seen[1] < oldest:
            self.stale_imu = self._age_imu(findings)
        np.greater_equal(joints.seen, self._time - limits.joint_age - ROUNDING, out=self._young)
        if np.count_nonzero(self._young) != self._young.size:
            self._age_joints(findings)
        if joints.why:
            findings += [f"{self._names[i]} {joints.why[i]}" for i in np.flatnonzero(joints.slip).tolist()]
        if self._undated > limits.joint_age + ROUNDING:
            findings.append(f"stamps of the readings: {self.problem[2]}")
        if self._missed > MISSED + ROUNDING:
            findings.append("most of its readings are missing")
        if self._odd > limits.joint_age + ROUNDING:
            findings.append("its list of faults cannot be read")
        self.stale = self.stale_legs or self.stale_imu
        # Where everything has to hold, age decides what comes next: it may be over in a moment.
        self.faults = (*self._reported, *findings) if findings and not self.stale else self._reported

    def _age_imu(self, findings: list[str]) -> str:
        """Why everything has to hold, "" if it need not: then one of the two stands in for the other."""
        limits, imu = self._limits, self.imu
        why = f": {imu.why}" if imu.why else ""
        age = self._time - max(imu.seen) - ROUNDING
        if age <= limits.imu_age:
            findings.append(f"IMU{why}")
            return ""
        stale = f"IMU reading is {age:.3f} s old, at most {limits.imu_age:g} s{why}"
        self.lost = stale if age > limits.imu_age_damp else ""
        return stale

    def _age_joints(self, findings: list[str]) -> None:
        """Arms hold, then settle. Of a leg with a stand-in, or of a single one, the robot can still come to rest."""
        limits, ages = self._limits, self._time - self.joints.seen
        old = ~self._young
        known, oldest = ages.min(axis=0), ages.max(axis=0)
        arm = int(np.argmax(np.where(self.arms, oldest, -np.inf)))
        if self.arms[arm] and old[:, arm].any():
            self.stale_arms = self._too_old(arm, oldest[arm])
            self.lost_arms = self.stale_arms if oldest[arm] > limits.joint_age_damp + ROUNDING else ""
        blind = np.flatnonzero(old.all(axis=0) & self.legs & ~self.joints.mirrored)
        if len(blind) > BLIND_LEGS:
            leg = blind[np.argmax(known[blind])]
            self.stale_legs = self._too_old(leg, known[leg])
            self.lost = self.lost or (self.stale_legs if known[leg] > limits.joint_age_damp + ROUNDING else "")
        else:
            self.joints.hold(blind)
            findings += [self._too_old(i, oldest[i]) for i in np.flatnonzero(old.any(axis=0) & self.legs).tolist()]

    def _too_old(self, i: int, age: float) -> str:
        why = self.joints.why.get(int(i), "")
        return f"reading of {self._names[i]} is {age:.3f} s old, at most {self._limits.joint_age:g} s" + (
            f": {why}" if why else ""
        )

    def doubts(self) -> dict[str, str]:
        """Why something is not believed now, by joint name, "IMU" or "stamp"."""
        if not (self.joints.why or self.imu.why or self._undated):
            return {}
        found = {self._names[i]: why for i, why in self.joints.why.items()}
        if self.imu.why:
            found["IMU"] = self.imu.why
        if self._undated:
            found["stamp"] = self.problem[2]
        return found

    def state(self) -> RobotState | None:
        """What is believed, in memory of its own that nobody can make writable; None before the first reading."""
        if self.stale == NOTHING:
            return None
        imu, tail, (q, dq, ages, quat, rate) = self.imu, self._tail, self._parts
        np.minimum(self.joints.seen[0], self.joints.seen[1], out=self._ages)
        np.subtract(self._time - self._late, self._ages, self._ages)
        tail[0], tail[1], tail[2], tail[3] = imu.quat
        tail[4], tail[5], tail[6] = imu.rate
        whole = np.frombuffer(self._block.tobytes())
        return RobotState(
            self._stamp,
            whole[q],
            whole[dq],
            whole[quat],
            whole[rate],
            whole[ages],
            self._time - self._late - min(imu.seen),
            self._battery,
            self.faults,
        )
