"""Evaluates π0 in closed loop: simulated robot, camera, words, arbiter and safety layer as they run on the robot.

    python -m training.pi0.evaluate policies/weights/pi0_tiny --runs 50
    python -m training.pi0.evaluate exported/pi0 exported/pi0_int8 --only "touch the red ball" --video runs/touch.mp4
    python -m training.pi0.evaluate runs/lora/best exported/lora --json runs/lora.json

Each run gives the instruction to a standing robot with the balls at new positions and judges the outcome
(`training.pi0.data.success`). Several policies are compared side by side. Failed runs are listed as the demonstrations
to collect next.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from arbiter.errors import ConfigError
from deploy.cli.command import CommandParser, in_one_line
from deploy.cli.extras import extra
from deploy.cli.options import seed
from training.pi0.data import fanout


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("training.pi0.evaluate", description=__doc__)
    p.add_argument("policies", type=Path, nargs="+", help="exported folders or checkpoints, compared side by side")
    p.add_argument(
        "--kind", choices=("auto", "onnx", "lerobot", "tensorrt"), default="auto", help="backend; auto: by what each folder holds"
    )
    p.add_argument("--device", default="cpu", help="lerobot: cpu or cuda")
    p.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a setting of the backends, as among a tree's `options`: joints=arms, dataset=DIR; may be given several times",
    )
    p.add_argument("--runs", type=int, default=50, help="runs of each instruction, from random starts")
    p.add_argument("--only", action="append", help="instruction or skill; may be given several times (default: all)")
    p.add_argument("--tree", default="default.yaml", help="tree file whose skills say the instructions")
    p.add_argument(
        "--criterion", default="", help="of instructions that have none here: FILE.py, FILE.py:function, or an entry point"
    )
    p.add_argument("--seed", type=seed, default=1000, help="seed of all random generators")
    p.add_argument("--json", type=Path, help="JSON file for all results and the summary")
    p.add_argument("--video", type=Path, help="video of the first runs, .mp4")
    fanout.add_argument(p)
    return p


with extra(__name__, parser, "mink"):
    from tqdm import tqdm

    from training.pi0.data.instructions import TaskInstruction, select, task_of
    from training.pi0.gesture_criterion import load_criterion
    from training.pi0.results import EpisodeResult, demonstrations_to_collect, summary, table, write
    from training.pi0.rollout import RolloutJob, run_job


def labels(policies: list[Path]) -> dict[str, Path]:
    """The folders by their label in results: the folder's name, or its whole path where two names are equal."""
    names = [policy.name for policy in policies]
    return {policy.name if names.count(policy.name) == 1 else str(policy): policy for policy in policies}


def jobs(
    policies: dict[str, Path],
    kind: str,
    texts: list[str],
    runs: int,
    seed: int,
    block: int = 5,
    device: str = "cpu",
    tree: str = "default.yaml",
    criterion: str = "",
    options: tuple[str, ...] = (),
) -> list[RolloutJob]:
    """The work for the policies by label, in blocks of `block` runs of one instruction on one simulated robot."""
    return [
        RolloutJob(str(policy), kind, text, min(block, runs - first), seed + first, label, device, tree, criterion, options)
        for label, policy in policies.items()
        for text in texts
        for first in range(0, runs, block)
    ]


def evaluate(work: list[RolloutJob], ray_address: str | None = None, video: Path | None = None) -> list[EpisodeResult]:
    """Results of all jobs, in order; a line for each as it comes. `video`: films the first job."""
    found: list[EpisodeResult] = []
    if video is not None and work:
        found += run_job(work[0], video)
        work = work[1:]
    for results in tqdm(fanout.run(run_job, work, ray_address), "evaluating", total=len(work), unit="job", disable=None):
        found += results
        for one in results:
            tqdm.write(
                f"{'ok  ' if one.success else 'FAIL' if one.success is False else 'done'} {one.instruction:22s} {one.text}"
            )
    return found


def wanted_tasks(only: list[str] | None) -> tuple[TaskInstruction, ...]:
    """The instructions that --only names, skills and tasks of a data set alike; all gestures without it."""
    found: list[TaskInstruction] = []
    for name in [part.strip() for text in only or ["gestures"] for part in text.split(",")]:
        try:
            found += select(name)
        except ConfigError:
            if " " not in name:
                raise
            found.append(task_of(name))  # a task of somebody's data, whose words the tree understands
    return tuple(dict.fromkeys(found))


def main(argv: list[str] | None = None) -> None:
    arguments = parser().parse_args(argv)
    chosen = wanted_tasks(arguments.only)
    if arguments.criterion:
        load_criterion(arguments.criterion)  # not after an hour: is it there?
    work = jobs(
        labels(arguments.policies),
        arguments.kind,
        [one.text for one in chosen],
        arguments.runs,
        arguments.seed,
        device=arguments.device,
        tree=arguments.tree,
        criterion=arguments.criterion,
        options=tuple(arguments.option),
    )
    for file in filter(None, (arguments.json, arguments.video)):  # an unwritable path fails now, not after an hour of runs
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    results = evaluate(work, arguments.ray_address, arguments.video)
    rows = summary(results)
    print(table(rows))
    wanted = demonstrations_to_collect(results)
    if wanted:
        print("\ndemonstrations to collect next:")
        for line in wanted:
            print(f"  {line}")
    if arguments.json is not None:
        write(arguments.json, results, rows, wanted)


if __name__ == "__main__":
    sys.exit(in_one_line(main))
