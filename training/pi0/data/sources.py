"""Where demonstrations come from: a LeRobotDataset or a folder of episode files, checked episode by episode.

What cannot be used of a source is left out by name, and why; what is unusual about the rest (another rate, gaps, velocities that
were computed) is a remark. Nothing changes its speed without being asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from arbiter.robot import RobotModel
from training.pi0.data import store
from training.pi0.data.dataset_columns import columns_of
from training.pi0.data.episode import EpisodeFrame, Layout, RecordingError
from training.pi0.data.episode_reader import DIFFERS, layout_of, read_instruction, read_job, read_numbers, read_pictures
from training.pi0.data.frame_times import LowDimensional, Timing, timing
from training.pi0.data.reading import Reading

PATTERNS = ("*.hdf5", "*.h5")
TURN = 2.0 * np.pi  # [rad] that no joint of a robot goes beyond: larger numbers are no radians
BEYOND, BEYOND_SHARE = 0.2, 0.1  # [rad] outside its range that a joint does not come, and the share of numbers that is told of


@dataclass(frozen=True, slots=True)
class SourceEpisode:
    """One episode that can be used.

    Attributes:
        name: File, or file of a data set and number. instruction: Its task. job: See `EpisodeWriter`.
        low: Its numbers, at the rate that was asked for. rows: The stored frame that each frame's picture is, shape (T,).
        timing: Of the recording as it is stored.
        pictures: Reads the pictures of rows, see `read_pictures`.
    """

    name: str
    instruction: str
    low: LowDimensional
    rows: np.ndarray
    timing: Timing
    pictures: Callable[[np.ndarray], Iterator[np.ndarray]]
    job: str = ""

    @property
    def resampled(self) -> bool:
        """Whether its frames are others than those that are stored."""
        return not np.array_equal(self.rows, np.arange(len(self.rows)))

    def frames(self) -> Iterator[EpisodeFrame]:
        """Its frames, one at a time."""
        low = self.low
        for time, image, *rest in zip(low.time, self.pictures(self.rows), low.joint_pos, low.joint_vel, low.action, strict=True):
            yield EpisodeFrame(float(time), image, *rest)


@dataclass(frozen=True, slots=True)
class DemonstrationSource:
    """What is in a source.

    Attributes:
        layout: Sizes of its frames, as they are read.
        episodes: Those that can be used.
        left_out: Why others cannot, by name.
        remarks: What is unusual about those that can.
    """

    path: Path
    layout: Layout
    episodes: tuple[SourceEpisode, ...]
    left_out: dict[str, str]
    remarks: tuple[str, ...]

    def tell(self) -> int:
        """Remarks and what is left out, on the standard error. Returns the exit status that goes with it."""
        for remark in self.remarks:
            print(f"note: {remark}", file=sys.stderr)
        for why in self.left_out.values():
            print(f"left out: {why}", file=sys.stderr)
        return 1 if self.left_out else 0


def is_dataset(path: Path) -> bool:
    """Whether a LeRobotDataset is there."""
    return (path / "meta" / "info.json").is_file()


def episode_files(folder: Path) -> list[Path]:
    """The episode files of a folder, in order. Raises RecordingError if there are none."""
    files = sorted(file for pattern in PATTERNS for file in folder.glob(pattern))
    if not files:
        raise RecordingError(f"{folder}: neither a LeRobotDataset nor a folder with {' or '.join(PATTERNS)} files")
    return files


def open_source(path: Path, model: RobotModel, how: Reading | None = None) -> DemonstrationSource:
    """A LeRobotDataset or a folder of episode files; joints are those of `model` where it names none.

    Raises RecordingError when nothing in it can be used, and for files that do not belong together.
    """
    how = how or Reading()
    return _dataset(path, model, how) if is_dataset(path) else open_files(episode_files(path), model, how, path)


def open_files(files: list[Path], model: RobotModel, how: Reading | None = None, path: Path | None = None) -> DemonstrationSource:
    """Episode files as a source; see `open_source`."""
    how = how or Reading()
    episodes, left_out, remarks, layouts = [], {}, [], {}
    for file in files:
        try:
            layouts[file] = layout_of(file, model.joints, rate=how.source_rate, asked=how.rate)
        except RecordingError as error:
            left_out[file.name] = str(error)
    shared = _shared(layouts)
    for file, layout in layouts.items():
        try:
            (shared or layout).check_same(layout, str(file))
            episode = _file(file, layout, how)
        except RecordingError as error:
            left_out[file.name] = str(error)
            continue
        remarks += _remarks(episode, layout, model)
        episodes.append(episode)
    return _source(path or files[0].parent, shared, episodes, left_out, remarks)


def _shared(layouts: dict[Path, Layout]) -> Layout | None:
    """What most files are like. Raises RecordingError where it is no more than half of them: they do not belong together."""
    if not layouts:
        return None
    kinds = list(layouts.values())
    shared = max(kinds, key=kinds.count)
    if 2 * kinds.count(shared) <= len(kinds):
        for file, layout in layouts.items():
            shared.check_same(layout, str(file))
    return shared


def _source(path: Path, layout: Layout | None, episodes: list, left_out: dict, remarks: list) -> DemonstrationSource:
    if layout is None or not episodes:
        reason = next(iter(left_out.values()), "it has no episodes")
        raise RecordingError(f"{path}: none of its {len(left_out)} episodes can be used; the first: {reason}")
    return DemonstrationSource(path, layout, tuple(episodes), left_out, tuple(remarks))


def _file(file: Path, layout: Layout, how: Reading) -> SourceEpisode:
    """One episode file, read from end to end once: a picture, too, may be broken."""
    said, low = read_instruction(file), read_numbers(file, how.source_rate)
    rows = np.arange(len(low.time))
    _check(said, low, read_pictures(file, rows), layout, str(file))
    return _episode(str(file.name), said, low, how, lambda some: read_pictures(file, some), str(file), read_job(file))


def _episode(name: str, said: str, low: LowDimensional, how: Reading, pictures, where: str, job: str = "") -> SourceEpisode:
    """An episode whose numbers were checked, in radians and at the rate that was asked for."""
    low = low.in_radians() if how.degrees else low
    _check_radians(low, where)
    found, rows = timing(low.time, where), np.arange(len(low.time))
    if how.rate and len(rows) > 1 and (found.fps != how.rate or found.gaps):
        low, rows = low.at_rate(how.rate)
    return SourceEpisode(name, said, low, rows, found, pictures, job)


def _check(said: str, low: LowDimensional, images: Iterator[np.ndarray], layout: Layout, where: str) -> None:
    """Raises RecordingError naming `where` at the first thing that is not good; files of others may hold anything."""
    if not said.strip():
        raise RecordingError(f"{where}: its instruction is empty; a demonstration needs one")
    if len(low.time) < 2:
        raise RecordingError(f"{where}: {len(low.time)} frames; a demonstration has at least two")
    last = -np.inf
    for time, image, *rest in zip(low.time, images, low.joint_pos, low.joint_vel, low.action, strict=True):
        frame = EpisodeFrame(float(time), image, *rest)
        try:
            layout.check(frame, last)
        except RecordingError as error:
            raise RecordingError(f"{where}: {error}") from error
        last = frame.time


def _check_radians(low: LowDimensional, where: str) -> None:
    for what, values in (("positions", low.joint_pos), ("actions", low.action)):
        most = float(np.abs(values).max())
        if most > TURN:
            raise RecordingError(
                f"{where}: {what} up to {most:.1f}, more than a whole turn: radians are expected; if these are degrees, say so: "
                "--degrees"
            )


def _remarks(one: SourceEpisode, layout: Layout, model: RobotModel) -> list[str]:
    """What is unusual about an episode."""
    remarks = []
    if one.timing.gaps:
        # A data set counts frames: without resampling, what was missing is skipped in no time.
        how = "interpolated" if one.resampled else "the motion leaps there; --rate HZ interpolates"
        remarks.append(f"{one.name}: {one.timing.told()} ({how})")
    if one.timing.rate and abs(one.timing.rate - layout.fps) > DIFFERS * layout.fps:
        how = "resampled to" if one.resampled else "--rate HZ resamples it; its data set says"
        remarks.append(f"{one.name}: its times tell {one.timing.rate:.4g} frames a second; {how} {layout.fps}")
    if layout.joints == model.joints:
        beyond = (one.low.joint_pos < model.lower - BEYOND) | (one.low.joint_pos > model.upper + BEYOND)
        if beyond.mean() > BEYOND_SHARE:
            remarks.append(
                f"{one.name}: {100 * beyond.mean():.0f} % of its positions are outside the joints' ranges, up to "
                f"{np.abs(one.low.joint_pos[beyond]).max():.2f}; radians (else --degrees) in the robot's order are expected"
            )
    return remarks


def _dataset(path: Path, model: RobotModel, how: Reading) -> DemonstrationSource:
    """A LeRobotDataset, this project's or another's."""
    dataset = store.open_dataset(path)
    columns = columns_of(dataset.meta.features, model.joints, str(path), how.camera)
    stored = Layout(columns.joints, columns.image, int(dataset.meta.fps))
    blank = np.zeros((*columns.image, 3), np.uint8)
    episodes, left_out, remarks = [], {}, list(columns.remarks)
    for one in store.episodes(dataset):
        where = f"{path}: episode {one.index}"
        try:
            low = store.numbers(dataset, one, columns)
            _check(one.instruction, low, iter([blank] * len(low.time)), stored, where)
            pictures = _pictures_of(dataset, one, columns.camera)
            episode = _episode(f"episode {one.index}", one.instruction, low, how, pictures, where)
        except RecordingError as error:
            left_out[f"episode {one.index}"] = str(error)
            continue
        episodes.append(episode)
        remarks += _remarks(episode, replace(stored, fps=how.rate or stored.fps), model)
    return _source(path, replace(stored, fps=how.rate or stored.fps), episodes, left_out, remarks)


def _pictures_of(dataset, one: store.StoredEpisode, camera: str) -> Callable[[np.ndarray], Iterator[np.ndarray]]:
    return lambda rows: store.pictures(dataset, one, rows, camera)
