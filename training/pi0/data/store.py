"""Episodes in a LeRobotDataset v3: the features, appending, reading in order."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.pi0.data.episode import Frame, Layout, RecordingError, layout_of, read_frames, read_instruction

STATE = "observation.state"
IMAGE = "observation.images.head_camera"
ACTION = "action"
CAPTURED = "capture_time"  # LeRobot's own timestamps are frame / fps; this keeps what was measured
VIDEO_FILE = 4  # [MB]
PICTURES = ("h264", "av1", "png")


@dataclass(frozen=True, slots=True)
class StoredEpisode:
    """An episode of a data set. `start`, `stop`: its rows. `instruction`: its task."""

    index: int
    start: int
    stop: int
    instruction: str


def features(layout: Layout, pictures: str) -> dict:
    """LeRobot's description of a frame: state = positions then velocities, the head camera, action = targets."""
    if pictures not in PICTURES:
        raise RecordingError(f"pictures {pictures!r}; {', '.join(PICTURES)} are possible (png is lossless)")
    positions = [f"{joint}.pos" for joint in layout.joints]
    velocities = [f"{joint}.vel" for joint in layout.joints]
    return {
        STATE: {"dtype": "float32", "shape": (2 * len(layout.joints),), "names": positions + velocities},
        ACTION: {"dtype": "float32", "shape": (len(layout.joints),), "names": positions},
        CAPTURED: {"dtype": "float64", "shape": (1,), "names": None},
        IMAGE: {"dtype": "image" if pictures == "png" else "video", "shape": (*layout.image, 3),
                "names": ["height", "width", "channels"]},
    }


def create(root: Path, layout: Layout, pictures: str = "h264"):
    """A new, empty LeRobotDataset at `root`, open for writing. Raises RecordingError when something is there."""
    from lerobot.configs import RGBEncoderConfig
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    if root.exists():
        raise RecordingError(f"{root} exists; name another folder or remove it")
    encoder = RGBEncoderConfig(vcodec="h264", crf=18, preset="ultrafast") if pictures == "h264" else None
    return LeRobotDataset.create(
        repo_id=f"local/{root.name}", fps=layout.fps, features=features(layout, pictures), root=root,
        robot_type="berkeley_humanoid_lite", use_videos=pictures != "png", rgb_encoder=encoder,
        streaming_encoding=pictures != "png", encoder_threads=1, encoder_queue_maxsize=100_000,
        # LeRobot copies the whole video file for each episode that it appends: small files keep that cheap.
        video_files_size_in_mb=VIDEO_FILE)


def open_dataset(root: Path):
    """A LeRobotDataset for reading. Raises RecordingError when there is none at `root`."""
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    if not (root / "meta" / "info.json").is_file():
        raise RecordingError(f"{root}: no LeRobotDataset there (no meta/info.json)")
    return LeRobotDataset(f"local/{root.name}", root=root, video_backend="pyav")


def append(dataset, instruction: str, frames: Iterable[Frame]) -> int:
    """Adds one episode; returns its number of frames."""
    count = 0
    for frame in frames:
        dataset.add_frame({
            STATE: np.concatenate((frame.joint_pos, frame.joint_vel)).astype(np.float32),
            ACTION: np.asarray(frame.action, np.float32), CAPTURED: np.array([frame.time], np.float64),
            IMAGE: np.ascontiguousarray(frame.image), "task": instruction})
        count += 1
    dataset.save_episode()
    return count


def episodes(dataset) -> list[StoredEpisode]:
    """Episodes of a data set that is open for reading."""
    found = []
    for index, row in enumerate(dataset.meta.episodes):
        found.append(StoredEpisode(index, int(row["dataset_from_index"]), int(row["dataset_to_index"]),
                                   str(row["tasks"][0])))
    return found


def frames(dataset, episode: StoredEpisode) -> Iterator[Frame]:
    """The frames of one stored episode, one at a time."""
    # Arrow's own numbers: through PyTorch or numpy formatting doubles come back as floats, and asking for one number of
    # a row decodes its picture.
    table = dataset.hf_dataset.with_format("arrow").select_columns([STATE, ACTION, CAPTURED])[episode.start:episode.stop]
    state, action, times = (_numbers(table, name) for name in (STATE, ACTION, CAPTURED))
    n = state.shape[1] // 2
    times = times.reshape(-1)
    for i, time in enumerate(times):
        image = dataset[episode.start + i][IMAGE].numpy().transpose(1, 2, 0)
        yield Frame(float(time), (255.0 * image + 0.5).astype(np.uint8), state[i, :n], state[i, n:], action[i])


def _numbers(table, name: str) -> np.ndarray:
    """A column of an Arrow table, one row a frame."""
    column = table.column(name).combine_chunks()
    while hasattr(column, "flatten") and column.type.num_fields:
        column = column.flatten()
    return column.to_numpy(zero_copy_only=False).reshape(table.num_rows, -1)


def pack(files: list[Path], root: Path, joints: tuple[str, ...], pictures: str = "h264",
         progress: Callable[[Iterable], Iterable] = iter) -> int:
    """Puts episode files into the LeRobotDataset at `root`, after those already there; all of them or none.

    The new state is built beside `root` and takes its place in one step. Returns the number of frames added.
    """
    from lerobot.datasets.aggregate import aggregate_datasets

    if not files:
        return 0
    fresh, merged = root.with_name(f".{root.name}.new"), root.with_name(f".{root.name}.merged")
    for leftover in (fresh, merged):
        shutil.rmtree(leftover, ignore_errors=True)
    layout = layout_of(files[0], joints)
    dataset = create(fresh, layout, pictures)
    count = 0
    for file in progress(files):
        if layout_of(file, joints) != layout:
            raise RecordingError(f"{file}: its sizes {layout_of(file, joints)} differ from the first file's {layout}")
        count += append(dataset, read_instruction(file), read_frames(file))
    dataset.finalize()
    if root.exists():
        aggregate_datasets([f"local/{root.name}", f"local/{root.name}"], f"local/{root.name}", roots=[root, fresh],
                           aggr_root=merged)
        shutil.rmtree(fresh)
        fresh = merged
    replace(fresh, root)
    return count


def replace(new: Path, root: Path) -> None:
    """Puts the folder `new` in the place of `root`."""
    old = root.with_name(f".{root.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if root.exists():
        os.rename(root, old)
    os.rename(new, root)
    shutil.rmtree(old, ignore_errors=True)
