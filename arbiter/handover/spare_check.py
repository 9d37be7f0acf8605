"""Policies that have a spare are compared with it: both have the same weights, and answer the same to one observation."""

from __future__ import annotations

import numpy as np

from arbiter.handover.authority import Authority, JointAssignment
from arbiter.handover.bank import PolicyBank
from arbiter.policy import Recomputing
from arbiter.robot import RobotModel
from arbiter.wall import walled

APART = 0.01  # [rad], share of kp, share of kd: two sessions of the same weights differ by rounding


class SpareCheck:
    """Compares targets with what a second session of the same weights answers. An inference costs what it costs."""

    def __init__(self, model: RobotModel, authority: Authority, bank: PolicyBank) -> None:
        self._joints, self._legs, self._authority, self._bank = model.joints, model.groups["legs"], authority, bank
        self._count = int(self._legs.sum())
        self._pairs: list[tuple[JointAssignment, Recomputing]] = []  # who drives and has a spare that can tell

    def begin(self) -> None:
        """Joints changed hands."""
        spares = [(assignment, self._bank.spares.get(assignment.policy.name)) for assignment in self._authority.assignments]
        self._pairs = [(assignment, spare) for assignment, spare in spares if isinstance(spare, Recomputing)]

    def agrees(self) -> bool:
        """Whether all legs are driven by policies that ask for what their spares answer; gains are not looked at."""
        legs = 0
        for assignment, spare in self._pairs:
            off = walled(self._off, assignment, spare).value
            if off is None or not off <= APART:
                return False
            legs += np.count_nonzero(assignment.joints & self._legs)
        return legs == self._count

    def _off(self, assignment: JointAssignment, spare: Recomputing) -> float:
        """By how much the positions that the policy asks for, and those that its spare answers, differ in sum [rad]."""
        target = spare.recompute(assignment.policy)
        return np.inf if target is None else float(np.abs(self._authority.q - target.q).dot(assignment.joints))

    def compare(self, assignment: JointAssignment) -> tuple[bool, str]:
        """Whether the spare could recompute the policy's target, and how the two differ: "" if they agree."""
        spare = next((spare for of, spare in self._pairs if of is assignment), None)
        if spare is None or spare.name in self._bank.banned:
            return False, ""
        answer, error = walled(self._answer, spare, assignment)
        if error or answer is None:
            return False, ""
        asked = self._authority.block
        most = APART * np.abs(answer)
        most[0] = APART
        apart = (np.abs(asked - answer) > most) & assignment.joints
        if not apart.any():
            return True, ""
        i = int(np.argmax((np.abs(asked - answer) * apart).max(axis=0)))
        (q, kp, kd), (right_q, right_kp, right_kd) = asked[:, i].tolist(), answer[:, i].tolist()
        return True, (
            f"asks {self._joints[i]} for {q:.3g} rad with kp {kp:.3g} and kd {kd:.3g}, where a second session of the same "
            f"weights answers {right_q:.3g} rad, {right_kp:.3g} and {right_kd:.3g}"
        )

    def _answer(self, spare: Recomputing, assignment: JointAssignment) -> np.ndarray | None:
        """q, kp, kd that `spare` answers in the place of the assignment's policy, shape (3, n); None: it cannot tell."""
        target = spare.recompute(assignment.policy)
        if target is None:
            return None
        answer = np.stack((target.q, target.kp, target.kd))
        return answer if answer.shape == self._authority.block.shape and np.isfinite(answer).all() else None
