"""Judges each instruction by the simulation's true state, with the criteria that the robot applies to its readings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from arbiter.execution.inbox import Instruction
from arbiter.execution.run import Phase, Run
from arbiter.robot import RobotModel
from arbiter.skill import Verification
from arbiter.tick import Arbiter, TickReport
from deploy.drivers.simulated.truth import Truth
from skills.criteria import FALLEN_TILT, fallen, walked
from skills.judged import Judged
from skills.measured import Motion

MOST_ROWS = 1024  # kept until the report takes them
MOST_TICKS = 6000  # kept of an instruction: two minutes at 50 Hz; a longer one is not judged again


class TrueRun(Motion):
    """A run as the simulation's true states, one each tick."""

    def __init__(self, truths: list[Truth], robot: RobotModel) -> None:
        super().__init__(
            np.array([one.time for one in truths]),
            np.array([one.joint_pos for one in truths]),
            np.array([one.base_quat for one in truths]),
            robot,
        )
        self._truths = truths

    @cached_property
    def height(self) -> np.ndarray:
        return np.array([one.torso_height for one in self._truths])

    @cached_property
    def place(self) -> np.ndarray:
        return np.array([one.base_pos[:2] for one in self._truths]) + (self.rotation @ self.body.torso)[:, :2]

    @cached_property
    def balls(self) -> dict[str, np.ndarray]:
        base = np.array([one.base_pos for one in self._truths])
        return {
            colour: np.einsum("tji,tj->ti", self.rotation, np.array([one.balls[colour] for one in self._truths]) - base)
            for colour in self._truths[0].balls
        }


@dataclass(slots=True)
class Kept:
    """An instruction under way.

    Attributes:
        truths: True states since it began, one each tick.
        begun, ended: Index of the true state at which each of its runs took its joints, and of the first after its last reading.
        nearest: Least distance between a hand and the instruction's ball so far [m], by colour.
        falls: Number of falls meanwhile.
    """

    instruction: Instruction
    truths: list[Truth] = field(default_factory=list)
    begun: dict[Run, int] = field(default_factory=dict)
    ended: dict[Run, int] = field(default_factory=dict)
    nearest: dict[str, float] = field(default_factory=dict)
    falls: int = 0
    cut: bool = False
    _down: bool = False

    def take(self, truth: Truth, runs: list[Run]) -> None:
        """Adds a tick."""
        for run in runs:
            if run.phase is not Phase.WAITING:
                self.begun.setdefault(run, len(self.truths))
        for run in self.begun:
            if run.over:  # at the reading of this tick, which shows the truth that is kept below
                self.ended.setdefault(run, len(self.truths) + 1)
        if len(self.truths) < MOST_TICKS:
            self.truths.append(truth)
        else:
            self.cut, self.truths[-1] = True, truth
        for colour in _colours(self.instruction) & set(truth.balls) if len(truth.hands) else ():
            gap = float(np.linalg.norm(truth.hands - truth.balls[colour], axis=1).min())
            self.nearest[colour] = min(gap, self.nearest.get(colour, gap))
        w, x, y, z = truth.base_quat
        down = 1.0 - 2.0 * (x * x + y * y) < np.cos(FALLEN_TILT)
        self.falls += int(down and not self._down)
        self._down = bool(down)

    def judge(self) -> list[tuple[str, Verification | None]]:
        """(skill, its criterion on the truth) of each run that began; None: it has none, or the run was too long."""
        found = []
        for run, since in self.begun.items():
            judged = None
            if isinstance(run.skill, Judged) and (progress := run.history.progress) is not None and not self.cut:
                motion = TrueRun(self.truths[since : self.ended.get(run)], progress.model)
                judged = fallen(motion) or run.skill.criterion(motion, progress)
            found.append((run.skill.name, judged))
        return found


def _colours(instruction: Instruction) -> set[str]:
    calls = [call for step in instruction.steps for call in step]
    return {str(call.parameters["colour"]) for call in calls if call.parameters.get("colour")}


class Beside:
    """An observer: follows each instruction in the true state, prints the judgement and keeps it for the report.

    Args:
        arbiter: The arbiter of the run.
        truth: The simulated robot's truth.
        say: Takes a line of text; called when an instruction that was carried out ends.
    """

    def __init__(self, arbiter: Arbiter, truth: Callable[[], Truth], say: Callable[[str], None] = lambda line: None) -> None:
        self._arbiter, self._truth, self._say = arbiter, truth, say
        self._open: dict[int, Kept] = {}
        self._rows: dict[int, tuple[Instruction, dict[str, Any]]] = {}
        self._seen = 0

    def __call__(self, report: TickReport) -> None:
        log = self._arbiter.executor.log
        for item in log.since(self._seen):
            self._open[id(item)] = Kept(item)
        self._seen = log.total
        runs = {id(instruction): instruction.runs for instruction in self._arbiter.executor.active}
        truth = None
        for key, kept in list(self._open.items()):
            over = kept.instruction.finished is not None
            if kept.instruction.route is not None and kept.instruction.route.steps and (over or key in runs):
                truth = truth or self._truth()
                kept.take(truth, runs.get(key, []))
            if over:
                del self._open[key]
                self._close(key, kept)

    def of(self, item: Instruction) -> dict[str, Any] | None:
        """The judgement of an instruction that has ended; None if nothing moved, or it is no longer kept."""
        return self._rows.get(id(item), (item, None))[1]

    def _close(self, key: int, kept: Kept) -> None:
        if not kept.truths:
            return
        truths = [kept.truths[0], kept.truths[-1]] if kept.cut else kept.truths
        motion, judged = TrueRun(truths, self._arbiter.model), kept.judge()
        ahead, left = walked(motion)
        turned = float(motion.yaw[-1] - motion.yaw[0])
        if len(self._rows) > MOST_ROWS:
            del self._rows[next(iter(self._rows))]
        self._rows[key] = (
            kept.instruction,
            {
                "ahead_m": round(ahead, 4),
                "left_m": round(left, 4),
                "turned_rad": round(turned, 4),
                "falls": kept.falls,
                "hand_to_ball_m": {colour: round(gap, 4) for colour, gap in kept.nearest.items()},
                "verified": [row_of(name, found) for name, found in judged],
            },
        )
        if kept.begun or kept.nearest:
            parts = [found.text for _, found in judged if found is not None]
            if not parts:
                parts += [f"hand {gap:.2f} m from the {colour} ball" for colour, gap in kept.nearest.items()]
            parts.append(f"{ahead:+.2f} m ahead, {left:+.2f} m to the left, turned {np.degrees(turned):+.0f}°")
            parts += [f"{kept.falls} falls"] * bool(kept.falls)
            self._say("           in truth: " + "; ".join(parts))


def row_of(skill: str, found: Verification | None) -> dict[str, Any]:
    """A verification as the report holds it."""
    if found is None:
        return {"skill": skill, "success": None}
    return {
        "skill": skill,
        "success": found.success,
        "measured": found.measured,
        "required": found.required,
        "unit": found.unit,
        "text": found.text,
    }
