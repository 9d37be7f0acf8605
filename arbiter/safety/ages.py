"""How old each part of the readings is, and what that forbids."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from arbiter.robot import RobotModel
from arbiter.safety.inertial import LONG_AGO, Inertial
from arbiter.safety.joints import Joints
from arbiter.safety.limits import SafetyLimits
from arbiter.safety.stamps import ROUNDING

NOTHING = "no reading was taken yet"
BLIND_LEGS = 1  # leg joints of which nothing is known that a robot still comes to rest with


class Ages:
    """Attributes:
    first: No reading was taken yet.
    stale: Why everything has to hold, "" if it need not: legs or IMU are too old.
    stale_arms: Why the joints beside the legs have to hold, "" if they need not.
    lost: Why the robot cannot be controlled, "" if it can.
    lost_arms: The same of joints beside the legs.
    faults: Faults that the drivers report now, and readings that are not believed any more.
    """

    def __init__(self, model: RobotModel, limits: SafetyLimits, joints: Joints, imu: Inertial) -> None:
        self._names, self._limits, self._joints, self._imu = model.joints, limits, joints, imu
        self._legs = model.groups.get("legs", np.ones(model.n, bool))
        self._arms, self._young = ~self._legs, np.zeros((2, model.n), bool)
        self.first, self.faults = True, ()
        self.stale, self.lost, self.stale_arms, self.lost_arms = NOTHING, NOTHING, "", ""

    def look(self, now: float, reported: tuple[str, ...], others: Sequence[str]) -> None:
        """At `now` [s], as ages count it.

        Args:
            reported: Faults that the drivers report.
            others: What else is wrong with the readings.
        """
        limits, imu, seen = self._limits, self._imu, self._joints.believed.seen
        if self.first and (imu.seen[0] <= LONG_AGO or seen.max() <= LONG_AGO):
            return
        self.first = False
        self.stale = self.lost = self.stale_arms = self.lost_arms = stale_legs = stale_imu = ""
        findings: list[str] = []
        oldest = now - limits.imu_age - ROUNDING
        if imu.seen[0] < oldest or imu.seen[1] < oldest:
            stale_imu = self._look_at_imu(now, findings)
        np.greater_equal(seen, now - limits.joint_age - ROUNDING, self._young)
        if np.count_nonzero(self._young) != self._young.size:
            stale_legs = self._look_at_joints(now - seen, findings)
        why = self._joints.why
        if why:
            findings += [f"{self._names[i]} {why[i]}" for i in np.flatnonzero(self._joints.slips.angle).tolist()]
        findings += others
        self.stale = stale_legs or stale_imu
        # Where everything has to hold, age decides what comes next: it may be over in a moment.
        self.faults = (*reported, *findings) if findings and not self.stale else reported

    def _look_at_imu(self, now: float, findings: list[str]) -> str:
        """Why everything has to hold, "" if it need not: then one of the two stands in for the other."""
        limits, imu = self._limits, self._imu
        why = f": {imu.why}" if imu.why else ""
        age = now - max(imu.seen) - ROUNDING
        if age <= limits.imu_age:
            findings.append(f"IMU{why}")
            return ""
        stale = f"IMU reading is {age:.3f} s old, at most {limits.imu_age:g} s{why}"
        self.lost = stale if age > limits.imu_age_damp else ""
        return stale

    def _look_at_joints(self, ages: np.ndarray, findings: list[str]) -> str:
        """Arms hold, then settle. Of a leg with a stand-in, or of a single one, the robot can still come to rest. Returns why
        everything has to hold. `ages` [s]: of position and velocity, shape (2, n)."""
        limits, old = self._limits, ~self._young
        known, oldest = ages.min(axis=0), ages.max(axis=0)
        arm = int(np.argmax(np.where(self._arms, oldest, -np.inf)))
        if self._arms[arm] and old[:, arm].any():
            self.stale_arms = self._too_old(arm, oldest[arm])
            self.lost_arms = self.stale_arms if oldest[arm] > limits.joint_age_damp + ROUNDING else ""
        blind = np.flatnonzero(old.all(axis=0) & self._legs & ~self._joints.believed.mirrored)
        if len(blind) > BLIND_LEGS:
            leg = blind[np.argmax(known[blind])]
            stale = self._too_old(leg, known[leg])
            self.lost = self.lost or (stale if known[leg] > limits.joint_age_damp + ROUNDING else "")
            return stale
        self._joints.hold(blind)
        findings += [self._too_old(i, oldest[i]) for i in np.flatnonzero(old.any(axis=0) & self._legs).tolist()]
        return ""

    def _too_old(self, i: int, age: float) -> str:
        why = self._joints.why.get(int(i), "")
        return f"reading of {self._names[i]} is {age:.3f} s old, at most {self._limits.joint_age:g} s" + (
            f": {why}" if why else ""
        )
