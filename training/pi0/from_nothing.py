"""Makes the shipped tiny π0 from scratch with one command: demonstrations, scenes, training, export.

    python -m training.pi0.from_nothing --out runs/pi0

Every step is seeded and prints its own command. Steps whose result exists are skipped: an interrupted run continues when it
is started again with the same arguments.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.cli.command import CommandParser, in_one_line
from deploy.cli.extras import extra


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("training.pi0.from_nothing", description=__doc__)
    p.add_argument("--out", type=Path, required=True, help="folder for everything")
    p.add_argument(
        "--walker",
        default="policies/weights/locomotion.onnx",
        help='locomotion policy for the legs in half of the arm demonstrations; "": they always stand',
    )
    p.add_argument("--dry-run", action="store_true", help="print the commands only")
    return p


with extra(__name__, parser, "torch", "lerobot", "mink"):
    from training.pi0 import export, finetune
    from training.pi0.data import cache, demos, scenes
    from training.pi0.train_tiny import checkpoint_of

ROUNDS = 24
# Folder, skills, seed, pictures a second, and whether a walking policy moves the legs in half of them.
DEMONSTRATIONS = (
    ("touch", "touch_ball", 1, 12.5, True),
    ("arms", "wave_right,wave_left,raise_arms,lower_arms,point_at", 2, 12.5, True),
    ("body", "bow,sit_down,stand_up", 3, 5.0, False),
)
SCENES, SCENES_SEED = 2500, 5
TRAINING = {"--pretrain": 3000, "--steps": 2400, "--rate": 1e-3, "--every": 200, "--seed": 1}


@dataclass(frozen=True, slots=True)
class PipelineStep:
    """One command. `makes`: the file or folder that exists once it is complete."""

    module: str
    run: Callable[[list[str]], None]
    arguments: tuple[str, ...]
    makes: Path


def plan(out: Path, walker: str) -> list[PipelineStep]:
    """The steps that lead to out/onnx, in order."""
    steps, sources = [], []
    for name, skills, seed, camera_hz, walks in DEMONSTRATIONS:
        root, file = out / "data" / name, out / "data" / f"{name}.npz"
        arguments = [
            "--root",
            root,
            "--skills",
            skills,
            "--rounds",
            ROUNDS,
            "--seed",
            seed,
            "--picture",
            112,
            "--camera-hz",
            camera_hz,
            *(["--walker", walker] if walks and walker else []),
        ]
        steps.append(step("training.pi0.data.demos", demos.main, arguments, root / "demonstrations.json"))
        steps.append(step("training.pi0.data.cache", cache.main, [root, "--out", file], file))
        sources.append(file)
    file = out / "data" / "scenes.npz"
    steps.append(step("training.pi0.data.scenes", scenes.main, ["--count", SCENES, "--seed", SCENES_SEED, "--out", file], file))
    options = [part for pair in TRAINING.items() for part in pair]
    training, done = out / "training", out / "onnx" / "parity.json"  # written last
    going_on = ["--resume"] if checkpoint_of(training).is_dir() else []
    steps.append(
        step(
            "training.pi0.finetune",
            finetune.main,
            ["--preset", "tiny", "--dataset", *sources, file, "--out", training, *options, *going_on],
            done,
        )
    )
    steps.append(step("training.pi0.export", export.main, [training / "best", "--to", "onnx", "--out", out / "onnx"], done))
    return steps


def step(module: str, run: Callable, arguments: list, makes: Path) -> PipelineStep:
    """A step with its arguments as text."""
    return PipelineStep(module, run, tuple(map(str, arguments)), makes)


def main(arguments: list[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    for one in plan(options.out, options.walker):
        there = one.makes.exists()
        print(f"{'# there: ' if there else ''}python -m {one.module} {' '.join(one.arguments)}", flush=True)
        if not (there or options.dry_run):
            one.run(list(one.arguments))


if __name__ == "__main__":
    sys.exit(in_one_line(main))
