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
EVEN = 0.05  # of merit between cards that do equally well: the likelier mistake is named
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


def search(
    ground: Ground, make: MakePolicy, card: PolicyCard, trial: Trial | None, others: Sequence[Alternative], progress: Progress
) -> Better | None:
    """The best of `others` that is clearly better than the card; `trial` None: the card does not fit the robot at all."""
    subtle = trial is not None and not _wrong(trial)
    tried = [one for one in others if not subtle or one.kind in SUBTLE]
    if not subtle:
        tried = _shortlist(ground, make, card, trial, tried, progress)
    found = []
    for one in progress(tried, "other cards, whole courses"):
        policy = _open(make, one.card)
        if policy is None:
            continue
        courses = plans(one.card, ground.model)
        if subtle:
            courses = {name: plan for name, plan in courses.items() if not plan.pushes}
        done = try_card(ground, policy, courses, lambda course: bool(course.failed))
        policy.close()
        why = clearly_better(one, done, trial)
        if why:
            found.append(Better(one, done, why))
    best = min((merit(better.trial) for better in found), default=0.0)
    return next((better for better in found if merit(better.trial) <= best + EVEN), None)


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


def _shortlist(
    ground: Ground, make: MakePolicy, card: PolicyCard, trial: Trial | None, others: Sequence[Alternative], progress: Progress
) -> list[Alternative]:
    """Those that do best on the course that the card did worst on."""
    name = _hardest(card, trial, ground)
    found: list[tuple[float, int, Alternative]] = []
    for place, one in enumerate(progress(others, "other cards")):
        policy = _open(make, one.card)
        if policy is not None:
            course = ground.drive(policy, plans(one.card, ground.model).get(name, DrivePlan((0.0, 0.0, 0.0))))
            found.append((course_error(course), place, one))
            policy.close()
    kept = sorted(found, key=lambda item: item[:2])[:FINALISTS]
    return [one for _, _, one in sorted(kept, key=lambda item: item[1])]


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
