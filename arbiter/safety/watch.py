"""The readings: what is fresh, what is stale, what the drivers report, whether the robot has fallen."""

from __future__ import annotations

import math

import numpy as np

from arbiter.robot import RobotModel
from arbiter.safety.intake import describe, is_array, is_number
from arbiter.safety.limits import SafetyLimits
from arbiter.types import RobotState

SLACK = 0.5  # [rad] a joint measured further outside its range than this is a broken encoder, not a posture
SPEED = 1000.0  # [rad/s] no joint turns faster than this
ROUNDING = 1e-9  # [s] ages are differences of clock readings; one that meets its limit exactly is fine
FALL_READINGS = 2  # one tilted reading may be a glitch of the IMU


class Watch:
    """Keeps the last good reading and how old each part of it is. A reading with a bad part is refused, and ages.

    Attributes:
        arms: The joints beside the legs, bool, shape (n,).
        q, dq: Last good joint positions and velocities [rad, rad/s], shape (n,).
        faults: Faults that the drivers report now.
        problem: (check, joint, why) of the newest reading, "" if it was good.
        stale: Why everything has to hold, "" if it need not: a leg or the IMU is too old.
        stale_arms: Why the joints beside the legs have to hold, "" if they need not.
        lost: Why the robot cannot be controlled, "" if it can.
        lost_arms: The same of joints beside the legs.
        fallen: The robot has fallen.
        tilt: Tilt of the base [rad].
    """

    def __init__(self, model: RobotModel, limits: SafetyLimits) -> None:
        n = model.n
        self._joints, self._limits, self._shape, self._dt = model.joints, limits, (n,), model.dt
        self._legs = model.groups.get("legs", np.ones(n, bool))
        self.arms = ~self._legs
        self._low = np.stack((model.lower - SLACK, np.full(n, -SPEED), np.full(n, -model.dt)))
        self._high = np.stack((model.upper + SLACK, np.full(n, SPEED), np.full(n, 1e12)))
        self._new, self._good = np.zeros((3, n)), np.zeros((3, n))  # position, velocity, age; newest and last good one
        self._rows, self._ok = tuple(self._new), np.zeros((2, 3, n), bool)
        self._above, self._below = self._ok
        self._young = np.zeros(n, bool)
        self._stamp, self._imu_taken = -math.inf, -math.inf  # when the last good ones were measured [s]
        self._last: object = None
        self._tilted = 0
        self.q, self.dq, self._joint_age = self._good
        self.q[:] = model.default
        self.faults: tuple[str, ...] = ()
        self.problem = ("", "", "")
        self.stale = self.lost = "no reading was taken yet"
        self.stale_arms = self.lost_arms = ""
        self.fallen, self.tilt = False, 0.0

    @property
    def healthy(self) -> bool:
        """A fallback policy can stand: legs and IMU are fresh, and it has not fallen."""
        return not (self.stale or self.lost or self.fallen)

    def read(self, state: object, now: float) -> None:
        """Takes a reading, whatever it is."""
        if state is not self._last:
            self.problem = self._take(state, now)
            self._last = state
        self._age(now)

    def forget_fall(self) -> None:
        """The operator has set it up again."""
        self._tilted, self.fallen = 0, False

    def _take(self, state: object, now: float) -> tuple[str, str, str]:
        if type(state) is not RobotState:
            return "shape", "", f"the reading is {type(state).__name__}; a RobotState is expected"
        faults = getattr(state, "faults", None)
        if type(faults) is not tuple or any(type(fault) is not str for fault in faults):
            return "shape", "", f"faults is {type(faults).__name__}; a tuple of names is expected"
        self.faults = faults
        stamp = getattr(state, "stamp", None)
        if not is_number(stamp):
            return "finite", "", "the reading's stamp is not a finite number"
        if stamp > now + self._dt:
            return "age", "", f"the reading is stamped {stamp - now:.3f} s in the future"
        return self._take_joints(state, stamp) or self._take_imu(state, stamp) or ("", "", "")

    def _take_joints(self, state: RobotState, stamp: float) -> tuple[str, str, str] | None:
        for row, name in zip(self._rows, ("joint_pos", "joint_vel", "joint_age"), strict=True):
            value = getattr(state, name, None)
            if not is_array(value, self._shape):
                return "shape", "", f"{name} {describe(value, self._shape)}"
            row[:] = value
        np.greater_equal(self._new, self._low, out=self._above)
        np.less_equal(self._new, self._high, out=self._below)
        if np.count_nonzero(self._ok) != self._ok.size:
            return self._explain()
        self._good[:] = self._new
        self._stamp = stamp
        return None

    def _explain(self) -> tuple[str, str, str]:
        """Names the first impossible number of a reading."""
        row, i = np.argwhere(~(self._above & self._below))[0]
        name, joint, value = ("position", "velocity", "age")[row], self._joints[i], self._new[row, i]
        low, high = self._low[row, i], self._high[row, i]
        check = name if math.isfinite(value) else "finite"
        return check, joint, f"{joint} reads {name} {value:g}; {low:g} to {high:g} is possible"

    def _take_imu(self, state: RobotState, stamp: float) -> tuple[str, str, str] | None:
        quat, age = getattr(state, "base_quat", None), getattr(state, "imu_age", None)
        if not is_array(quat, (4,)):
            return "shape", "", f"base_quat {describe(quat, (4,))}"
        if not is_number(age) or age < -self._dt:
            return "finite", "", f"imu_age is {age!r}; a finite number of seconds is expected"
        w, x, y, z = quat.tolist()
        norm = w * w + x * x + y * y + z * z
        if not 0.8 < norm < 1.2:
            check = "shape" if math.isfinite(norm) else "finite"
            return check, "", f"base_quat has a squared length of {norm:g}; 1 is expected"
        last, self._imu_taken = self._imu_taken, stamp - age
        if self._imu_taken > last:
            self.tilt = math.acos(min(1.0, max(-1.0, 1.0 - 2.0 * (x * x + y * y) / norm)))
            self._tilted = self._tilted + 1 if self.tilt > self._limits.fall_tilt else 0
            self.fallen = self._tilted >= FALL_READINGS
        return None

    def _age(self, now: float) -> None:
        limits, self.stale, self.lost = self._limits, "", ""
        self.stale_arms = self.lost_arms = ""
        imu = now - self._imu_taken - ROUNDING
        if imu > limits.imu_age:
            self.stale = f"IMU reading is {imu:.3f} s old, at most {limits.imu_age:g} s"
            if imu > limits.imu_age_damp:
                self.lost = self.stale
        late = now - self._stamp - ROUNDING
        np.less_equal(self._joint_age, limits.joint_age - late, out=self._young)
        if np.count_nonzero(self._young) == self._young.size:
            return
        age = self._joint_age + late
        for legs, mask in ((True, self._legs), (False, self.arms)):
            if not mask.any():
                continue
            i = int(np.argmax(np.where(mask, age, -np.inf)))
            if age[i] <= limits.joint_age:
                continue
            why = f"reading of {self._joints[i]} is {age[i]:.3f} s old, at most {limits.joint_age:g} s"
            lost = why if age[i] > limits.joint_age_damp else ""
            if legs:
                self.stale, self.lost = self.stale or why, self.lost or lost
            else:
                self.stale_arms, self.lost_arms = why, lost
