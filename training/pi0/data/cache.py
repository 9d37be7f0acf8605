"""Demonstrations in one compact file for training the tiny π0: small pictures, states, actions.

    python -m training.pi0.data.cache datasets/gestures datasets/balls.journal --out runs/demonstrations.npz

Reads LeRobotDatasets and folders of episode files (a recorder's journal, also while it is being written). What was recorded at
another rate than the robot's is resampled by its times, and said so.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from deploy.cli.command import CommandParser, in_one_line
from deploy.cli.extras import extra
from deploy.cli.outputs import output_file
from training.pi0.data.reading import add_options, reading_of


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("training.pi0.data.cache", description=__doc__)
    p.add_argument("sources", type=Path, nargs="+", help="LeRobotDatasets, or folders of HDF5 episodes")
    p.add_argument("--out", type=output_file, required=True, help="the .npz file")
    add_options(p)
    p.add_argument("--robot", default="berkeley_humanoid_lite", help="name or folder of the robot's description")
    p.add_argument("--side", type=int, default=84, help="side of the pictures [px]")
    return p


with extra(__name__, parser, "h5py"):
    import numpy as np

    from deploy.robots.description import load_model
    from training.pi0.data.sources import open_source
    from training.pi0.memory import join, load_source, save_cache


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    model = load_model(options.robot)
    parts, status = [], 0
    for path in options.sources:
        source = open_source(path, model, reading_of(options, round(model.control_hz)))
        status = max(status, source.tell())
        parts.append(load_source(source, options.side, model))
    data = join(parts)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    save_cache(data, options.out)
    print(
        f"{options.out}: {len(data)} frames, {len(np.unique(data.episode))} episodes, {len(data.picture)} pictures, "
        f"{len(data.tasks)} instructions, {model.control_hz:g} frames a second"
    )
    return status


if __name__ == "__main__":
    sys.exit(in_one_line(main))
