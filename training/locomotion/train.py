"""Trains a walking policy.

    python -m training.locomotion.train --preset cpu --seed 1
    python -m training.locomotion.train --preset cpu --seed 1 --resume      # after a kill: goes on from the last checkpoint

Progress is printed and written as TensorBoard events beside the checkpoints.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from pathlib import Path

from deploy.cli.command import CommandParser, in_one_line
from deploy.cli.extras import extra
from deploy.cli.options import seed


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("training.locomotion.train", description=__doc__)
    p.add_argument("--preset", choices=("cpu", "gpu"), default="cpu", help="cpu: MuJoCo's native threads; gpu: mjlab")
    p.add_argument("--seed", type=seed, default=1, help="seed of all random generators")
    p.add_argument("--out", type=Path, help="folder of the run (default: runs/locomotion/PRESET-SEED)")
    p.add_argument("--resume", action="store_true", help="continue from the last checkpoint in the folder")
    p.add_argument("--robot", help="name or folder of the robot (default: berkeley_humanoid_lite)")
    p.add_argument("--group", choices=("legs", "whole_body"), help="joints that the policy drives (default: legs)")
    p.add_argument("--envs", type=int, help="robots simulated in parallel (default: 512 with cpu, 4096 with gpu)")
    p.add_argument("--iterations", type=int, help="updates; scales the curriculum (default: 1500 with cpu, 3000 with gpu)")
    p.add_argument("--threads", type=int, help="native threads of the simulation, cpu only (default: 2)")
    return p


with extra(__name__, parser, "torch", "mjlab"):
    from training.locomotion.presets import PRESETS, TrainConfig


def configure(args: argparse.Namespace) -> TrainConfig:
    """The preset with what the command line changes."""
    config = PRESETS[args.preset]
    changes = {key: value for key in ("envs", "iterations", "threads") if (value := getattr(args, key)) is not None}
    task = {key: value for key in ("robot", "group") if (value := getattr(args, key))}
    if task:
        changes["task"] = dataclasses.replace(config.task, **task)
    return dataclasses.replace(config, **changes)


def main(argv: list[str] | None = None) -> None:
    args = parser().parse_args(argv)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # small matrices: more threads only wait for each other
    import torch

    from training.locomotion.runner import Runner, newest

    config = configure(args)
    out = args.out or Path("runs/locomotion") / f"{args.preset}-{args.seed}"
    out.mkdir(parents=True, exist_ok=True)
    if not args.resume and any(out.glob("model_*.pt")):
        raise SystemExit(f"{out}: holds checkpoints already; go on with --resume, or name another folder with --out")
    torch.manual_seed(args.seed)
    env, device = make_env(config, args.seed, out)
    runner = Runner(env, config, out, device)
    if args.resume:
        runner.resume(newest(out))
    (out / "config.json").write_text(json.dumps(dataclasses.asdict(config) | {"seed": args.seed}, indent=1))
    runner.train()


def make_env(config: TrainConfig, seed: int, out: Path):
    """The environment of the configured engine, and the device it lives on."""
    if config.engine == "cpu":
        import torch

        from training.locomotion.cpu_env import CpuEnv

        torch.set_num_threads(1)
        return CpuEnv(config.task, config.envs, seed=seed, threads=config.threads, variants=config.variants, dump=out), "cpu"
    from training.locomotion.mjlab_env import make

    return make(config, seed)


if __name__ == "__main__":
    sys.exit(in_one_line(main))
