"""Runs one instruction a few times in simulation, by words, through the arbiter."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from arbiter.errors import ConfigError
from arbiter.tick import TickReport
from deploy.drivers.simulated.truth import Truth
from deploy.runtime.assemble import assemble
from deploy.runtime.config import load_tree
from deploy.runtime.session import Session
from policies.chunk.backends.card import CARD, STEP
from skills.criteria import rotations
from training.pi0.data.balls import place
from training.pi0.data.instructions import find
from training.pi0.data.kinematics import UpperBody
from training.pi0.data.success import fell, judge, misplaced, trajectory
from training.pi0.results import Result, rms_jerk

COLOURS = ("red", "green", "blue")
DONE = "carried out"
READY_S, LIMIT_S, AFTER_S = 20.0, 20.0, 0.4


@dataclass(frozen=True, slots=True)
class Job:
    """`runs` runs of one instruction on one simulated robot, seeds from `seed` on.

    Attributes:
        policy: Its folder. kind: What runs it; "auto": see `kind_of`.
        label: What results call it; "": the folder's name.
        device: For `lerobot`.
    """

    policy: str
    kind: str
    instruction: str
    runs: int
    seed: int
    label: str = ""
    device: str = "cpu"


def kind_of(folder: Path) -> str:
    """What runs the policy in `folder`: "onnx", "tensorrt" or "lerobot". Raises ConfigError."""
    for file, kind in ((STEP, "onnx"), (CARD, "tensorrt"), ("config.json", "lerobot")):
        if (folder / file).is_file():
            return kind
    raise ConfigError(f"policy {folder}: neither {STEP} nor {CARD} nor config.json; give an exported folder or a checkpoint's")


class Theatre:
    """The default tree with one chunk policy, ready for instructions.

    Attributes:
        truths, reports: Of every tick since `begin`.
        chunk_ms: Time of every chunk since `begin` [ms], of backends that tell.
    """

    def __init__(self, policy: str, kind: str, seed: int, tree: str = "default.yaml", device: str = "cpu") -> None:
        folder = Path(policy).resolve()
        if not folder.is_dir():
            raise ConfigError(f"policy {policy}: no such folder")
        kind = kind_of(folder) if kind == "auto" else kind
        settings = [f"policies.chunk.path={folder}", f"policies.chunk.options.kind={kind}"]
        if kind == "lerobot":
            settings.append(f"policies.chunk.options.device={device}")
        self.assembly = assemble(load_tree(tree, settings), fast=True, seed=seed)
        self.robot, self.arbiter = self.assembly.robot, self.assembly.arbiter
        self.model, self.rng = self.robot.model, np.random.default_rng(seed)
        self.body = UpperBody(self.model)
        self.session = Session(self.robot, self.arbiter, self.assembly.clock, [], [*self.assembly.observers, self._keep])
        self.truths: list[Truth] = []
        self.reports: list[TickReport] = []
        self.chunk_ms: list[float] = []
        self._backend = getattr(self.arbiter.bank.players("chunk")[0], "_backend", None)
        self._told = getattr(self._backend, "seconds", None)
        self.watchers: list = []
        self.session.start()
        self.until(lambda: self.arbiter.world.ready, READY_S)
        self.wait(1.0)

    def _keep(self, report: TickReport) -> None:
        self.truths.append(self.robot.truth)
        self.reports.append(report)
        told = getattr(self._backend, "seconds", None)
        if told is not self._told:  # a new object for each chunk
            self._told = told
            self.chunk_ms.append(float(np.sum(told)) * 1e3)
        for watch in self.watchers:
            watch(report)

    def begin(self) -> None:
        """Forgets what was kept."""
        self.truths.clear()
        self.reports.clear()
        self.chunk_ms.clear()

    def until(self, done, limit: float) -> bool:
        """Lets time pass until `done()`, at most `limit` [s]; whether it came."""
        end = self.session.clock.now + limit
        while not done():
            if self.session.clock.now >= end:
                return False
            self.session.step()
        return True

    def wait(self, seconds: float) -> None:
        """Lets time pass."""
        self.until(lambda: False, seconds)

    def say(self, text: str) -> str:
        """Says it and waits for the end. Returns DONE, whatever the robot measured of it, or why it came to no end: the truth
        judges."""
        count = self.arbiter.executor.log.total
        self.arbiter.inbox.say(text, "replace")
        if not self.until(lambda: self.arbiter.executor.log.total > count, 1.0):
            return "nothing heard"
        item = self.arbiter.executor.log[-1]
        if not self.until(lambda: item.finished is not None, LIMIT_S):
            return "not finished"
        verified = bool(item.measured) and item.measured[-1][1] is not None
        return DONE if verified or item.result == "ended" else f"{item.result}: {item.reason}"

    def hang_balls(self) -> dict[str, np.ndarray]:
        """New random places within reach; centres in the base frame [m]."""
        truth = self.robot.truth
        turn, places = rotations(truth.base_quat), place(self.body, self.rng, COLOURS)
        self.robot.set_balls({colour: truth.base_pos + turn @ point for colour, point in places.items()})
        return places

    def close(self) -> None:
        self.assembly.close()


def prepare(theatre: Theatre, skill: str) -> None:
    """Brings the robot to where the skill makes sense: crouched before standing up, arms up before lowering them."""
    before = {"stand_up": "sit down", "lower_arms": "raise both arms"}.get(skill)
    if before is not None:
        theatre.say(before)
        theatre.wait(0.5)
    elif skill not in ("sit_down",):
        theatre.say("lower both arms")
    theatre.wait(float(theatre.rng.uniform(0.3, 1.2)))


def run_once(theatre: Theatre, job: Job, seed: int) -> Result:
    """One run, judged."""
    instruction = find(job.instruction)
    prepare(theatre, instruction.skill)
    places = theatre.hang_balls()
    theatre.wait(0.2)
    theatre.begin()
    outcome = theatre.say(instruction.text)
    theatre.wait(AFTER_S)
    run = trajectory(theatre.truths, theatre.model, theatre.body)
    judged, wrong = judge(run, instruction), misplaced(run, instruction)
    commands = np.array([report.command.q for report in theatre.reports])
    seconds = len(commands) * theatre.model.dt
    changes = sum(len(report.verdict.interventions) for report in theatre.reports)
    remarks = [judged.text, *([wrong] if wrong else []), *([outcome] if outcome != DONE else [])]
    return Result(
        policy=job.label or Path(job.policy).name,
        instruction=instruction.text,
        seed=seed,
        success=judged.success and len(remarks) == 1,
        measured=judged.measured,
        unit=judged.unit,
        text="; ".join(remarks),
        fell=fell(run),
        jerk=rms_jerk(commands[:, theatre.model.groups["arms"]], theatre.model.dt),
        interventions=changes / seconds,
        seconds=seconds,
        inference_ms=float(np.median(theatre.chunk_ms)) if theatre.chunk_ms else float("nan"),
        scene=tuple(map(float, places[instruction.target])) if instruction.target in places else (),
    )


def run_job(job: Job, video: Path | None = None) -> list[Result]:
    """All runs of a job on one robot; after a fall the next run begins on a new robot. `video`: films all of them."""
    theatre, results = Theatre(job.policy, job.kind, job.seed, device=job.device), []
    film = None
    if video is not None:
        from deploy.observers.show import FilmObserver

        film = FilmObserver(video, theatre.assembly)
        theatre.watchers.append(film)
    try:
        for i in range(job.runs):
            results.append(run_once(theatre, job, job.seed + i))
            if results[-1].fell or theatre.session.faulted:
                theatre.close()
                if i + 1 < job.runs:
                    theatre = Theatre(job.policy, job.kind, job.seed + i + 1, device=job.device)
                    if film is not None:
                        film.follow(theatre.assembly)
                        theatre.watchers.append(film)
    finally:
        if film is not None:
            film.close()
        theatre.close()
    return results
