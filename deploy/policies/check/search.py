"""Which other card the network fits better: each undoes one mistake, and is tried in simulation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from arbiter.errors import ArbiterError
from arbiter.policy import Policy
from deploy.policies.check.drive import DrivePlan, Ground
from deploy.policies.check.judge import REACHED, UNREST
from deploy.policies.check.trial import Trial, course_error, plans, try_card
from policies.locomotion.card import PolicyCard
from policies.locomotion.probes.cards import Alternative

FINALISTS = 4
EVEN = 0.1  # of merit between cards that do equally well: probes decide, then the robot, then which mistake is likelier
CALMER = 1.3  # factor by which another card rocks less that is to be called better without a fall to its credit
CLOSER = 0.25  # by which it follows the commands better
SUBTLE = ("rate", "history", "gains", "posture")  # tried even where nothing is out of bounds

MakePolicy = Callable[[PolicyCard], Policy]
Progress = Callable[[Sequence, str], Iterable]


@dataclass(frozen=True, slots=True)
class Better:
    """A card that fits better.

    Attributes:
        other: What it is.
        trial: What it did.
        why: How much better, in words.
    """

    other: Alternative
    trial: Trial
    why: str


@dataclass(frozen=True, slots=True)
class Search:
    """Looks for the other card that fits best.

    Attributes:
        ground: Where cards are tried.
        make: Opens the file under a card.
        doubts: How many probes of the network a card does not pass.
        progress: Draws how far it is.
    """

    ground: Ground
    make: MakePolicy
    doubts: Callable[[PolicyCard], int]
    progress: Progress

    def best(self, card: PolicyCard, trial: Trial | None, others: Sequence[Alternative]) -> Better | None:
        """The best of `others` that is clearly better than the card; `trial` None: the card does not fit the robot at all."""
        subtle = trial is not None and not _wrong(trial)
        tried = [one for one in others if not subtle or one.kind in SUBTLE]
        if not subtle:
            tried = self._shortlist(card, trial, tried)
        found = [self._tried(one, trial, subtle) for one in self.progress(tried, "other cards, whole courses")]
        better = [one for one in found if one is not None]
        least = min((merit(one.trial) for one in better), default=0.0)
        even = [one for one in better if merit(one.trial) <= least + EVEN]
        return min(even, key=lambda one: (self.doubts(one.other.card), not one.other.known)) if even else None

    def _tried(self, one: Alternative, trial: Trial | None, subtle: bool) -> Better | None:
        policy = _open(self.make, one.card)
        if policy is None:
            return None
        courses = plans(one.card, self.ground.model)
        if subtle:
            courses = {name: plan for name, plan in courses.items() if not plan.pushes}
        done = try_card(self.ground, policy, courses, lambda course: bool(course.failed))
        policy.close()
        why = clearly_better(one, done, trial)
        return Better(one, done, why) if why else None

    def _shortlist(self, card: PolicyCard, trial: Trial | None, others: Sequence[Alternative]) -> list[Alternative]:
        """Those that do best on the course that the card did worst on, the likelier mistakes first."""
        name = _hardest(card, trial, self.ground)
        found: list[tuple[float, int]] = []
        for place, one in enumerate(self.progress(others, "other cards")):
            policy = _open(self.make, one.card)
            if policy is not None:
                plan = plans(one.card, self.ground.model).get(name, DrivePlan((0.0, 0.0, 0.0)))
                found.append((course_error(self.ground.drive(policy, plan)), place))
                policy.close()
        return [others[place] for place in sorted(place for _, place in sorted(found)[:FINALISTS])]


def _open(make: MakePolicy, card: PolicyCard) -> Policy | None:
    try:
        return make(card)
    except ArbiterError:  # it does not fit the robot
        return None


def _wrong(trial: Trial) -> bool:
    """Whether a fall, a speed or the unrest is out of bounds."""
    speeds = [trial.reached(axis) for axis in range(3)]
    off = any(np.isfinite(v) and not low <= v <= high for v, (low, high) in zip(speeds, REACHED, strict=True))
    return bool(trial.failures()) or off or trial.unrest > UNREST


def _hardest(card: PolicyCard, trial: Trial | None, ground: Ground) -> str:
    if trial is None:
        return next(iter(plans(card, ground.model)))
    return max(trial.courses, key=lambda name: course_error(trial.courses[name]))


def merit(trial: Trial) -> float:
    """The smaller, the better: falls first, then commands that are followed and a base that is calm."""
    rest = [value for value in (trial.tracking, 0.3 * trial.rocking, 0.3 * min(trial.unrest, 1.0)) if np.isfinite(value)]
    return 10.0 * (1.0 - trial.lasted) + 3.0 * len(trial.failures()) + sum(rest)


def clearly_better(one: Alternative, done: Trial, card: Trial | None) -> str:
    """In which way another card is better than this one; "" if it is not clearly."""
    if done.failures() or _wrong(done):
        return ""
    fine = f"it stays up, follows commands with an error of {done.tracking:.2f} and rocks by {done.rocking:.2f} rad/s"
    if card is None or _wrong(card):
        return fine
    calmer = done.rocking * CALMER < card.rocking and done.tracking < card.tracking + 0.05
    closer = done.tracking < card.tracking - CLOSER and done.rocking < 1.1 * card.rocking
    known = one.known and done.rocking <= card.rocking and done.unrest <= card.unrest
    if not (calmer or closer or known):
        return ""
    return (
        f"it rocks by {done.rocking:.2f} instead of {card.rocking:.2f} rad/s and follows commands with an error of "
        f"{done.tracking:.2f} instead of {card.tracking:.2f}"
    )
