"""A skill: what can be asked for. One small plug-in each."""

from __future__ import annotations

import copy
import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from arbiter.robot import RobotModel
from arbiter.rules import Rule
from arbiter.run_progress import Progress, RunContext
from arbiter.types import Request, RobotState


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a skill.

    Attributes:
        name: "speed", "distance", "angle", "duration", "count", "side", "colour", "direction" are read from words by
            the router; any other name is set by a script or the tree only.
        unit: "m/s", "rad/s", "m", "rad", "s", "" (a number without unit or a word).
        default: Value when the words give none; None: not set (the skill then uses its own end condition).
        low, high: Allowed range of a number; a value outside is clamped by the router and reported as clamped.
        choices: Allowed words of a word parameter.
    """

    name: str
    unit: str = ""
    default: float | str | None = None
    low: float = -np.inf
    high: float = np.inf
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StartEnvelope:
    """In which states a skill may take its joints. Checked on the measured state.

    Attributes:
        tilt: Largest tilt of the base [rad].
        joint_speed: Largest joint speed [rad/s] over the skill's joints.
        ang_vel: Largest angular speed of the base [rad/s].
        posture: Largest distance of a leg joint from the default posture [rad] (inf: any posture).
    """

    tilt: float = 0.35
    joint_speed: float = 8.0
    ang_vel: float = 3.0
    posture: float = np.inf


class Outcome(enum.Enum):
    """What a skill says of itself. SUCCESS means that it is done; whether it succeeded is what `Skill.verify` measures."""

    RUNNING = "running"
    SUCCESS = "success"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether a run met its criterion, and by how much.

    Attributes:
        success: It did.
        measured: The number that decides, in `unit`.
        required: What it had to reach or stay below.
        unit: "m", "rad", "m/s", "periods", "share".
        text: One line for people: what was measured and what is asked for.
    """

    success: bool
    measured: float
    required: float
    unit: str
    text: str


class Skill:
    """Base class of skills. A subclass sets the class attributes and overrides `request` and, if needed, `finish`.

    Every call is walled: a skill that raises, blocks or returns rubbish fails by name and never stops the tick.

    Attributes:
        name: Identifier, [a-z_]+.
        utterances: Ten or so example sentences; what the router compares an instruction with.
        policy: Name of the policy in the tree file ("locomotion", "chunk", ...).
        joints: Joint group: "legs", "arms", "whole_body" or another of the robot's.
        parameters: See Parameter.
        start: See StartEnvelope.
        time_limit: Longest run [s]; beyond it the skill fails.
        hold: True: when it is done its policy keeps the joints (a raised arm stays up) until another skill wants them.
        sees: True: it takes its joints after the first look of the camera, which fills `Progress.sightings` or `blind`.
        tree: YAML of a tree that does it by running other skills and nodes, in place of `request`. The skill itself drives
            nothing; it has succeeded when its tree has and `verify` agrees. "": it has none.
    """

    name: str = ""
    utterances: tuple[str, ...] = ()
    policy: str = "locomotion"
    joints: str = "legs"
    parameters: tuple[Parameter, ...] = ()
    start: StartEnvelope = StartEnvelope()
    time_limit: float = 30.0
    hold: bool = False
    sees: bool = False
    tree: str = ""

    def unfit(self, robot: RobotModel) -> str:
        """Why no robot of this kind can do it, "" if it can: the skill is then left out by name. Called once, at the start."""
        mask = robot.groups.get(self.joints)
        return "" if mask is not None and mask.any() else f"the robot {robot.name} has no {self.joints}"

    def made_for(self, robot: RobotModel) -> Self:
        """This skill as that robot does it: itself, or a copy with other `parameters`. Called once, at the start."""
        return self

    def seeing(self, colours: tuple[str, ...]) -> Self:
        """This skill where the camera's detector finds balls of these colours: itself, or a copy with other `parameters`. Called
        once, at the start, for a detector from outside."""
        return self

    def begin(self, context: RunContext) -> Self:
        """What one run asks instead of this skill: a copy, so that what it stores on itself is of that run alone.

        Called before the run's first question, and again when the run takes its joints. A skill that keeps a list, a counter
        or what `context` offers overrides it:

            def begin(self, context):
                run = super().begin(context)
                run.seen = []
                return run
        """
        return copy.copy(self)

    def request(self, state: RobotState, progress: Progress) -> Request:
        """What to ask of the policy this tick."""
        return Request(elapsed=progress.elapsed)

    def finish(self, state: RobotState, progress: Progress) -> Outcome:
        """Whether the skill is done. Called every tick after `request`; of one with a tree, once that has succeeded."""
        return Outcome.SUCCESS if self.tree else Outcome.RUNNING

    def left(self, state: RobotState, progress: Progress) -> Mapping[str, float | str | None] | None:
        """The values with which a run that was stopped goes on from `state`, when "continue" is said. Only of this project's own.

        {}: nothing of it is left. None: it is not known, and the skill begins again.
        """
        return None

    def impossible(self, state: RobotState, progress: Progress) -> str:
        """Why it cannot be done here, with the distance where it is known; "" where it can be or that is not known.

        Called before it takes its joints and then every tick; the run fails with this reason.
        """
        return ""

    def verify(self, readings: Sequence[RobotState], progress: Progress) -> Verification | None:
        """Measures whether the run did what it is called. None: there is no criterion, and the run has `ended`.

        Called when `finish` has answered SUCCESS: the result is "succeeded" or "failed" by what is measured here. Also when it is
        loaded, with readings of a robot that stands still (`skills.contract`), and, of this project's own skills, when their time
        is over, for the reason. It may be called any number of times and only looks.

        Args:
            readings: Of the whole run, one a tick, the last one the present; at most the last MOST_READINGS of them.
            progress: As of the last call of `finish`.
        """
        return None


@dataclass(frozen=True, slots=True)
class SkillCall:
    """One skill with its parameters, as the router plans it.

    Attributes:
        skill: Name.
        parameters: Values by name, defaults filled in.
        score: Calibrated probability 0..1.
        margin: Score minus that of the next candidate.
        phrase: The part of the instruction that it came from.
    """

    skill: str
    parameters: Mapping[str, float | str | None] = field(default_factory=dict)
    score: float = 1.0
    margin: float = 1.0
    phrase: str = ""


Steps = tuple[tuple[SkillCall, ...], ...]  # skills to run one after the other; those in one tuple run at once


@dataclass(frozen=True, slots=True)
class Route:
    """What the router made of an instruction.

    Attributes:
        text: The instruction as given.
        outcome: "accepted", "rejected" or "stopped".
        steps: Skills to run one after the other; those in one tuple run at once (disjoint joint groups).
        reason: Why it was rejected, or what was clamped.
        score, margin: Of the weakest step; nan where nothing was scored.
        ms: Time that routing took [ms].
        forbids: Names of the skills that the words only forbid ("don't walk"); one of them that is under way stops.
    """

    text: str
    outcome: str
    steps: Steps = ()
    reason: str = ""
    score: float = float("nan")
    margin: float = float("nan")
    ms: float = 0.0
    forbids: tuple[str, ...] = ()
    rule: Rule | None = None
    said: str = ""

    @property
    def answers(self) -> bool:
        """The words were a question about what can be asked for, and `reason` is the answer."""
        return self.rule is Rule.QUESTION
