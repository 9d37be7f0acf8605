"""One run of a skill: from the wish to the end."""

from __future__ import annotations

import enum
import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from arbiter.errors import SkillError
from arbiter.skill import Outcome, Progress, Skill, SkillCall
from arbiter.threads import start_thread
from arbiter.types import Request, RobotState, frozen
from arbiter.wall import walled

ZERO_VELOCITY = frozen((0.0, 0.0, 0.0))


class Phase(enum.Enum):
    """Where a run stands."""

    WAITING = "waiting"  # its policy warms, its start envelope is awaited, or a bridge runs
    RUNNING = "running"  # it owns its joints
    HELD = "held"  # it succeeded and its policy keeps the joints
    DONE = "done"


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a skill answered in one tick."""

    request: Request
    outcome: Outcome


class SkillCaller:
    """Asks a skill of this project: called directly, walled."""

    def __init__(self, skill: Skill) -> None:
        self.skill = skill

    def step(self, state: RobotState, progress: Progress) -> tuple[StepResult | None, str]:
        """(answer, "") or (None, why it failed)."""
        return walled(ask, self.skill, state, progress)

    def close(self) -> None:
        """Nothing to free."""


class ThreadedCaller:
    """Asks a third party's skill on a thread of its own: one that blocks fails by name and never stops the tick.

    Args:
        skill: The plug-in.
        patience: How long the tick waits for an answer [s]; then the last one stands in.
        limit: Ticks without an answer after which the skill has failed.
    """

    def __init__(self, skill: Skill, patience: float = 0.002, limit: int = 10) -> None:
        self.skill = skill
        self._patience, self._limit = patience, limit
        self._question: tuple[RobotState, Progress] | None = None
        self._answer: tuple[StepResult | None, str] | None = None
        self._asked, self._answered = threading.Event(), threading.Event()
        self._missed = 0
        self._last: StepResult | None = None
        self._closed = False
        self._busy = False
        start_thread(f"skill-{skill.name}", self._serve)

    def _serve(self) -> None:
        while not self._closed:
            if not self._asked.wait(0.2):
                continue
            self._asked.clear()
            self._answer = walled(ask, self.skill, *self._question)
            self._answered.set()

    def step(self, state: RobotState, progress: Progress) -> tuple[StepResult | None, str]:
        """(answer, "") or (None, why it failed)."""
        if not self._busy:
            self._question, self._busy = (state, progress), True
            self._answered.clear()
            self._asked.set()
        if self._answered.wait(self._patience):
            self._busy, self._missed = False, 0
            result, error = self._answer
            self._last = result
            return result, error
        self._missed += 1
        if self._missed > self._limit:
            return None, f"blocks: no answer within {self._limit} ticks"
        return self._last or StepResult(Request(elapsed=progress.elapsed), Outcome.RUNNING), ""

    def close(self) -> None:
        """Lets the thread end once its call returns; Python cannot end it before."""
        self._closed = True


def ask(skill: Skill, state: RobotState, progress: Progress) -> StepResult:
    """The skill's answer, checked. Raises SkillError if it is rubbish."""
    request = skill.request(state, progress)
    if not isinstance(request, Request):
        raise SkillError(f"request() returned {type(request).__name__}; an arbiter.types.Request is expected")
    velocity = request.velocity
    if not isinstance(velocity, np.ndarray) or velocity.shape != (3,) or not np.isfinite(velocity).all():
        raise SkillError(f"request().velocity is {velocity!r}; three finite numbers (x, y, yaw) are expected")
    outcome = skill.finish(state, progress)
    if not isinstance(outcome, Outcome):
        raise SkillError(f"finish() returned {outcome!r}; an arbiter.skill.Outcome is expected")
    return StepResult(request, outcome)


def yaw_of(quat: np.ndarray) -> float:
    """Heading of the base [rad] from its orientation (w, x, y, z)."""
    w, x, y, z = quat
    return math.atan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))


class Run:
    """A skill that was asked for.

    Attributes:
        skill, call: What runs, with which parameters.
        joints: Mask of the joints it wants, bool, shape (n,).
        requested: When it was asked for [s].
        first_command, blend_end, finished: When its policy's first command went out, the blend ended, it ended [s].
        phase, outcome, reason: How it stands.
        request: What its policy is asked this tick.
    """

    def __init__(self, skill: Skill, call: SkillCall, joints: np.ndarray, now: float, caller=None) -> None:
        self.skill, self.call, self.joints = skill, call, joints
        self.caller = caller or SkillCaller(skill)
        self.parameters: Mapping = call.parameters
        self.requested = now
        self.first_command: float | None = None
        self.blend_end: float | None = None
        self.finished: float | None = None
        self.phase, self.outcome, self.reason = Phase.WAITING, Outcome.RUNNING, ""
        self.request = Request()
        self.chunks = 0
        self._travelled = np.zeros(3)
        self._turned, self._yaw = 0.0, 0.0
        self._start: RobotState | None = None
        self._last = now

    @property
    def over(self) -> bool:
        """True once it no longer asks for anything: held or done."""
        return self.phase in (Phase.DONE, Phase.HELD)

    def prepare(self, state: RobotState, now: float) -> None:
        """Asks the skill what its policy will be asked first, for warming. Failure ends the run."""
        self._answer(self.caller.step(state, self._progress(state, now, 0.0)), now, preview=True)

    def begin(self, state: RobotState, now: float) -> None:
        """It takes its joints now."""
        self.phase, self._start, self._last = Phase.RUNNING, state, now
        self.first_command = now
        self._yaw = yaw_of(state.base_quat)

    def step(self, state: RobotState, now: float) -> None:
        """Asks the skill what to ask of the policy and whether it is done."""
        yaw = yaw_of(state.base_quat)
        self._turned += (yaw - self._yaw + math.pi) % (2.0 * math.pi) - math.pi
        self._yaw = yaw
        self._travelled += self.request.velocity * (now - self._last)
        self._last = now
        elapsed = now - self.first_command
        self._answer(self.caller.step(state, self._progress(state, now, elapsed)), now)
        if self.phase is Phase.RUNNING and elapsed > self.skill.time_limit:
            self.end(Outcome.FAILURE, f"longer than its time limit of {self.skill.time_limit:g} s", now)

    def _progress(self, state: RobotState, now: float, elapsed: float) -> Progress:
        return Progress(elapsed, self._travelled, self._turned, self.parameters, self.chunks, self._start or state)

    def _answer(self, answer: tuple[StepResult | None, str], now: float, preview: bool = False) -> None:
        result, error = answer
        if error:
            self.end(Outcome.FAILURE, f"skill {self.skill.name}: {error}", now)
            return
        self.request = result.request
        if result.outcome is not Outcome.RUNNING and not preview:
            hold = result.outcome is Outcome.SUCCESS and self.skill.hold
            self.end(result.outcome, "" if result.outcome is Outcome.SUCCESS else "the skill gave up", now, hold=hold)

    def end(self, outcome: Outcome, reason: str, now: float, hold: bool = False) -> None:
        """Ends it; with `hold` its policy keeps the joints. Later calls change nothing."""
        if not self.over:
            self.phase = Phase.HELD if hold else Phase.DONE
            self.outcome, self.reason, self.finished = outcome, reason, now
            self.caller.close()
