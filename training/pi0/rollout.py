"""Closed-loop runs of one instruction in simulation, given as text, through the arbiter and the safety layer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from arbiter.errors import ConfigError
from arbiter.skill import Verification
from arbiter.tick import TickReport
from deploy.drivers.simulated.simulated_robot import SimulatedRobot
from deploy.drivers.simulated.truth import Truth
from deploy.runtime.assemble import assemble
from deploy.runtime.config import load_tree
from deploy.runtime.session import Session
from policies.chunk.backends import kind_of
from skills.criteria import fallen
from skills.recordings import Trajectory
from skills.rotations import rotations
from training.pi0.data.ball_sampling import place
from training.pi0.data.instructions import TaskInstruction, task_of
from training.pi0.data.success import fell, has_criterion, judge, misplaced, trajectory
from training.pi0.data.upper_body import UpperBody
from training.pi0.gesture_criterion import judge_with, load_criterion
from training.pi0.results import EpisodeResult, rms_jerk

COLOURS = ("red", "green", "blue")
DONE = "carried out"
READY_S, LIMIT_S, AFTER_S = 20.0, 20.0, 0.4


@dataclass(frozen=True, slots=True)
class RolloutJob:
    """`runs` runs of one instruction on one simulated robot, seeds from `seed` on.

    Attributes:
        policy: Its folder. kind: What runs it; "auto": by what the folder holds.
        label: Name in the results; "": that of the folder.
        device: For `lerobot`.
        tree: Tree file that has the skills.
        criterion: Of a task that is not known, see `load_criterion`; "": it has none.
        options: Further settings of the backend, "key=value" each.
    """

    policy: str
    kind: str
    instruction: str
    runs: int
    seed: int
    label: str = ""
    device: str = "cpu"
    tree: str = "default.yaml"
    criterion: str = ""
    options: tuple[str, ...] = ()


class ClosedLoop:
    """The default tree with one chunk policy, ready for instructions.

    Attributes:
        truths, reports: Of every tick since `begin`.
        chunk_ms: Time of every chunk since `begin` [ms], of backends that report it.
    """

    def __init__(
        self, policy: str, kind: str, seed: int, tree: str = "default.yaml", device: str = "cpu", options: tuple[str, ...] = ()
    ) -> None:
        folder = Path(policy).resolve()
        if not folder.is_dir():
            raise ConfigError(f"policy {policy}: no such folder")
        kind = kind_of(folder) if kind == "auto" else kind
        settings = [f"policies.chunk.path={folder}", f"policies.chunk.options.kind={kind}"]
        if kind == "lerobot":
            settings.append(f"policies.chunk.options.device={device}")
        settings += [f"policies.chunk.options.{option}" for option in options]
        self.assembly = assemble(load_tree(tree, settings), fast=True, seed=seed)
        robot, self.arbiter = self.assembly.robot, self.assembly.arbiter
        if not isinstance(robot, SimulatedRobot):
            raise ConfigError(f"tree {tree}: closed-loop evaluation needs the simulated robot; it names {type(robot).__name__}")
        self.robot = robot
        self.model, self.rng = self.robot.model, np.random.default_rng(seed)
        self.body = UpperBody(self.model)
        self.session = Session(self.robot, self.arbiter, self.assembly.clock, [], [*self.assembly.observers, self._keep])
        self.truths: list[Truth] = []
        self.reports: list[TickReport] = []
        self.chunk_ms: list[float] = []
        self._backend = getattr(self.arbiter.bank.players("chunk")[0], "_backend", None)
        self._chunk_seconds = getattr(self._backend, "seconds", None)
        self.watchers: list = []
        self.session.start()
        self.until(lambda: self.arbiter.world.ready, READY_S)
        self.wait(1.0)

    def _keep(self, report: TickReport) -> None:
        self.truths.append(self.robot.truth)
        self.reports.append(report)
        seconds = getattr(self._backend, "seconds", None)
        if seconds is not None and seconds is not self._chunk_seconds:  # a new object for each chunk
            self._chunk_seconds = seconds
            self.chunk_ms.append(float(np.sum(seconds)) * 1e3)
        for watch in self.watchers:
            watch(report)

    def begin(self) -> None:
        """Clears what was recorded."""
        self.truths.clear()
        self.reports.clear()
        self.chunk_ms.clear()

    def until(self, done, limit: float) -> bool:
        """Runs the simulation until `done()` holds, for at most `limit` [s]. Returns whether it held."""
        end = self.session.clock.now + limit
        while not done():
            if self.session.clock.now >= end:
                return False
            self.session.step()
        return True

    def wait(self, seconds: float) -> None:
        """Runs the simulation for `seconds`."""
        self.until(lambda: False, seconds)

    def say(self, text: str) -> str:
        """Gives an instruction and waits for its end. Returns DONE, or why it did not finish; ground truth judges success."""
        count = self.arbiter.executor.log.total
        self.arbiter.inbox.say(text, "replace")
        if not self.until(lambda: self.arbiter.executor.log.total > count, 1.0):
            return "nothing heard"
        item = self.arbiter.executor.log[-1]
        if not self.until(lambda: item.finished is not None, LIMIT_S):
            return "not finished"
        verified = bool(item.measured) and item.measured[-1][1] is not None
        return DONE if verified or item.result == "ended" else f"{item.result}: {item.reason}"

    def place_balls(self) -> dict[str, np.ndarray]:
        """New random places within reach; centres in the base frame [m]."""
        truth = self.robot.truth
        turn, places = rotations(truth.base_quat), place(self.body, self.rng, COLOURS)
        self.robot.set_balls({colour: truth.base_pos + turn @ point for colour, point in places.items()})
        return places

    def close(self) -> None:
        self.assembly.close()


def prepare(loop: ClosedLoop, skill: str) -> None:
    """Brings the robot to the start of the skill: crouched before standing up, arms up before lowering them."""
    before = {"stand_up": "sit down", "lower_arms": "raise both arms"}.get(skill)
    if before is not None:
        loop.say(before)
        loop.wait(0.5)
    elif skill not in ("sit_down",):
        loop.say("lower both arms")
    loop.wait(float(loop.rng.uniform(0.3, 1.2)))


def run_once(loop: ClosedLoop, job: RolloutJob, seed: int) -> EpisodeResult:
    """One run of the instruction and the judgement of it."""
    instruction = task_of(job.instruction)
    prepare(loop, instruction.skill)
    places = loop.place_balls()
    loop.wait(0.2)
    loop.begin()
    outcome = loop.say(instruction.text)
    loop.wait(AFTER_S)
    run = trajectory(loop.truths, loop.model, loop.body)
    judged, wrong = verdict(run, instruction, job.criterion), misplaced(run, instruction)
    commands = np.array([report.command.q for report in loop.reports])
    seconds = len(commands) * loop.model.dt
    changes = sum(len(report.verdict.interventions) for report in loop.reports)
    said = judged.text if judged else "ended; it has no criterion"
    trouble = [*([wrong] if wrong else []), *([outcome] if outcome != DONE else [])]
    return EpisodeResult(
        policy=job.label or Path(job.policy).name,
        instruction=instruction.text,
        seed=seed,
        success=(judged.success if judged else None) if not trouble else False,
        measured=judged.measured if judged else float("nan"),
        unit=judged.unit if judged else "",
        text="; ".join((said, *trouble)),
        fell=fell(run),
        jerk=rms_jerk(commands[:, loop.model.groups["arms"]], loop.model.dt),
        interventions=changes / seconds,
        seconds=seconds,
        inference_ms=float(np.median(loop.chunk_ms)) if loop.chunk_ms else float("nan"),
        scene=tuple(map(float, places[instruction.target])) if instruction.target in places else (),
    )


def verdict(run: Trajectory, instruction: TaskInstruction, criterion: str) -> Verification | None:
    """What a run is worth; None: its task has no criterion, and it did not fall."""
    if has_criterion(instruction):
        return judge(run, instruction)
    return fallen(run) or (judge_with(load_criterion(criterion).judge, run) if criterion else None)


def run_job(job: RolloutJob, video: Path | None = None) -> list[EpisodeResult]:
    """All runs of a job on one robot; after a fall the next run begins on a new robot. `video`: films all of them."""
    loop, results = ClosedLoop(job.policy, job.kind, job.seed, job.tree, job.device, job.options), []
    film = None
    if video is not None:
        from deploy.observers.show import FilmObserver

        film = FilmObserver(video, loop.assembly)
        loop.watchers.append(film)
    try:
        for i in range(job.runs):
            results.append(run_once(loop, job, job.seed + i))
            if results[-1].fell or loop.session.faulted:
                loop.close()
                if i + 1 < job.runs:
                    loop = ClosedLoop(job.policy, job.kind, job.seed + i + 1, job.tree, job.device, job.options)
                    if film is not None:
                        film.follow(loop.assembly)
                        loop.watchers.append(film)
    finally:
        if film is not None:
            film.close()
        loop.close()
    return results
