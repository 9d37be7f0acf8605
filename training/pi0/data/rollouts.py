"""Roll-outs of a locomotion policy over the walking instructions, recorded as demonstrations.

python -m training.pi0.data.rollouts POLICY.onnx --root datasets/walks --rounds 20
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from arbiter.errors import ConfigError
from deploy.cli.command import CommandParser, in_one_line
from deploy.cli.extras import extra
from deploy.cli.options import seed
from training.pi0.data import fanout


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("training.pi0.data.rollouts", description=__doc__)
    p.add_argument("policy", help="ONNX locomotion policy")
    p.add_argument("--root", type=Path, required=True, help="folder of the LeRobotDataset; grown if it exists")
    p.add_argument("--instructions", default="walks", help="comma-separated instructions; walks: all of them")
    p.add_argument("--rounds", type=int, default=20, help="roll-outs of each instruction")
    p.add_argument("--seed", type=seed, default=0, help="seed of all random generators")
    p.add_argument("--picture", type=int, default=224, help="side of the head camera's picture [px]")
    p.add_argument("--camera-hz", type=float, default=25.0, help="new pictures per second")
    p.add_argument("--pictures", choices=("h264", "av1", "png"), default="h264", help="how pictures are stored")
    fanout.add_argument(p)
    return p


with extra(__name__, parser, "mink", "h5py"):
    import numpy as np
    from tqdm import tqdm

    from deploy.robots.description import load_model
    from policies.locomotion.policy import OnnxPolicy
    from training.pi0.data.demo_simulation import DemoSimulation
    from training.pi0.data.demos import AWAY, STANDING_NOISE, TRIES, Demonstration, Settings, remaining
    from training.pi0.data.episode import Layout
    from training.pi0.data.episode_recorder import EpisodeRecorder
    from training.pi0.data.instructions import WALKS, TaskInstruction, find, select
    from training.pi0.data.success import judge, trajectory

SECONDS = 4.0
BEFORE = (0.6, 1.6)  # [s] of something else before the record starts
SPREAD = 0.1  # share by which the command varies
POSTURE_SPREAD = 0.02  # [rad]
_STAGES: dict[Settings, DemoSimulation] = {}


def velocity_of(instruction: TaskInstruction) -> tuple[float, float, float]:
    """Velocity that a walking instruction commands. Raises ConfigError for another."""
    if instruction.velocity is None:
        raise ConfigError(f"{instruction.text!r} commands no velocity; roll-outs record walking instructions")
    return instruction.velocity


def roll_out(simulation: DemoSimulation, instruction: TaskInstruction, rng: np.random.Generator) -> Demonstration:
    """One walk: something else first, then the instruction for SECONDS."""
    posture = simulation.model.default + rng.normal(0.0, POSTURE_SPREAD, simulation.model.n)
    simulation.reset(np.clip(posture, simulation.model.lower, simulation.model.upper), AWAY)
    velocity, others = velocity_of(instruction), [one for one in WALKS if one is not instruction]
    earlier = velocity_of(others[rng.integers(len(others))] if rng.random() < 0.5 or not any(velocity) else WALKS[-1])
    x, y, yaw = np.array(velocity) * rng.uniform(1.0 - SPREAD, 1.0 + SPREAD, 3)
    command = (float(x), float(y), float(yaw))
    for _ in range(round(rng.uniform(*BEFORE) / simulation.model.dt)):
        seen = simulation.observe()
        simulation.step(seen, simulation.walking(seen, earlier), earlier)
    frames, truths, start, before = [], [], simulation.now, simulation.interventions
    for _ in range(round(SECONDS / simulation.model.dt)):
        seen = simulation.observe()
        action = simulation.walking(seen, command)
        truths.append(seen.truth)
        frames.append(simulation.frame(seen, action, start))
        simulation.step(seen, action, command)
    run = trajectory(truths, simulation.model, simulation.body)
    return Demonstration(instruction.text, tuple(frames), judge(run, instruction), simulation.interventions - before)


def make(task: tuple[Settings, int, str]) -> tuple[Demonstration | None, list[str]]:
    """Roll-out number `number`; None when TRIES attempts failed the criterion."""
    settings, number, text = task
    if settings not in _STAGES:
        model = load_model()
        _STAGES[settings] = DemoSimulation(
            model,
            picture=settings.picture,
            camera_hz=settings.camera_hz,
            walker=OnnxPolicy(settings.walker, model),
            noise=STANDING_NOISE,
            seed=settings.seed,
        )
    reasons = []
    for attempt in range(TRIES):
        made = roll_out(_STAGES[settings], find(text), np.random.default_rng((settings.seed, number, attempt)))
        if made.judgement.success:
            return made, reasons
        reasons.append(f"{text}: {made.judgement.text}")
    return None, reasons


def record(
    root: Path, settings: Settings, texts: list[str], *, pictures: str = "h264", address: str | None = None, quiet: bool = False
) -> dict:
    """Rolls out `texts` one after the other into the data set at `root`; returns the report.

    An instruction that the policy cannot follow is skipped and counted; the next run tries it again.
    """
    model = load_model()
    layout = Layout(model.joints, (settings.picture, settings.picture), round(model.control_hz))
    failed: dict[str, str] = {}
    with EpisodeRecorder(root, layout, pictures=pictures, quiet=quiet) as recorder:
        first = recorder.recorded
        tasks = remaining("rollouts", settings, texts, recorder.done)
        made = tqdm(fanout.run(make, tasks.values(), address), total=len(tasks), unit="walk", desc=str(root), disable=quiet)
        for job, (demonstration, reasons) in zip(tasks, made, strict=True):
            if demonstration is None:
                failed[reasons[-1].split(":")[0]] = reasons[-1]
                continue
            recorder.begin(demonstration.instruction, job)
            for frame in demonstration.frames:
                recorder.add(frame)
            recorder.end()
        report = {
            "episodes": recorder.recorded,
            "recorded now": recorder.recorded - first,
            "failed": failed,
            "seed": settings.seed,
        }
    if not report["episodes"]:
        raise ConfigError(f"{settings.walker}: the policy follows none of the instructions: {failed}")
    (root / "rollouts.json").write_text(json.dumps(report, indent=1) + "\n")
    return report


def main(arguments: list[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    chosen = select(options.instructions)
    gestures = [one.text for one in chosen if one.velocity is None]
    if gestures:
        raise ConfigError(f"{gestures[0]!r} is no walking instruction; training.pi0.data.demos demonstrates it")
    settings = Settings(options.seed, options.picture, options.camera_hz, options.policy)
    texts = [one.text for _ in range(options.rounds) for one in chosen]
    print(json.dumps(record(options.root, settings, texts, pictures=options.pictures, address=options.ray_address)))


if __name__ == "__main__":
    sys.exit(in_one_line(main))
