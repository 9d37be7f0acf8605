"""One run of a skill, from its request for joints to its end."""

from __future__ import annotations

import enum
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from arbiter.aside import LIMIT, PATIENCE, Aside
from arbiter.errors import SkillError
from arbiter.execution.request import Bounds, check_form
from arbiter.robot import RobotModel
from arbiter.skill import Outcome, Progress, RunContext, Skill, SkillCall, Verification
from arbiter.types import Request, RobotState, Sighting, frozen
from arbiter.wall import Called, walled

ZERO_VELOCITY = frozen((0.0, 0.0, 0.0))
MOST_READINGS = 6000  # kept of a run for its verification: two minutes at 50 Hz
LOOK = 0.5  # [s] between two looks of a skill that sees
MOST_SIGHTINGS = 120

NOTHING = RunContext()

Sight = Callable[[float], Sighting | None]


def blind(now: float) -> None:
    """The sight of a robot without a camera."""


class Phase(enum.Enum):
    """Where a run stands."""

    WAITING = "waiting"  # its policy warms, its start envelope is awaited, or a bridge runs
    RUNNING = "running"  # it owns its joints
    HELD = "held"  # it succeeded and its policy keeps the joints
    DONE = "done"


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


def yaw_of(quat: np.ndarray) -> float:
    """Heading of the base [rad] from its orientation (w, x, y, z)."""
    w, x, y, z = quat
    return math.atan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))


class Run:
    """A skill that was asked for.

    Attributes:
        skill, call: What runs, with which parameters.
        joints: Mask of the joints it wants, bool, shape (n,).
        kept: Those that do not go home while it is under way: what it wants, or what its tree may want.
        requested: When it was asked for [s].
        first_command, blend_end, finished: When its policy's first command went out, the blend ended, it ended [s].
        phase, outcome, reason: How it stands.
        request: What its policy is asked this tick.
        bounds: What robot and policy allow it to ask; None: not known yet.
        verification: What its criterion measured at the end; None: it has none, or did not come to its end.
        progress: What the skill was told last; None before it took its joints.
        readings: Since it took its joints, one a tick.
    """

    def __init__(
        self,
        skill: Skill,
        call: SkillCall,
        joints: np.ndarray,
        now: float,
        caller: SkillCaller | None = None,
        sight: Sight = blind,
        robot: RobotModel | None = None,
    ) -> None:
        self.skill, self.call, self.joints, self._robot = skill, call, joints, robot
        self.kept = joints
        self.caller = caller or SkillCaller(skill)
        self.parameters: Mapping = call.parameters
        self.requested = now
        self.first_command: float | None = None
        self.blend_end: float | None = None
        self.finished: float | None = None
        self.phase, self.outcome, self.reason = Phase.WAITING, Outcome.RUNNING, ""
        self.request = Request()
        self.bounds: Bounds | None = None
        self.verification: Verification | None = None
        self.readings: deque[RobotState] = deque(maxlen=MOST_READINGS)
        self.progress: Progress | None = None
        self._sight, self._looked = sight, -math.inf
        self._sightings: tuple[Sighting, ...] = ()
        self.chunks = 0
        self._travelled = frozen(np.zeros(3))
        self._turned, self._yaw = 0.0, 0.0
        self._start: RobotState | None = None
        self._began = self._last = now

    @property
    def over(self) -> bool:
        """True once it no longer asks for anything: held or done."""
        return self.phase in (Phase.DONE, Phase.HELD)

    def prepare(self, state: RobotState, now: float) -> None:
        """Asks the skill what its policy will be asked first, for warming. Failure ends the run."""
        self._answer(self.caller.step(state, self._progress(state, now, 0.0), ()), now, preview=True)

    def begin(self, state: RobotState, now: float) -> None:
        """It takes its joints now."""
        self.phase, self._start, self._last = Phase.RUNNING, state, now
        self.first_command = self._began = now
        self.caller.begin()
        self._yaw = yaw_of(state.base_quat)

    def step(self, state: RobotState, now: float) -> None:
        """Asks the skill what to ask of the policy and whether it is done."""
        progress = self.note(state, now)
        self._answer(self.caller.step(state, progress, self.readings), now)
        self.limit(now)

    def note(self, state: RobotState, now: float) -> Progress:
        """Keeps this tick's reading; what the skill knows of its run then."""
        yaw = yaw_of(state.base_quat)
        self._turned += (yaw - self._yaw + math.pi) % (2.0 * math.pi) - math.pi
        self._yaw = yaw
        self._travelled = frozen(self._travelled + self.request.velocity * (now - self._last))  # skills keep what they are told
        self._last = now
        elapsed = now - self._began
        self.readings.append(state)
        self.progress = self._progress(state, now, elapsed)
        return self.progress

    def limit(self, now: float) -> None:
        """Ends it when it takes too long."""
        if self.phase is Phase.RUNNING and self.progress is not None and self.progress.elapsed > self.skill.time_limit:
            self._expire(self.progress, now)

    def _expire(self, progress: Progress, now: float) -> None:
        """Its time limit passed before it was done; the reason says what was measured."""
        limit = f"longer than its time limit of {self.skill.time_limit:g} s"
        found = self.caller.measure(self.readings, progress)
        self.end(Outcome.FAILURE, f"{limit}: {found.text}" if found is not None else limit, now)

    def _progress(self, state: RobotState, now: float, elapsed: float) -> Progress:
        if self.skill.sees and now - self._looked >= LOOK:
            self._look(now)
        return Progress(
            elapsed,
            self._travelled,
            self._turned,
            self.parameters,
            self.chunks,
            self._start or state,
            self._sightings,
            self._robot,
        )

    def _look(self, now: float) -> None:
        seen = self._sight(now)
        if seen is not None and (not self._sightings or seen.stamp > self._sightings[-1].stamp):
            self._sightings = (*self._sightings[-MOST_SIGHTINGS:], seen)
            self._looked = now

    def _answer(self, answer: Called[StepResult], now: float, preview: bool = False) -> None:
        result, error = answer
        if result is not None:
            error = error or (self.bounds.beyond(result.request) if self.bounds is not None else "") or result.impossible
        if result is None or error:
            self.end(Outcome.FAILURE, error, now)
            return
        self.request = result.request
        if result.outcome is Outcome.SUCCESS and not preview:
            self._finish(result.verification, now)
        elif result.outcome is Outcome.FAILURE and not preview:
            self.end(Outcome.FAILURE, "the skill gave up", now)

    def _finish(self, found: Verification | None, now: float) -> None:
        """It is done; what was measured decides whether it succeeded."""
        self.verification = found
        if found is not None and not found.success:
            self.end(Outcome.FAILURE, found.text, now)
        else:
            self.end(Outcome.SUCCESS, found.text if found is not None else "", now, hold=self.skill.hold)

    def end(self, outcome: Outcome, reason: str, now: float, hold: bool = False) -> None:
        """Ends it; with `hold` its policy keeps the joints. Later calls change nothing."""
        if not self.over:
            self.phase = Phase.HELD if hold else Phase.DONE
            self.outcome, self.reason, self.finished = outcome, reason, now
            self.readings = deque()
            self.caller.close()
