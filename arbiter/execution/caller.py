"""Asks a skill in each tick of its run, behind the wall: on the tick's thread, or for a third party's on one of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from arbiter.aside import LIMIT, PATIENCE, Aside
from arbiter.errors import SkillError
from arbiter.execution.request import check_form
from arbiter.skill import Outcome, Progress, RunContext, Skill, Verification
from arbiter.types import Request, RobotState
from arbiter.wall import Called, walled

NOTHING = RunContext()


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a skill answered in one tick.

    Attributes:
        impossible: Why it cannot be done, "" if it can.
        verification: What was measured when it was done; None: it has no criterion, or is not done.
    """

    request: Request
    outcome: Outcome
    impossible: str = ""
    verification: Verification | None = None


class SkillCaller:
    """Asks a skill of this project: called directly, walled.

    Args:
        skill: Described once; each run asks what its `begin` makes.
        context: What a run may use.
    """

    def __init__(self, skill: Skill, context: RunContext = NOTHING) -> None:
        self._skill, self._context = skill, context
        self._run: Skill | None = None

    def begin(self) -> None:
        """The run takes its joints: what the skill kept of the questions before is forgotten."""
        self._run = None

    def step(self, state: RobotState, progress: Progress, readings: Sequence[RobotState]) -> Called[StepResult]:
        """(answer, "") or (None, why it failed)."""
        return walled(self._ask, state, progress, readings)

    def _ask(self, state: RobotState, progress: Progress, readings: Sequence[RobotState]) -> StepResult:
        if self._run is None:
            self._run = begun(self._skill, self._context)
        return ask(self._run, state, progress, readings)

    def measure(self, readings: Sequence[RobotState], progress: Progress) -> Verification | None:
        """What the skill's criterion makes of a run that was cut off; None where it fails."""
        return walled(measure, self._run or self._skill, readings, progress).value

    def left(self, state: RobotState, progress: Progress) -> Mapping[str, float | str | None] | None:
        """See `Skill.left`; None where it fails."""
        return None if self._run is None else walled(self._run.left, state, progress).value

    def close(self) -> None:
        """Nothing to free."""


class ThreadedCaller(SkillCaller):
    """Asks a third party's skill on a thread of its own: one that blocks fails by name and never stops the tick.

    Args:
        skill: The plug-in.
        context: What a run may use.
        patience: How long the tick waits for an answer [s]; then the last one stands in.
        limit: Ticks without an answer after which the skill has failed.
    """

    def __init__(self, skill: Skill, context: RunContext = NOTHING, patience: float = PATIENCE, limit: int = LIMIT) -> None:
        super().__init__(skill, context)
        self._aside: Aside[StepResult] = Aside(f"skill-{skill.name}", patience, limit)
        self._last: StepResult | None = None  # stands in; an outcome is told once
        self._preview = False

    def step(self, state: RobotState, progress: Progress, readings: Sequence[RobotState]) -> Called[StepResult]:
        """(answer, "") or (None, why it failed)."""
        if not self._aside.busy:
            self._preview = not readings
        answer = self._aside.ask(lambda: self._ask(state, progress, readings))
        if answer is None:
            return Called(self._last or StepResult(Request(elapsed=progress.elapsed), Outcome.RUNNING), "")
        result = answer.value
        self._last = None if result is None else replace(result, outcome=Outcome.RUNNING, verification=None)
        return Called(self._last, answer.error) if self._preview else answer

    def left(self, state: RobotState, progress: Progress) -> None:
        """Nothing is known: a third party's skill is not called on the tick's thread."""

    def measure(self, readings: Sequence[RobotState], progress: Progress) -> None:
        """Nothing: a third party's skill is not called on the tick's thread."""

    def close(self) -> None:
        """Lets the thread end once its call returns; Python cannot end it before."""
        self._aside.close()


MakeCaller = Callable[[Skill, RunContext], SkillCaller]


def begun(skill: Skill, context: RunContext) -> Skill:
    """What a run of `skill` asks. Raises SkillError if its `begin` returns anything else."""
    run = skill.begin(context)
    if not isinstance(run, Skill):
        raise SkillError(f"begin() returned {run!r}; what the run asks, an arbiter.skill.Skill, is expected")
    return run


def ask(skill: Skill, state: RobotState, progress: Progress, readings: Sequence[RobotState] = ()) -> StepResult:
    """The skill's answer, checked. Raises SkillError if it is rubbish."""
    impossible = skill.impossible(state, progress)
    if not isinstance(impossible, str):
        raise SkillError(f'impossible() returned {impossible!r}; the reason as a text is expected, "" for none')
    if impossible:
        return StepResult(Request(), Outcome.RUNNING, impossible)  # a skill need not know what to ask for then
    request = check_form(skill.request(state, progress), len(state.joint_pos))
    outcome = skill.finish(state, progress)
    if not isinstance(outcome, Outcome):
        raise SkillError(f"finish() returned {outcome!r}; an arbiter.skill.Outcome is expected")
    verification = measure(skill, readings, progress) if outcome is Outcome.SUCCESS and len(readings) else None
    return StepResult(request, outcome, impossible, verification)


def measure(skill: Skill, readings: Sequence[RobotState], progress: Progress) -> Verification | None:
    """What the skill's criterion makes of the run. Raises SkillError if it answers rubbish."""
    found = skill.verify(tuple(readings), progress)
    if found is not None and not (isinstance(found, Verification) and isinstance(found.success, bool)):
        raise SkillError(f"verify() returned {found!r}; an arbiter.skill.Verification or None is expected")
    if found is not None and not isinstance(found.text, str):
        raise SkillError(f"verify() returned the text {found.text!r}; a str is expected")
    return found
