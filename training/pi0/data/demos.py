"""Records scripted demonstrations in simulation: every gesture and every ball, randomised, kept if they succeed.

    python -m training.pi0.data.demos --root datasets/gestures --rounds 24 --seed 1

An interrupted run continues when it is started again with the same arguments.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from arbiter.errors import ConfigError
from deploy.cli.command import CommandParser, in_one_line
from deploy.cli.extras import extra
from deploy.cli.options import seed
from training.pi0.data import fanout

BALLS_A_ROUND = 5  # demonstrations of each ball per demonstration of a gesture


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("training.pi0.data.demos", description=__doc__)
    p.add_argument("--root", type=Path, required=True, help="folder of the LeRobotDataset; grown if it exists")
    p.add_argument("--skills", default="gestures", help="comma-separated skills or instructions; gestures: all of them")
    p.add_argument(
        "--rounds", type=int, default=24, help=f"demonstrations of each gesture; each ball gets {BALLS_A_ROUND} times as many"
    )
    p.add_argument("--seed", type=seed, default=0, help="seed of all random generators")
    p.add_argument("--picture", type=int, default=224, help="side of the head camera's picture [px]")
    p.add_argument("--camera-hz", type=float, default=25.0, help="new pictures per second")
    p.add_argument("--pictures", choices=("h264", "av1", "png"), default="h264", help="how pictures are stored")
    p.add_argument(
        "--walker", default="", help="ONNX policy that walks in half of the arm gestures (default: none, the legs stand)"
    )
    fanout.add_argument(p)
    return p


with extra(__name__, parser, "mink", "h5py", "lerobot"):
    import numpy as np
    from tqdm import tqdm

    from arbiter.skill import Verification
    from deploy.drivers.simulated.scene import BALL_COLOURS
    from deploy.drivers.simulated.simulated_robot import Noise
    from deploy.robots.description import load_model
    from skills.rotations import rotations
    from training.pi0.data.ball_sampling import place
    from training.pi0.data.demo_simulation import DemoSimulation
    from training.pi0.data.episode import EpisodeFrame, Layout
    from training.pi0.data.episode_recorder import EpisodeRecorder, job_name
    from training.pi0.data.experts import Expert, expert_for
    from training.pi0.data.instructions import GESTURES, TaskInstruction, find, select
    from training.pi0.data.success import judge, trajectory

COLOURS = tuple(BALL_COLOURS)
SECONDS = {
    "wave_right": 3.2,
    "wave_left": 3.2,
    "raise_arms": 2.0,
    "lower_arms": 2.0,
    "point_at": 2.0,
    "touch_ball": 2.3,
    "bow": 3.2,
    "sit_down": 2.6,
    "stand_up": 2.6,
}
TRIES = 10
STANDING_NOISE = Noise(joint_pos=0.003, joint_vel=0.03, orientation=0.005, ang_vel=0.02)
ARM_SPREAD = 0.3  # [rad] of the arms about rest at the start
LEG_SPREAD = 0.015  # [rad] of the legs about the default posture
DRIFT = 0.05  # [rad] standard deviation of the disturbance of the arms' targets
DRIFT_TIME = 0.3  # [s] correlation time of the disturbance
AWAY = {colour: np.array((-3.0, 0.3 * i, 0.1)) for i, colour in enumerate(COLOURS)}  # [m] out of the picture


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of all demonstrations of a data set.

    Attributes:
        seed: Seed of all random generators. picture: Side of a picture [px]. camera_hz: New pictures per second.
        walker: File of a locomotion policy for the legs in half of the arm gestures; "": they always stand.
    """

    seed: int = 0
    picture: int = 224
    camera_hz: float = 25.0
    walker: str = ""


@dataclass(frozen=True, slots=True)
class Demonstration:
    """One attempt. `frames`: what is recorded. `interventions`: changes by the safety layer while it was recorded."""

    instruction: str
    frames: tuple[EpisodeFrame, ...]
    judgement: Verification
    interventions: int


class Demonstrator:
    """Makes demonstrations one by one; the same settings and number give the same demonstration."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        model = load_model()
        walker = None
        if settings.walker:
            from policies.locomotion.policy import OnnxPolicy

            walker = OnnxPolicy(settings.walker, model)
        self._simulation = DemoSimulation(
            model, picture=settings.picture, camera_hz=settings.camera_hz, walker=walker, noise=STANDING_NOISE, seed=settings.seed
        )
        self._walks = walker is not None

    def make(self, number: int, instruction: TaskInstruction) -> tuple[Demonstration | None, list[str]]:
        """Demonstration number `number` (None: every attempt failed), and why earlier attempts at it were dropped."""
        reasons = []
        for attempt in range(TRIES):
            rng = np.random.default_rng((self._settings.seed, number, attempt))
            made = self.attempt(instruction, rng)
            if made.judgement.success:
                return made, reasons
            reasons.append(f"{instruction.text}: {made.judgement.text}")
        return None, reasons

    def attempt(self, instruction: TaskInstruction, rng: np.random.Generator) -> Demonstration:
        """One attempt: a random start, then the expert until its time is up."""
        simulation, body = self._simulation, self._simulation.body
        velocity = self._leg_command(instruction, rng)
        self._prepare(instruction, rng, velocity)
        self._place_balls(instruction, rng)
        expert = expert_for(instruction, body)
        drift = Drift(simulation.model.groups["arms"], rng, DRIFT if rng.random() < 0.5 else 0.0)
        frames, truths, start, before = [], [], simulation.now, simulation.interventions
        for _ in range(round(SECONDS[instruction.skill] / simulation.model.dt)):
            seen = simulation.observe()
            action = expert.act(seen.state.joint_pos, seen.state.joint_vel, seen.balls)
            truths.append(seen.truth)
            frames.append(simulation.frame(seen, action, start))
            simulation.step(seen, action + drift.next(simulation.model.dt), velocity)
        run = trajectory(truths, simulation.model, body)
        return Demonstration(instruction.text, tuple(frames), judge(run, instruction), simulation.interventions - before)

    def _leg_command(self, instruction: TaskInstruction, rng: np.random.Generator) -> tuple[float, float, float] | None:
        """Command of the walking policy; None: stand. For a touch it is None or stepping in place."""
        if not self._walks or instruction.joints != "arms" or rng.random() < 0.5:
            return None
        if instruction.skill == "touch_ball" or rng.random() < 0.5:
            return (0.0, 0.0, 0.0)
        return tuple(rng.uniform((-0.2, -0.1, -0.4), (0.4, 0.1, 0.4)))

    def _prepare(self, instruction: TaskInstruction, rng: np.random.Generator, velocity) -> None:
        """Performs part of another gesture first, so that the arms start from a random posture."""
        simulation = self._simulation
        posture = simulation.model.default.copy()
        arms, legs = simulation.model.groups["arms"], simulation.model.groups["legs"]
        posture[arms] += rng.uniform(-ARM_SPREAD, ARM_SPREAD, arms.sum())
        posture[legs] += rng.normal(0.0, LEG_SPREAD, legs.sum())
        simulation.reset(np.clip(posture, simulation.model.lower, simulation.model.upper), AWAY)
        before, seconds = self._earlier(instruction, rng)
        for _ in range(round(seconds / simulation.model.dt)):
            seen = simulation.observe()
            simulation.step(seen, before.act(seen.state.joint_pos, seen.state.joint_vel, seen.balls), velocity)

    def _earlier(self, instruction: TaskInstruction, rng: np.random.Generator) -> tuple[Expert, float]:
        """Expert and duration [s] of the gesture performed before the demonstration."""
        if instruction.skill == "stand_up":
            return expert_for(find("sit down"), self._simulation.body), rng.uniform(1.0, 3.0)
        down = instruction.skill == "lower_arms"
        others = [one for one in GESTURES if one.joints == "arms" and one.skill not in (instruction.skill, "touch_ball")]
        rest = next(one for one in GESTURES if one.skill == "lower_arms")
        chosen = rest if not down and rng.random() < 0.4 else others[rng.integers(len(others))]
        return expert_for(chosen, self._simulation.body), rng.uniform(0.8 if down else 0.3, 2.2)

    def _place_balls(self, instruction: TaskInstruction, rng: np.random.Generator) -> None:
        """Places balls in front of the robot: always for touching, usually for gestures."""
        if instruction.skill != "touch_ball" and rng.random() < 0.3:
            return
        truth = self._simulation.observe().truth
        turn = rotations(truth.base_quat)
        self._simulation.move_balls(
            {colour: truth.base_pos + turn @ point for colour, point in place(self._simulation.body, rng, COLOURS).items()}
        )


class Drift:
    """A smooth random disturbance of the arms' targets, so that demonstrations include recoveries."""

    def __init__(self, arms: np.ndarray, rng: np.random.Generator, spread: float) -> None:
        self._arms, self._rng, self._spread = arms, rng, spread
        self._slow = np.zeros(len(arms))
        self._value = np.zeros(len(arms))

    def next(self, dt: float) -> np.ndarray:
        """The disturbance of the next tick [rad], shape (n,)."""
        keep = np.exp(-dt / DRIFT_TIME)
        self._slow = keep * self._slow + np.sqrt(1.0 - keep * keep) * self._rng.normal(size=len(self._arms))
        self._value += (1.0 - np.exp(-dt / (0.3 * DRIFT_TIME))) * (self._spread * self._slow - self._value)
        return np.where(self._arms, self._value, 0.0)


def plan(instructions: tuple[TaskInstruction, ...], rounds: int, seed: int) -> list[str]:
    """Instructions to demonstrate, in order: every round has each gesture once, each ball BALLS_A_ROUND times, shuffled."""
    order: list[str] = []
    for number in range(rounds):
        texts = [one.text for one in instructions for _ in range(BALLS_A_ROUND if one.skill == "touch_ball" else 1)]
        order += [str(text) for text in np.random.default_rng((seed, number)).permutation(texts)]
    return order


def remaining(command: str, settings: Settings, texts: list[str], done: set[str]) -> dict[str, tuple[Settings, int, str]]:
    """Tasks for `make` that are not in `done` yet, by their names as the recorder's jobs."""
    named = {job_name(command, number=i, text=text, **asdict(settings)): (settings, i, text) for i, text in enumerate(texts)}
    return {job: task for job, task in named.items() if job not in done}


_DEMONSTRATORS: dict[Settings, Demonstrator] = {}  # one a process: a simulation takes a second to build


def make(task: tuple[Settings, int, str]) -> tuple[Demonstration | None, list[str]]:
    """One demonstration, as a function that can be sent to a worker process."""
    settings, number, text = task
    if settings not in _DEMONSTRATORS:
        _DEMONSTRATORS[settings] = Demonstrator(settings)
    return _DEMONSTRATORS[settings].make(number, find(text))


def record(
    root: Path, settings: Settings, texts: list[str], *, pictures: str = "h264", address: str | None = None, quiet: bool = False
) -> dict:
    """Demonstrates `texts` one after the other into the data set at `root`; returns the report.

    Raises ConfigError when an instruction fails its criterion TRIES times in a row.
    """
    model = load_model()
    layout = Layout(model.joints, (settings.picture, settings.picture), round(model.control_hz))
    dropped: Counter[str] = Counter()
    frames = interventions = 0
    with EpisodeRecorder(root, layout, pictures=pictures, quiet=quiet) as recorder:
        first = recorder.recorded
        tasks = remaining("demos", settings, texts, recorder.done)
        made = tqdm(
            fanout.run(make, tasks.values(), address),
            total=len(texts),
            initial=len(texts) - len(tasks),
            unit="demo",
            desc=str(root),
            disable=quiet,
        )
        for job, (demonstration, reasons) in zip(tasks, made, strict=True):
            dropped.update(reason.split(":")[0] for reason in reasons)
            if demonstration is None:
                raise ConfigError(f"no success in {TRIES} tries: {reasons[-1]}; mend the expert or its criterion")
            recorder.begin(demonstration.instruction, job)
            for frame in demonstration.frames:
                recorder.add(frame)
            recorder.end()
            frames += len(demonstration.frames)
            interventions += demonstration.interventions
        report = {
            "episodes": recorder.recorded,
            "recorded now": recorder.recorded - first,
            "frames now": frames,
            "dropped now": dict(dropped),
            "safety interventions now": interventions,
            "seed": settings.seed,
        }
    (root / "demonstrations.json").write_text(json.dumps(report, indent=1) + "\n")
    return report


def main(arguments: list[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    settings = Settings(options.seed, options.picture, options.camera_hz, options.walker)
    texts = plan(select(options.skills), options.rounds, options.seed)
    print(json.dumps(record(options.root, settings, texts, pictures=options.pictures, address=options.ray_address)))


if __name__ == "__main__":
    sys.exit(in_one_line(main))
