"""What a tick changed, which policy it is charged to, and the verdict that reports it."""

from __future__ import annotations

from collections import Counter

import numpy as np

from arbiter.safety.intake import Intake
from arbiter.safety.rates import EPS
from arbiter.safety.watch import Watch
from arbiter.types import Intervention, Mode, Verdict

ROBOT = "robot"  # who is charged with a bad reading
NAN = float("nan")


class Notes:
    """Collects the interventions of one tick.

    Attributes:
        counts: Interventions so far by (check, joint, policy).
        remark: What is worth telling in RUN.
    """

    def __init__(self, joints: tuple[str, ...], intake: Intake, watch: Watch) -> None:
        self.counts: Counter[tuple[str, str, str]] = Counter()
        self.remark = ""
        self._joints, self._intake, self._watch = joints, intake, watch
        self._found: list[tuple[str, str, str, float, float]] = []
        self._verdict = Verdict(Mode.PASSIVE, (), "not armed")

    def clear(self) -> None:
        """A new tick begins."""
        self._found.clear()
        self.remark = ""

    def add(self, check: str, joint: int, asked: float, given: float) -> None:
        """The joint of this index got `given` instead of what was asked, in the unit of the check."""
        self._found.append((check, self._joints[joint], self._intake.owner(joint), asked, given))

    def add_changes(self, check: str, mask: np.ndarray, asked: np.ndarray, given: np.ndarray) -> None:
        """The same of those joints of `mask` where the two, shape (n,), differ by more than rounding."""
        for i in np.flatnonzero(mask & (np.abs(asked - given) > EPS)).tolist():
            self.add(check, i, asked[i].item(), given[i].item())

    def add_policies(self, check: str, names: list[str]) -> None:
        """Policies that a check refused as a whole."""
        self._found.extend((check, "", name, NAN, NAN) for name in names)

    def add_refusals(self, blocked: bool, in_force: np.ndarray) -> None:
        """What of target and reading cannot be used.

        Args:
            blocked: The tick does not count.
            in_force: Position targets that stand in [rad], shape (n,).
        """
        intake, watch = self._intake, self._watch
        check = intake.problem[0]
        if check in ("finite", "position"):
            for i in np.flatnonzero(intake.bad).tolist():
                self.add(check, i, NAN, in_force[i].item())
        elif check:
            self.add_policies(check, sorted(set(intake.names())))
        if watch.problem[0]:
            self._found.append((watch.problem[0], watch.problem[1], ROBOT, NAN, NAN))
        if blocked or watch.ages.stale or watch.ages.stale_arms:
            self._found.append(("age", "", ROBOT, NAN, NAN))

    def add_clamps(self, used: np.ndarray) -> None:
        """What the intake clamped, of the joints whose target is used, bool, shape (n,)."""
        for check, asked, given in zip(("position", "gain", "gain"), self._intake.asked, self._intake.block, strict=True):
            self.add_changes(check, used, asked, given)

    def judge(self, mode: Mode, reason: str) -> Verdict:
        """The verdict of this tick; the last one where it says the same, so that a good tick makes none."""
        verdict, reason = self._verdict, reason or self.remark
        if not self._found and verdict.mode is mode and verdict.reason == reason and not verdict.interventions:
            return verdict
        self.counts.update(note[:3] for note in self._found)
        self._verdict = Verdict(mode, tuple(Intervention(*note) for note in self._found), reason)
        return self._verdict
