"""Converts HDF5 episodes of the integration guide's layout to a LeRobotDataset v3 and back, and compares the result.

    python -m training.pi0.data.convert demos_hdf5/ datasets/demos          # HDF5 -> LeRobotDataset
    python -m training.pi0.data.convert datasets/demos demos_hdf5/          # and back

Pictures are kept as PNG, so that nothing is lost; `--pictures h264` is smaller and not exact.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path

from deploy.cli.command import CommandParser, in_one_line
from deploy.cli.extras import extra


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("training.pi0.data.convert", description=__doc__)
    p.add_argument("source", type=Path, help="a folder of HDF5 episodes, or a LeRobotDataset")
    p.add_argument("target", type=Path, help="where the other form goes; must not exist yet")
    p.add_argument("--robot", default="berkeley_humanoid_lite", help="names the joints of sources that do not")
    p.add_argument("--pictures", choices=("h264", "av1", "png"), default="png", help="how the data set keeps pictures")
    p.add_argument("--no-check", action="store_true", help="do not compare the result with the source")
    return p


with extra(__name__, parser, "h5py"):
    import numpy as np
    from tqdm import tqdm

    from deploy.robots.description import load_model
    from training.pi0.data import store
    from training.pi0.data.episode import (
        EpisodeFrame,
        EpisodeWriter,
        RecordingError,
        check_joints,
        layout_of,
        read_frames,
        read_instruction,
    )
    from training.pi0.data.episode_recorder import KEPT

PATTERN = "*.hdf5"


@dataclass(frozen=True, slots=True)
class Difference:
    """Largest differences between source and result of a conversion; all zero where nothing was lost.

    Attributes:
        episodes, frames: How many were compared. joints: [rad] or [rad/s]; rounding of doubles to floats shows here.
        time: [s]. picture: Steps of a pixel's 255.
    """

    episodes: int
    frames: int
    joints: float
    time: float
    picture: float

    @property
    def exact(self) -> bool:
        return self.joints == self.time == self.picture == 0.0


def is_dataset(path: Path) -> bool:
    """Whether `folder` holds a LeRobotDataset."""
    return (path / "meta" / "info.json").is_file()


def episode_files(folder: Path) -> list[Path]:
    """The episode files of a folder, in order. Raises RecordingError if there are none."""
    files = sorted(folder.glob(PATTERN))
    if not files:
        raise RecordingError(f"{folder}: neither a LeRobotDataset nor a folder with {PATTERN} files")
    return files


def to_dataset(folder: Path, root: Path, joints: tuple[str, ...], pictures: str = "png", quiet: bool = False) -> int:
    """HDF5 episodes to a new LeRobotDataset; returns the number of frames."""
    if root.exists():
        raise RecordingError(f"{root} exists; name another folder or remove it")
    root.parent.mkdir(parents=True, exist_ok=True)
    return store.pack(episode_files(folder), root, joints, pictures, lambda files: tqdm(files, disable=quiet))


def to_files(root: Path, folder: Path, joints: tuple[str, ...] = (), quiet: bool = False) -> int:
    """A LeRobotDataset to one HDF5 file an episode; `joints` where it names none. Returns the number of frames."""
    if folder.exists() and any(folder.iterdir()):
        raise RecordingError(f"{folder} is not empty; name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    dataset = store.open_dataset(root)
    layout, count = store.stored_layout(dataset, joints), 0
    for episode in tqdm(store.episodes(dataset), disable=quiet):
        writer = EpisodeWriter(folder / KEPT.format(episode.index), episode.instruction, layout)
        for frame in store.frames(dataset, episode):
            writer.add(frame)
        count += writer.frames
        writer.commit()
    return count


def compare(pairs: Iterable[tuple[tuple[str, Iterable[EpisodeFrame]], tuple[str, Iterable[EpisodeFrame]]]]) -> Difference:
    """Largest differences between episodes and their copies. Raises RecordingError when one is missing, cut or not finite."""
    episodes = count = 0
    worst = np.zeros(3)
    for (said, frames), (copied_said, copies) in pairs:
        if said != copied_said:
            raise RecordingError(f"episode {episodes}: the instruction became {copied_said!r}, it was {said!r}")
        for frame, copy in zip_longest(frames, copies):
            if frame is None or copy is None:
                raise RecordingError(f"episode {episodes}: the copy has another number of frames")
            joints = np.max(
                [
                    np.abs(np.asarray(getattr(frame, name), float) - getattr(copy, name))
                    for name in ("joint_pos", "joint_vel", "action")
                ]
            )
            picture = np.abs(frame.image.astype(int) - copy.image).max()
            off = np.array((joints, abs(frame.time - copy.time), picture))
            if not np.isfinite(off).all():
                raise RecordingError(
                    f"episode {episodes}, frame at {frame.time:.3f} s: a number is not finite in it or in its "
                    "copy; mend the source"
                )
            worst = np.maximum(worst, off)
            count += 1
        episodes += 1
    return Difference(episodes, count, *map(float, worst))


def check(folder: Path, root: Path, joints: tuple[str, ...] = ()) -> Difference:
    """Compares HDF5 episodes with a LeRobotDataset; `joints` where it names none."""
    dataset = store.open_dataset(root)
    files, stored = episode_files(folder), store.episodes(dataset)
    if len(files) != len(stored):
        raise RecordingError(f"{folder} has {len(files)} episodes, {root} has {len(stored)}")
    joints = store.stored_layout(dataset, joints).joints
    for file in files:
        check_joints(layout_of(file, joints).joints, joints, f"{file} beside {root}")
    return compare(
        ((read_instruction(file), read_frames(file)), (one.instruction, store.frames(dataset, one)))
        for file, one in zip(files, stored, strict=True)
    )


def main(arguments: list[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    source, target, joints = options.source, options.target, load_model(options.robot).joints
    if is_dataset(source):
        count, pair = to_files(source, target, joints), (target, source)
    else:
        count, pair = to_dataset(source, target, joints, options.pictures), (source, target)
    print(f"{target}: {count} frames")
    if not options.no_check:
        found = check(*pair, joints)
        print(json.dumps({**asdict(found), "exact": found.exact}))


if __name__ == "__main__":
    sys.exit(in_one_line(main))
