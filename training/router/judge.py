"""Compares a route with what its phrase asks for.

A plan that repeats a step equals one longer step: turn_left twice is turn_left with twice the angle, bow twice is bow with
count 2.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from training.router.phrases import Phrase
from training.router.plans import TOLERANCE, Plan, Vocabulary, WantedCall, WantedPlan, builtin_vocabulary

if TYPE_CHECKING:
    from arbiter.skill import Route, SkillCall

HARMLESS = frozenset(("stop", "stand_still"))
OPPOSED = frozenset(("left", "right", "forward", "backward"))
# what came out, from right to worst
EXACT, VALUE, NOTE, REFUSED, STOPPED, PAUSE, PART_TOLD = "exact", "value", "note", "refused", "stopped", "pause", "part told"
PART_LOST, ORDER, SIDE, MOTION = "part lost", "order", "side", "motion"
FINDINGS = (EXACT, VALUE, NOTE, REFUSED, STOPPED, PAUSE, PART_TOLD, PART_LOST, ORDER, SIDE, MOTION)
WRONG_MOTION = frozenset((PART_LOST, ORDER, SIDE, MOTION))

GivenPlan = tuple[tuple["SkillCall", ...], ...]


@dataclass(frozen=True, slots=True)
class PhraseResult:
    """How one phrase fared.

    Attributes:
        finding: One of FINDINGS. "value": a number is wrong; "note": an answer does not name what it must; "refused", "stopped":
            nothing moves where something should; "pause": a stop or a stand too many; "part told", "part lost": only a part of
            the plan, with and without a note on it; "order": the steps in another order; "side": another side, direction or
            colour; "motion": a motion that nobody asked for, one too many too.
        cpu_ms: CPU time of the routing thread [ms].
        seen: It stands in the fit set.
    """

    phrase: Phrase
    route: Route
    finding: str
    cpu_ms: float
    seen: bool = False

    @property
    def exact(self) -> bool:
        """Plan, values and notes are right; a phrase to be refused was refused (or taken as a stop)."""
        return self.finding == EXACT

    @property
    def right(self) -> bool:
        """The plan is right; its values or notes may be wrong."""
        return self.finding in (EXACT, VALUE, NOTE)

    @property
    def wrong_motion(self) -> bool:
        """The robot moves as nobody asked: something else, only a part without a word about it, another order or side."""
        return self.finding in WRONG_MOTION

    @property
    def values_right(self) -> bool | None:
        """Whether the values are right; None where none are labelled or the plan is wrong."""
        labelled = any(call.values for plan in self.phrase.wanted for step in plan for call in step)
        return self.finding not in (VALUE, SIDE) if labelled and (self.right or self.finding == SIDE) else None


def plan_of(route: Route) -> Plan:
    """Names only; those at once are sorted."""
    return tuple(tuple(sorted(call.skill for call in step)) for step in route.steps)


def judge(phrase: Phrase, route: Route, cpu_ms: float, known: Vocabulary | None = None, seen: bool = False) -> PhraseResult:
    """Compares a route with what the phrase asks for.

    Args:
        known: Parameters of the loaded skills; the built-in ones if None.
    """
    known = builtin_vocabulary() if known is None else known
    return PhraseResult(phrase, route, _finding(phrase, route, known), cpu_ms, seen)


def _finding(phrase: Phrase, route: Route, known: Vocabulary) -> str:
    steps = () if route.outcome == "rejected" else route.steps
    moves = any(call.skill not in HARMLESS for step in steps for call in step)
    told = all(any(word in route.reason.lower() for word in group) for group in phrase.notes)
    if not phrase.wanted:
        return MOTION if moves else EXACT if told else NOTE
    found = min((_compared(wanted, steps, known) for wanted in phrase.wanted), key=FINDINGS.index)
    if found == EXACT and not told:
        return NOTE
    if found == PART_LOST and told and any(_tells(route.reason, wanted, steps) for wanted in phrase.wanted):
        return PART_TOLD
    if found in (REFUSED, STOPPED):
        return EXACT if phrase.refusable else found
    return found


def _compared(wanted: WantedPlan, given: GivenPlan, known: Vocabulary) -> str:
    """What a plan is beside one that is right."""
    mine, theirs = _without_stop(wanted), _without_stop(given)
    if not mine and not theirs and given:
        return EXACT  # both are a stop
    wanted_runs, given_runs = _runs(mine), _runs(theirs)
    if mine and [run.names for run in wanted_runs] == [run.names for run in given_runs]:
        return max((_of_run(a, b, known) for a, b in zip(wanted_runs, given_runs, strict=True)), key=FINDINGS.index)
    asked, done = _counted(mine), _counted(theirs)
    if not done.keys() - HARMLESS:
        return STOPPED if mine and given else REFUSED
    if asked == done:
        return ORDER
    if asked < done and not (done - asked).keys() - HARMLESS:
        return PAUSE
    if [[_sideless(name) for name in run.names] for run in wanted_runs] == [
        [_sideless(name) for name in run.names] for run in given_runs
    ]:
        return SIDE
    return PART_LOST if done < asked else MOTION


def _tells(reason: str, wanted: WantedPlan, given: GivenPlan) -> bool:
    """Whether a note speaks of what is left out: of each skill by name, or of one that is done less often."""
    left_out = _counted(wanted).keys() - _counted(given).keys()
    return bool(reason) and all(skill in reason for skill in left_out)


def _sideless(name: str) -> str:
    """ "turn" of turn_left, "walk" of walk_backward."""
    stem, _, end = name.rpartition("_")
    return stem if end in OPPOSED else name


def _without_stop[Step: Sequence](plan: Sequence[Step]) -> list[Step]:
    """A plan's steps; a stop at its end adds nothing."""
    return [step for i, step in enumerate(plan) if i + 1 < len(plan) or [call.skill for call in step] != ["stop"]]


def _counted(plan: Sequence[Sequence[WantedCall | SkillCall]]) -> Counter[str]:
    return Counter(call.skill for step in plan for call in step)


@dataclass(frozen=True, slots=True)
class _Run[Call: (WantedCall, SkillCall)]:
    """Equal steps one after the other."""

    names: tuple[str, ...]
    steps: tuple[Sequence[Call], ...]


def _runs[Call: (WantedCall, SkillCall)](plan: Sequence[Sequence[Call]]) -> list[_Run[Call]]:
    grouped = itertools.groupby(plan, key=lambda step: tuple(sorted(call.skill for call in step)))
    return [_Run(names, tuple(tuple(sorted(step, key=lambda call: call.skill)) for step in steps)) for names, steps in grouped]


def _of_run(wanted: _Run[WantedCall], given: _Run[SkillCall], known: Vocabulary) -> str:
    if len(wanted.steps) != len(given.steps):
        return _of_amounts(wanted, given, known)
    calls = zip(itertools.chain(*wanted.steps), itertools.chain(*given.steps), strict=True)
    return max((_of_values(call, other) for call, other in calls), key=FINDINGS.index)


def _of_values(wanted: WantedCall, given: SkillCall) -> str:
    wrong = [value for value in wanted.values if not value.holds(given.parameters.get(value.name))]
    if any(isinstance(value.value, str) for value in wrong):
        return SIDE
    return VALUE if wrong else EXACT


def _of_amounts(wanted: _Run[WantedCall], given: _Run[SkillCall], known: Vocabulary) -> str:
    """Of a step done another number of times: right if it comes to the same in all."""
    if len(wanted.names) > 1 or not (name := _amount(wanted, known)):
        return PART_LOST if len(given.steps) < len(wanted.steps) else MOTION
    default = known[wanted.names[0]][name].default or 1.0  # of a count that is not set
    labels = [{value.name: value.value for value in call.values} for step in wanted.steps for call in step]
    asked = sum(float(label.get(name, default)) for label in labels)
    values = [call.parameters.get(name) for step in given.steps for call in step]
    done = sum(float(default if value is None else value) for value in values)
    words = {pair for label in labels for pair in label.items() if isinstance(pair[1], str)}
    if any(call.parameters.get(key) != word for key, word in words for step in given.steps for call in step):
        return SIDE
    if abs(done - asked) <= TOLERANCE * asked:
        return EXACT
    return PART_LOST if done < asked else MOTION


def _amount(wanted: _Run[WantedCall], known: Vocabulary) -> str:
    """The parameter that adds up over repetitions of a skill, "" if it has none."""
    takes = known[wanted.names[0]]
    labelled = {value.name for step in wanted.steps for call in step for value in call.values if value.relation == "="}
    if "duration" in labelled and not labelled & {"count", "distance", "angle"}:
        return "duration"
    return next((name for name in ("count", "distance", "angle") if name in takes), "")
