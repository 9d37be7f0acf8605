"""Watches the targets of policies: one whose targets are impossible, or not what its weights produce, loses its joints."""

from __future__ import annotations

import math
from collections.abc import Container, Sequence

import numpy as np

from arbiter.handover.authority import Authority, JointAssignment
from arbiter.handover.bank import PolicyBank
from arbiter.handover.spare_check import SpareCheck
from arbiter.robot import RobotModel
from arbiter.safety.intake import ABSURD, bounds, is_number
from arbiter.types import RobotState

PUSH = 2.0  # torque that the leg targets imply, as a multiple of the motors' limits and a mean over the legs
MIN_STIFFNESS = 0.05  # of the robot's own stiffness: a leg with less of it carries nothing
TIPS = 0.55  # of the tilt that counts as a fall: no walk recovers from more (128 shoves: 0.31 rad at most)
PATIENCE = {"unusable": 2, "push": 4, "tips": 1}  # bad ticks; beyond that a walk that is held falls
REPEATS = 4  # ticks in which a policy that walks may ask for the same again; one that says that it decides more slowly, longer
SLOWEST = 1.0  # [Hz] that is believed of it
PAID_BACK = 0.1  # of a bad tick, by a good one: what flickers still runs out

EVERY = 10  # ticks after which the spare is asked in any case: what is wrong and jumps is found at once, this finds the rest
JUMP, USUAL = 0.2, 1.2  # [rad], and multiple of the usual jump, by which all legs' targets together may go on unasked
SHARE, MOST = 0.1, 2.0  # of the newest jump in the usual one; the most that it counts for [rad]


class Jumps:
    """How targets change from tick to tick.

    Attributes:
        usual: Usual jump of all legs' targets together [rad].
        repeats: Equal targets in a row. allowed: How many of them were looked into.
    """

    def __init__(self, model: RobotModel) -> None:
        n, legs = model.n, model.groups["legs"]
        self._share = np.where(legs, 1.0 / model.effort, 0.0) / max(int(legs.sum()), 1)
        self._from = np.zeros((2, n))  # the targets of the tick before, and where the joints are
        self._weights, self._work, self._ones = np.stack((legs, np.zeros(n))), np.zeros((2, n)), np.ones(n)
        self.usual, self.repeats, self.allowed = 0.0, 0, 0

    def weigh(self, kp: np.ndarray) -> None:
        """Gains changed: kp [N·m/rad], shape (n,)."""
        np.multiply(kp, self._share, out=self._weights[1])

    def note(self, q: np.ndarray, joint_pos: np.ndarray) -> tuple[float, float, bool]:
        """Targets and measured positions of this tick [rad], shape (n,). Returns by how much targets of the legs jumped in sum
        [rad], the torque that they imply as a multiple of the motors' limits, and whether the jump is a usual one."""
        last, work = self._from, self._work
        last[1] = joint_pos
        np.subtract(q, last, out=work)
        np.multiply(work, self._weights, out=work)
        np.abs(work, out=work)
        jump, push = work.dot(self._ones).tolist()  # nan is neither more nor less than anything
        calm = jump <= JUMP + USUAL * self.usual
        self.usual += SHARE * (min(MOST, jump) - self.usual)
        self.repeats = self.repeats + 1 if jump == 0.0 else 0
        return jump, push, calm

    def remember(self, q: np.ndarray) -> None:
        """What was asked for in this tick, after it was judged [rad], shape (n,)."""
        self._from[0] = q

    def stuck(self, most: int) -> bool:
        """Whether the same was asked for more than `most` times in a row; that is then counted anew."""
        stuck, self.allowed = self.repeats > most, max(self.allowed, min(self.repeats, most))
        self.repeats = 0 if stuck else self.repeats
        return stuck


class BadTicks:
    """Bad ticks by policy and kind; more than PATIENCE of them are too many."""

    def __init__(self) -> None:
        self._bad: dict[tuple[str, str], float] = {}

    def __bool__(self) -> bool:
        return bool(self._bad)

    def forget(self) -> None:
        """Every policy begins anew."""
        self._bad.clear()

    def keep(self, driving: Container[str]) -> None:
        """What a policy did the last time that it drove does not count."""
        for key in [key for key in self._bad if key[0] not in driving]:
            del self._bad[key]

    def count(self, policy: str, kind: str, bad: bool) -> bool:
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


class TargetMonitor:
    """Judges the targets of each tick before they are blended.

    A policy that has a spare is compared with it: both have the same weights, so that to the same observation both answer the
    same, and a wrong sign, order, gain or a target that stands still shows in its first tick. An inference costs what it costs:
    the spare is asked when a policy has just taken its joints, when its legs' targets jump by more than they use to, when gains
    change, when targets repeat themselves, and in every tenth tick.

    What has no spare, or one that is as wrong, shows late: measured in simulation (mean implied torque of the legs over six
    ticks), walking and turning ask for 1.0 at most, pushed by 0.5 m/s for 1.7, the published legs policy for 1.6, a walking
    policy whose output changed sign for 1.5 to 2.3.

    Args:
        model: The robot.
        authority: Who drives what, and the composed target.
        bank: Has the spares.

    Attributes:
        refused: What it has replaced by nan in this tick, by policy name: what was asked for.
    """

    def __init__(self, model: RobotModel, authority: Authority, bank: PolicyBank) -> None:
        legs = model.groups["legs"]
        self._hz, self._joints, self._legs, self._authority = model.control_hz, model.joints, legs, authority
        self._low, self._high = bounds(model)
        self._low[1] = np.where(legs, MIN_STIFFNESS * model.kp, 0.0)
        self._tips = TIPS * model.fall_tilt
        self._sine = math.sin(0.5 * self._tips) ** 2
        self._jumps, self._bad, self._spares = Jumps(model), BadTicks(), SpareCheck(model, authority, bank)
        self._known, self._version, self._left = b"", -1, 0  # gains, joint assignment; ticks until the spare is asked in any case
        self.refused: dict[str, str] = {}

    def judge(self, state: RobotState, walker: str) -> Sequence[tuple[JointAssignment, str]]:
        """Assignments whose policy has asked for the impossible for too long, or for what its weights do not answer, or
        under which the robot tips over; each with why. `walker`: name of the policy that walks, "" if none does."""
        authority, jumps = self._authority, self._jumps
        gains = authority.block[1:].tobytes()
        changed = gains != self._known or authority.version != self._version
        if changed:
            self._begin(gains)
        jump, push, usual = jumps.note(authority.q, state.joint_pos)
        self._left -= 1
        if self.refused:
            self.refused.clear()
        _, x, y, _ = state.base_quat.tolist()
        tips = x * x + y * y > self._sine
        calm = not tips and usual and push <= PUSH and jumps.repeats <= jumps.allowed
        found: Sequence[tuple[JointAssignment, str]] = ()
        if not calm or self._left <= 0 or changed or self._bad:
            self._left = EVERY
            usable = jump < np.inf and push <= PUSH and not (tips or changed or self._bad)
            found = self._look(push, walker, usable and self._spares.agrees(), state.tilt if tips else 0.0)
        jumps.remember(authority.q)
        return found

    def forget(self) -> None:
        """The operator's reset: every policy begins anew."""
        self._bad.forget()
        self._jumps.repeats = 0

    def _begin(self, gains: bytes) -> None:
        """Joints changed hands, or gains changed."""
        authority = self._authority
        if authority.version != self._version:
            self._jumps.allowed = 0
            self._spares.begin()
        self._known, self._version = gains, authority.version
        self._jumps.weigh(authority.kp)

    def _look(self, push: float, walker: str, right: bool, tilt: float) -> list[tuple[JointAssignment, str]]:
        """`right`: nothing has to be looked into but repetitions, and these are what the weights answer. `tilt` [rad]: 0 where a
        walk may recover."""
        most = self._most_repeats(walker)
        stuck = self._jumps.stuck(most)
        if right:
            return []
        found, block = [], self._authority.block
        driving = {assignment.policy.name for assignment in self._authority.assignments}
        self._bad.keep(driving)
        usable = ((block >= self._low) & (block <= self._high)).all(axis=0)
        for assignment in self._authority.assignments:
            if assignment.policy.kind == "fallback":
                continue  # the safety layer holds it, and goes down the ladder
            name, bad = assignment.policy.name, assignment.joints & ~usable
            carries = bool((assignment.joints & self._legs).any())
            compared, wrong = (False, "") if bad.any() else self._spares.compare(assignment)
            if self._bad.count(name, "unusable", bool(bad.any())):
                found.append((assignment, self._explain(int(np.argmax(bad)))))
            elif wrong:
                found.append((assignment, wrong))
                bad = assignment.joints
            elif self._bad.count(name, "push", carries and push > PUSH):
                why = f"its targets ask the legs for {push:.1f} times the torque they have, at most {PUSH:g} is right"
                found.append((assignment, why))
            elif self._bad.count(name, "tips", carries and tilt > 0.0 and assignment.policy.kind == "locomotion"):
                why = f"the robot tips over: tilt {tilt:.2f} rad, no walk recovers from more than {self._tips:.2f}"
                found.append((assignment, why))
            elif stuck and carries and not compared and name == walker:
                found.append((assignment, f"it walks, but has asked the legs for the same targets {most + 2} times in a row"))
            # What cannot be meant goes on as what is not a number: no blend begins from it, and it is refused, never clamped.
            if bad.any():
                self.refused[name] = wrong or self._explain(int(np.argmax(bad)))
                block[:, bad] = np.nan
        return found

    def _most_repeats(self, walker: str) -> int:
        """Equal targets in a row that a policy which walks may ask for: it may decide more slowly than the tick."""
        policies = (assignment.policy for assignment in self._authority.assignments)
        rate = next((getattr(policy, "rate_hz", None) for policy in policies if policy.name == walker), None)
        return max(REPEATS, round(self._hz / rate) - 1) if is_number(rate) and rate >= SLOWEST else REPEATS

    def _explain(self, i: int) -> str:
        q, kp, kd = self._authority.block[:, i]
        return (
            f"asks {self._joints[i]} for {q:.3g} rad with kp {kp:.3g} and kd {kd:.3g}; finite numbers are expected, gains of "
            f"at least {self._low[1, i]:.3g} and 0, of a leg no more than {ABSURD:.1f} rad beyond its range"
        )
