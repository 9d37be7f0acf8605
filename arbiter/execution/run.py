"""One run of a skill, from its request for joints to its end."""

from __future__ import annotations

import enum
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from arbiter.ball_memory import BallMemory
from arbiter.execution.caller import SkillCaller, StepResult
from arbiter.execution.request import Bounds
from arbiter.robot import RobotModel
from arbiter.skill import Outcome, Progress, Skill, SkillCall, Verification
from arbiter.types import Request, RobotState, Sighting, frozen
from arbiter.wall import Called

ZERO_VELOCITY = frozen((0.0, 0.0, 0.0))
MOST_READINGS = 6000  # kept of a run for its verification: two minutes at 50 Hz
LOOK = 0.5  # [s] between two looks of a skill that sees
FIRST_LOOK = 2.0  # [s] that the first may take
MOST_SIGHTINGS = 120


class Phase(enum.Enum):
    """Where a run stands."""

    WAITING = "waiting"  # its policy warms, its start envelope is awaited, or a bridge runs
    RUNNING = "running"  # it owns its joints
    HELD = "held"  # it succeeded and its policy keeps the joints
    DONE = "done"


def yaw_of(quat: np.ndarray) -> float:
    """Heading of the base [rad] from its orientation (w, x, y, z)."""
    w, x, y, z = quat.tolist()
    return math.atan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))


class RunHistory:
    """What the robot did since a run was asked for: what its skill knows of it.

    Attributes:
        progress: What the skill was told last; None before the run took its joints.
        readings: Since then, one a tick.
        chunks: That its policy has completed.
        commands: Largest velocities that its policy was made for; see Progress.
    """

    def __init__(self, skill: Skill, call: SkillCall, now: float, memory: BallMemory, robot: RobotModel | None) -> None:
        self.progress: Progress | None = None
        self.readings: deque[RobotState] = deque(maxlen=MOST_READINGS)
        self.chunks = 0
        self.commands: Sequence[float] | None = None
        self._sees, self._parameters, self._robot = skill.sees, call.parameters, robot
        self._memory, self._looked = memory, -math.inf
        self._sightings: tuple[Sighting, ...] = ()
        self._blind = ""
        self._travelled = frozen(np.zeros(3))
        self._turned, self._yaw = 0.0, 0.0
        self._start: RobotState | None = None
        self._began = self._last = now

    def begin(self, state: RobotState, now: float) -> None:
        """The run takes its joints."""
        self._start, self._began, self._last, self._yaw = state, now, now, yaw_of(state.base_quat)

    def note(self, state: RobotState, velocity: np.ndarray, now: float) -> Progress:
        """Keeps this tick's reading; `velocity` was commanded since the last one: x, y [m/s], yaw [rad/s], shape (3,)."""
        yaw = yaw_of(state.base_quat)
        self._turned += (yaw - self._yaw + math.pi) % (2.0 * math.pi) - math.pi
        self._yaw = yaw
        travelled = self._travelled + velocity * (now - self._last)
        travelled.setflags(write=False)  # skills keep what they are told
        self._travelled, self._last = travelled, now
        self.readings.append(state)
        self.progress = self.now(state, now)
        return self.progress

    def now(self, state: RobotState, now: float) -> Progress:
        """What the skill knows with `state`."""
        if self._sees and now - self._looked >= LOOK:
            self._look(now)
        elapsed = 0.0 if self._start is None else now - self._began
        start = self._start or state
        return Progress(
            elapsed,
            self._travelled,
            self._turned,
            self._parameters,
            self.chunks,
            start,
            self._sightings,
            self._robot,
            self.commands,
            self._memory.surroundings,
            self._blind,
        )

    @property
    def looks(self) -> bool:
        """Whether it still waits for the first look."""
        return self._sees and not (self._sightings or self._blind)

    def _look(self, now: float) -> None:
        seen = self._memory.look(now)
        if seen is None:
            if self.looks and now - self._began >= FIRST_LOOK:
                self._blind = f"no picture of the head camera within {FIRST_LOOK:g} s"
        elif seen.error:
            self._blind = seen.error
        elif not self._sightings or seen.stamp > self._sightings[-1].stamp:
            self._sightings, self._blind = (*self._sightings[-MOST_SIGHTINGS:], seen), ""
            self._looked = now


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
        verification: What its criterion measured at the end; None: it has none, or did not come to its end.
        history: What the robot did meanwhile.
    """

    def __init__(
        self,
        skill: Skill,
        call: SkillCall,
        joints: np.ndarray,
        now: float,
        caller: SkillCaller | None = None,
        memory: BallMemory | None = None,
        robot: RobotModel | None = None,
    ) -> None:
        self.skill, self.call, self.joints = skill, call, joints
        self.kept = joints
        self.caller = caller or SkillCaller(skill)
        self.history = RunHistory(skill, call, now, memory or BallMemory(), robot)
        self.requested = now
        self.first_command: float | None = None
        self.blend_end: float | None = None
        self.finished: float | None = None
        self.phase, self.outcome, self.reason = Phase.WAITING, Outcome.RUNNING, ""
        self.request = Request()
        self._bounds: Bounds | None = None
        self.verification: Verification | None = None

    @property
    def over(self) -> bool:
        """True once it no longer asks for anything: held or done."""
        return self.phase in (Phase.DONE, Phase.HELD)

    def bound(self, bounds: Bounds) -> None:
        """What robot and policy allow it to ask."""
        self._bounds, self.history.commands = bounds, bounds.commands

    def prepare(self, state: RobotState, now: float) -> None:
        """Asks the skill what its policy will be asked first, for warming. Failure ends the run."""
        self._answer(self.caller.step(state, self.history.now(state, now), ()), now, preview=True)

    def looks(self, state: RobotState, now: float) -> bool:
        """Whether it waits for the first look of the camera, or has failed by it: its skill is asked again with that."""
        if self.history.looks:
            self.prepare(state, now)
        return self.history.looks or self.over

    def begin(self, state: RobotState, now: float) -> None:
        """It takes its joints now."""
        self.phase, self.first_command = Phase.RUNNING, now
        self.history.begin(state, now)
        self.caller.begin()

    def step(self, state: RobotState, now: float) -> None:
        """Asks the skill what to ask of the policy and whether it is done."""
        progress = self.note(state, now)
        self._answer(self.caller.step(state, progress, self.history.readings), now)
        self.limit(now)

    def note(self, state: RobotState, now: float) -> Progress:
        """Keeps this tick's reading; what the skill knows of its run then."""
        return self.history.note(state, self.request.velocity, now)

    def left(self, state: RobotState, now: float) -> SkillCall | None:
        """What is left of it once it was cut off, the robot being in `state`; None: nothing. All, where its skill cannot tell."""
        if self.history.progress is None:
            return self.call
        found = self.caller.left(state, self.history.note(state, ZERO_VELOCITY, now))
        if found is None:
            return self.call
        return replace(self.call, parameters={**self.call.parameters, **found}) if found else None

    def limit(self, now: float) -> None:
        """Ends it when it takes too long."""
        progress = self.history.progress
        if self.phase is Phase.RUNNING and progress is not None and progress.elapsed > self.skill.time_limit:
            self._expire(progress, now)

    def _expire(self, progress: Progress, now: float) -> None:
        """Its time limit passed before it was done; the reason says what was measured."""
        limit = f"longer than its time limit of {self.skill.time_limit:g} s"
        found = self.caller.measure(self.history.readings, progress)
        self.end(Outcome.FAILURE, f"{limit}: {found.text}" if found is not None else limit, now)

    def _answer(self, answer: Called[StepResult], now: float, preview: bool = False) -> None:
        result, error = answer
        if result is not None:
            error = error or (self._bounds.beyond(result.request) if self._bounds is not None else "") or result.impossible
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
            self.history.readings.clear()
            self.caller.close()
