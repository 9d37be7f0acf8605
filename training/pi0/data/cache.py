"""Demonstrations in one compact file for training the tiny π0: small pictures, states, actions.

    python -m training.pi0.data.cache datasets/gestures datasets/balls.journal --out runs/demonstrations.npz

Reads LeRobotDatasets and folders of episode files (a recorder's journal, also while it is being written).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from arbiter.errors import ConfigError
from deploy.cli.command import CommandParser, in_one_line
from deploy.cli.extras import extra
from deploy.cli.outputs import output_file


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("training.pi0.data.cache", description=__doc__)
    p.add_argument("sources", type=Path, nargs="+", help="LeRobotDatasets, or folders of HDF5 episodes")
    p.add_argument("--out", type=output_file, required=True, help="the .npz file")
    p.add_argument("--side", type=int, default=84, help="side of the pictures [px]")
    return p


with extra(__name__, parser, "h5py"):
    import numpy as np
    from tqdm import tqdm

    from deploy.robots.description import load_model
    from policies.chunk.backends.inputs import resize_with_pad
    from training.pi0.data.episode import check_joints, layout_of, read_frames, read_instruction
    from training.pi0.memory import Demonstrations, join, load, save_cache


def shrink(image: np.ndarray, side: int) -> np.ndarray:
    """A picture scaled to `side` x `side`, uint8, by the same method as at run time."""
    return np.round(255.0 * resize_with_pad(image, side)).astype(np.uint8)


def load_files(files: list[Path], side: int, quiet: bool = False) -> Demonstrations:
    """Loads episode files into memory; a repeated picture is stored once."""
    states, actions, pictures, of, lengths, said = [], [], [], [], [], []
    joints = load_model().joints
    for file in files:
        check_joints(layout_of(file, joints).joints, joints, str(file))
    for file in tqdm(files, desc="episodes", disable=quiet):
        said.append(read_instruction(file))
        before, length = None, 0
        for frame in read_frames(file):
            if before is None or not np.array_equal(frame.image, before):
                pictures.append(shrink(frame.image, side))
                before = frame.image
            of.append(len(pictures) - 1)
            states.append(np.concatenate((frame.joint_pos, frame.joint_vel)))
            actions.append(frame.action)
            length += 1
        lengths.append(length)
    tasks = tuple(sorted(set(said)))
    number = np.arange(len(files))
    return Demonstrations(
        state=np.array(states, np.float32),
        action=np.array(actions, np.float32),
        picture=np.stack(pictures),
        picture_of=np.array(of, np.int64),
        end=np.repeat(np.cumsum(lengths), lengths).astype(np.int64),
        episode=np.repeat(number, lengths).astype(np.int64),
        task=np.repeat([tasks.index(text) for text in said], lengths).astype(np.int64),
        tasks=tasks,
    )


def load_any(source: Path, side: int, quiet: bool = False) -> Demonstrations:
    """A LeRobotDataset or a folder of episode files. Raises ConfigError when `source` is neither."""
    if (source / "meta" / "info.json").is_file():
        return load(source, side, stride=1, progress=not quiet)
    files = sorted(source.glob("*.hdf5"))
    if not files:
        raise ConfigError(f"{source}: neither a LeRobotDataset nor a folder with episode files (*.hdf5)")
    return load_files(files, side, quiet)


def main(arguments: list[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    data = join([load_any(source, options.side) for source in options.sources])
    options.out.parent.mkdir(parents=True, exist_ok=True)
    save_cache(data, options.out)
    print(
        f"{options.out}: {len(data)} frames, {len(np.unique(data.episode))} episodes, {len(data.picture)} pictures, "
        f"{len(data.tasks)} instructions"
    )


if __name__ == "__main__":
    sys.exit(in_one_line(main))
