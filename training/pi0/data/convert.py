"""Converts demonstrations: HDF5 episodes of the integration guide's layouts, LeRobotDatasets v3, to and fro, and compares.

    python -m training.pi0.data.convert demos_hdf5/ datasets/demos               # HDF5 -> LeRobotDataset
    python -m training.pi0.data.convert datasets/demos demos_hdf5/               # and back
    python -m training.pi0.data.convert demos_hdf5/ datasets/demos --rate 50     # recorded at another rate: resampled by time
    python -m training.pi0.data.convert demos_hdf5/ pi0_dataset --to proprio     # the guide's converted layout

The rate is that of the recording, as its times tell, unless --rate is given. An episode that cannot be used is left out by name;
the others are converted, and the exit status is 1. Pictures are kept as PNG, so that nothing is lost; `--pictures h264` is
smaller and not exact.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path

from deploy.cli.command import CommandParser, in_one_line
from deploy.cli.extras import extra
from training.pi0.data.reading import add_options, reading_of


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("training.pi0.data.convert", description=__doc__)
    p.add_argument("source", type=Path, help="a folder of HDF5 episodes, or a LeRobotDataset")
    p.add_argument("target", type=Path, help="where the result goes; must not exist yet")
    p.add_argument(
        "--to",
        choices=("auto", "dataset", "hdf5", "proprio"),
        default="auto",
        help="dataset: LeRobotDataset; hdf5: the guide's collected layout; proprio: its converted one, with dataset_info.yaml; "
        "auto: a data set of files, files of a data set",
    )
    add_options(p, rate="frames per second of the result, resampled by time (0: those of the recording)")
    p.add_argument("--robot", default="berkeley_humanoid_lite", help="names the joints of sources that do not")
    p.add_argument("--pictures", choices=("h264", "av1", "png"), default="png", help="how the data set keeps pictures")
    p.add_argument("--no-check", action="store_true", help="do not compare the result with the source")
    return p


with extra(__name__, parser, "h5py"):
    import numpy as np
    from tqdm import tqdm

    from arbiter.robot import RobotModel
    from deploy.robots.description import load_model
    from training.pi0.data import store
    from training.pi0.data.episode import EpisodeFrame, EpisodeWriter, RecordingError, check_joints
    from training.pi0.data.episode_recorder import KEPT
    from training.pi0.data.proprio import write_proprio
    from training.pi0.data.sources import DemonstrationSource, is_dataset, open_source


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


def to_dataset(source: DemonstrationSource, root: Path, pictures: str = "png", quiet: bool = False) -> int:
    """A source to a new LeRobotDataset; returns the number of frames."""
    if root.exists():
        raise RecordingError(f"{root} exists; name another folder or remove it")
    root.parent.mkdir(parents=True, exist_ok=True)
    items = ((one.instruction, one.frames()) for one in tqdm(source.episodes, disable=quiet))
    return store.write(items, source.layout, root, pictures, [one.job for one in source.episodes if one.job])


def to_files(source: DemonstrationSource, folder: Path, quiet: bool = False) -> int:
    """A source to one HDF5 file an episode in the collected layout. Returns the number of frames."""
    empty_folder(folder)
    count = 0
    try:
        for number, episode in enumerate(tqdm(source.episodes, disable=quiet)):
            writer = EpisodeWriter(folder / KEPT.format(number), episode.instruction, source.layout, episode.job)
            for frame in episode.frames():
                writer.add(frame)
            count += writer.frames
            writer.commit()
    except RecordingError:  # a folder with some of the episodes would look like a whole one
        shutil.rmtree(folder)
        raise
    return count


def empty_folder(folder: Path) -> None:
    """Makes it. Raises RecordingError if something is in it."""
    if folder.exists() and any(folder.iterdir()):
        raise RecordingError(f"{folder} is not empty; name another folder")
    folder.mkdir(parents=True, exist_ok=True)


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
            worst = np.maximum(worst, _difference(frame, copy, f"episode {episodes}"))
            count += 1
        episodes += 1
    return Difference(episodes, count, *map(float, worst))


def _difference(frame: EpisodeFrame, copy: EpisodeFrame, where: str) -> np.ndarray:
    """Largest difference of the joints' numbers, of time and of the picture, shape (3,)."""
    names = ("joint_pos", "joint_vel", "action")
    joints = np.max([np.abs(np.asarray(getattr(frame, name), float) - getattr(copy, name)) for name in names])
    off = np.array((joints, abs(frame.time - copy.time), np.abs(frame.image.astype(int) - copy.image).max()))
    if not np.isfinite(off).all():
        raise RecordingError(
            f"{where}, frame at {frame.time:.3f} s: a number is not finite in it or in its copy; mend the source"
        )
    return off


def check(source: DemonstrationSource, target: Path, model: RobotModel) -> Difference:
    """Compares a source with what it was converted to, read with the options that a user would give: none."""
    copy = open_source(target, model)
    check_joints(source.layout.joints, copy.layout.joints, f"{source.path} beside {target}")
    if len(source.episodes) != len(copy.episodes):
        raise RecordingError(f"{source.path} has {len(source.episodes)} episodes, {target} has {len(copy.episodes)}")
    return compare(
        ((one.instruction, one.frames()), (other.instruction, other.frames()))
        for one, other in zip(source.episodes, copy.episodes, strict=True)
    )


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    target, model = options.target, load_model(options.robot)
    source = open_source(options.source, model, reading_of(options))
    status = source.tell()
    to = ("hdf5" if is_dataset(options.source) else "dataset") if options.to == "auto" else options.to
    if to == "dataset":
        count = to_dataset(source, target, options.pictures)
    elif to == "hdf5":
        count = to_files(source, target)
    else:
        count = write_proprio(source, target, model.name)
    print(f"{target}: {count} frames of {len(source.episodes)} episodes, {source.layout.fps} a second")
    if not options.no_check:
        found = check(source, target, model)
        print(json.dumps({**asdict(found), "exact": found.exact}))
    return status


if __name__ == "__main__":
    sys.exit(in_one_line(main))
