"""Whether policies ask for what a policy can mean: one that asks for the impossible loses its joints in time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from arbiter.authority import Authority, Grip
from arbiter.robot import RobotModel
from arbiter.safety.intake import ABSURD, bounds
from arbiter.types import RobotState

PUSH = 2.0  # torque that the leg targets imply, as a multiple of the motors' limits and a mean over the legs
LIMP = 0.05  # of the robot's own stiffness: a leg with less of it carries nothing
PATIENCE = {"unusable": 2, "push": 4}  # bad ticks; beyond that a walk that is held falls
REPEATS = 4  # ticks in which a policy that walks may ask for the same again: it may decide more slowly than the tick
PAID_BACK = 0.1  # of a bad tick, by a good one: what flickers still runs out


class TargetMonitor:
    """Judges the targets of each tick before they are blended.

    Measured in simulation (mean implied torque of the legs over six ticks): walking and turning at most 1.0, pushed by 0.5 m/s
    1.7, the published legs policy 1.6, a walking policy whose output changed sign 1.5 to 2.3.

    Args:
        model: The robot.
        authority: Who drives what, and the composed target.
    """

    def __init__(self, model: RobotModel, authority: Authority) -> None:
        n = model.n
        self._joints, self._authority = model.joints, authority
        self._legs = model.groups["legs"]
        legs = self._legs
        self._low, self._high = bounds(model)
        self._low[1] = np.where(legs, LIMP * model.kp, 0.0)
        self._mix = np.where(legs, np.sqrt(1.0 + np.arange(n)), 0.0)  # other targets of the legs make another sum
        self._asked, self._repeats = np.nan, 0  # that sum in the tick before, and how often it came again
        self._share = np.where(legs, 1.0 / model.effort, 0.0) / max(int(legs.sum()), 1)
        self._ok = np.zeros((2, 3, n), bool)
        self._torque = np.zeros(n)
        self._bad: dict[tuple[str, str], float] = {}  # bad ticks by policy and kind

    def judge(self, state: RobotState, walker: str) -> Sequence[tuple[Grip, str]]:
        """Grips whose policy has asked for the impossible for too long, each with what it asked for. `walker`: name of the policy
        that walks, "" if none does."""
        authority, ok, torque = self._authority, self._ok, self._torque
        np.greater_equal(authority.block, self._low, out=ok[0])
        np.less_equal(authority.block, self._high, out=ok[1])
        np.subtract(authority.q, state.joint_pos, out=torque)
        np.multiply(torque, authority.kp, out=torque)
        np.abs(torque, out=torque)
        push, asked = float(torque @ self._share), float(authority.q @ self._mix)
        self._repeats = self._repeats + 1 if asked == self._asked else 0
        self._asked = asked
        if not self._bad and push <= PUSH and self._repeats <= REPEATS and np.count_nonzero(ok) == ok.size:
            return ()
        return self._look(push, walker)

    def forget(self) -> None:
        """The operator's reset: every policy begins anew."""
        self._bad.clear()
        self._repeats = 0

    def _look(self, push: float, walker: str) -> list[tuple[Grip, str]]:
        found = []
        driving = {grip.policy.name for grip in self._authority.grips}
        for key in [key for key in self._bad if key[0] not in driving]:
            del self._bad[key]  # what a policy did the last time that it drove does not count
        usable = (self._ok[0] & self._ok[1]).all(axis=0)
        for grip in self._authority.grips:
            if grip.policy.kind == "fallback":
                continue  # the safety layer holds it, and goes down the ladder
            bad = grip.joints & ~usable
            pushes = push > PUSH and bool((grip.joints & self._legs).any())
            if self._count(grip.policy.name, "unusable", bool(bad.any())):
                found.append((grip, self._explain(int(np.argmax(bad)))))
            elif self._count(grip.policy.name, "push", pushes):
                why = f"its targets ask the legs for {push:.1f} times the torque they have, at most {PUSH:g} is right"
                found.append((grip, why))
            elif self._repeats > REPEATS and grip.policy.name == walker and bool((grip.joints & self._legs).any()):
                found.append((grip, f"it walks, but has asked the legs for the same targets {self._repeats + 1} times in a row"))
            # What cannot be meant goes on as what is not a number: no blend begins from it, and it is refused, never clamped.
            self._authority.block[:, bad] = np.nan
        return found

    def _count(self, policy: str, kind: str, bad: bool) -> bool:
        """Adds a tick. True when there were too many bad ones."""
        key = policy, kind
        count = self._bad.get(key, 0.0) + (1.0 if bad else -PAID_BACK)
        if count > 0.0:
            self._bad[key] = count
        else:
            self._bad.pop(key, None)
        if bad and count > PATIENCE[kind]:
            self._bad.pop(key, None)
            return True
        return False

    def _explain(self, i: int) -> str:
        q, kp, kd = self._authority.block[:, i]
        return (
            f"asks {self._joints[i]} for {q:.3g} rad with kp {kp:.3g} and kd {kd:.3g}; finite numbers are expected, gains of "
            f"at least {self._low[1, i]:.3g} and 0, of a leg no more than {ABSURD:.1f} rad beyond its range"
        )
