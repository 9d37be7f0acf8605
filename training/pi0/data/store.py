"""Episodes in a LeRobotDataset v3: the features, appending, reading in order."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np

from training.pi0.data.episode import (
    EpisodeFrame,
    Layout,
    RecordingError,
    check_joints,
    checked,
    common_layout,
    read_frames,
    read_instruction,
    read_job,
    sync_folder,
)

STATE = "observation.state"
IMAGE = "observation.images.head_camera"
ACTION = "action"
CAPTURED = "capture_time"  # LeRobot's own timestamps are frame / fps; this keeps what was measured
VIDEO_FILE = 4  # [MB]
LEROBOTS = {"timestamp", "frame_index", "episode_index", "index", "task_index"}  # features that it adds itself
PICTURES = ("h264", "av1", "png")
ROBOT = "berkeley_humanoid_lite"
JOBS = "jobs.json"  # in a data set: the jobs of its episodes


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
        IMAGE: {
            "dtype": "image" if pictures == "png" else "video",
            "shape": (*layout.image, 3),
            "names": ["height", "width", "channels"],
        },
    }


def description(root: Path) -> dict | None:
    """What meta/info.json says of the data set at `root`, None where there is none."""
    info = root / "meta" / "info.json"
    return json.loads(info.read_text()) if info.is_file() else None


def check_fits(root: Path, layout: Layout, pictures: str) -> None:
    """Raises RecordingError when the data set at `root` cannot take episodes of `layout` with such `pictures`."""
    info = description(root)
    if info is None:
        if root.exists():
            raise RecordingError(f"{root} exists and is no LeRobotDataset (no meta/info.json); remove it, or name another folder")
        return
    there, asked = info["features"], features(layout, pictures)
    compared: list[tuple[str, object, object]] = [
        ("frames per second", info["fps"], layout.fps),
        ("robot", info.get("robot_type"), ROBOT),
    ]
    for key in [*asked, *(there.keys() - asked.keys() - LEROBOTS)]:
        compared.append((key, _kind(there.get(key)), _kind(asked.get(key))))
        names = zip_longest(*(some.get(key, {}).get("names") or () for some in (there, asked)))
        compared += [(f"a name in {key}", has, wanted) for has, wanted in names]
    if pictures != "png":
        compared.append(("pictures", (there.get(IMAGE, {}).get("info") or {}).get("video.codec", pictures), pictures))
    for what, has, wanted in compared:
        if has != wanted:
            raise RecordingError(
                f"{root}: {what}: {has} in the data set, {wanted} in what is to be recorded; ask for what it "
                "has, or name another folder"
            )


def _kind(feature: dict | None) -> str | None:
    return None if not feature else f"{feature['dtype']} {tuple(feature['shape'])}"


def jobs(root: Path) -> list[str]:
    """The jobs (see `job_name`) whose episodes are in the data set at `root`."""
    file = root / JOBS
    return json.loads(file.read_text()) if file.is_file() else []


def stored_layout(dataset, joints: tuple[str, ...] = ()) -> Layout:
    """Sizes of the frames of a data set that is open for reading; `joints` where it names none."""
    about = dataset.meta.features
    return Layout(_joints(about[ACTION]) or joints, tuple(about[IMAGE]["shape"][:2]), int(dataset.meta.fps))


def check_robot(described: dict, joints: tuple[str, ...], where: str) -> None:
    """Raises RecordingError when a data set's features, as `described`, lack state or action, or name other joints than `joints`
    or in another order."""
    for key, wanted in ((STATE, 2 * joints), (ACTION, joints)):
        if key not in described:
            raise RecordingError(f"{where}: no {key}; it has {', '.join(described) or 'nothing'}")
        names = _joints(described[key])
        if names:
            check_joints(names, wanted, f"{where}: {key}")


def _joints(feature: dict) -> tuple[str, ...]:
    """Joints that a feature names; none where it has no names."""
    names = feature["names"] or ()
    if isinstance(names, dict):  # as sets of other robots have it: {"motors": [...]}
        names = [name for some in names.values() for name in some]
    return tuple(name.removesuffix(".pos").removesuffix(".vel") for name in names)


def create(root: Path, layout: Layout, pictures: str = "h264"):
    """A new, empty LeRobotDataset at `root`, open for writing. Raises RecordingError when `root` exists."""
    from lerobot.configs import RGBEncoderConfig
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    if root.exists():
        raise RecordingError(f"{root} exists; name another folder or remove it")
    encoder = RGBEncoderConfig(vcodec="h264", crf=18, preset="ultrafast") if pictures == "h264" else None
    return LeRobotDataset.create(
        repo_id=f"local/{root.name}",
        fps=layout.fps,
        features=features(layout, pictures),
        root=root,
        robot_type=ROBOT,
        use_videos=pictures != "png",
        rgb_encoder=encoder,
        streaming_encoding=pictures != "png",
        encoder_threads=1,
        encoder_queue_maxsize=100_000,
        # LeRobot copies the whole video file for each episode that it appends: small files keep that cheap.
        video_files_size_in_mb=VIDEO_FILE,
    )


def open_dataset(root: Path):
    """A LeRobotDataset for reading. Raises RecordingError when there is none at `root`."""
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    if not (root / "meta" / "info.json").is_file():
        raise RecordingError(f"{root}: no LeRobotDataset there (no meta/info.json)")
    return LeRobotDataset(f"local/{root.name}", root=root, video_backend="pyav")


def append(dataset, instruction: str, frames: Iterable[EpisodeFrame]) -> int:
    """Adds one episode; returns its number of frames."""
    count = 0
    for frame in frames:
        dataset.add_frame(
            {
                STATE: np.concatenate((frame.joint_pos, frame.joint_vel)).astype(np.float32),
                ACTION: np.asarray(frame.action, np.float32),
                CAPTURED: np.array([frame.time], np.float64),
                IMAGE: np.ascontiguousarray(frame.image),
                "task": instruction,
            }
        )
        count += 1
    dataset.save_episode()
    return count


def episodes(dataset) -> list[StoredEpisode]:
    """Episodes of a data set that is open for reading."""
    found = []
    for index, row in enumerate(dataset.meta.episodes):
        found.append(StoredEpisode(index, int(row["dataset_from_index"]), int(row["dataset_to_index"]), str(row["tasks"][0])))
    return found


def frames(dataset, episode: StoredEpisode) -> Iterator[EpisodeFrame]:
    """The frames of one stored episode, one at a time."""
    # Arrow's own numbers: through PyTorch or numpy formatting doubles come back as floats, and asking for one number of
    # a row decodes its picture.
    table = dataset.hf_dataset.with_format("arrow").select_columns([STATE, ACTION, CAPTURED])[episode.start : episode.stop]
    state, action, times = (_numbers(table, name) for name in (STATE, ACTION, CAPTURED))
    n = state.shape[1] // 2
    times = times.reshape(-1)
    for i, time in enumerate(times):
        image = dataset[episode.start + i][IMAGE].numpy().transpose(1, 2, 0)
        yield EpisodeFrame(float(time), (255.0 * image + 0.5).astype(np.uint8), state[i, :n], state[i, n:], action[i])


def _numbers(table, name: str) -> np.ndarray:
    """A column of an Arrow table, one row a frame."""
    column = table.column(name).combine_chunks()
    while hasattr(column, "flatten") and column.type.num_fields:
        column = column.flatten()
    return column.to_numpy(zero_copy_only=False).reshape(table.num_rows, -1)


def pack(
    files: list[Path],
    root: Path,
    joints: tuple[str, ...],
    pictures: str = "h264",
    progress: Callable[[Iterable], Iterable] = iter,
) -> int:
    """Appends episode files to the LeRobotDataset at `root`; all of them or none.

    The new data set is built beside `root`, flushed to disk, and replaces it in one step. Returns the number of frames added.
    """
    from lerobot.datasets.aggregate import aggregate_datasets

    if not files:
        return 0
    fresh, merged = root.with_name(f".{root.name}.new"), root.with_name(f".{root.name}.merged")
    for leftover in (fresh, merged):
        shutil.rmtree(leftover, ignore_errors=True)
    sizes = common_layout(files, joints)
    dataset = create(fresh, sizes, pictures)
    count = 0
    for file in progress(files):
        count += append(dataset, read_instruction(file), checked(read_frames(file), sizes, str(file)))
    dataset.finalize()
    done = jobs(root) + [job for file in files if (job := read_job(file))]
    if root.exists():
        aggregate_datasets(
            [f"local/{root.name}", f"local/{root.name}"], f"local/{root.name}", roots=[root, fresh], aggr_root=merged
        )
        shutil.rmtree(fresh)
        fresh = merged
    (fresh / JOBS).write_text(json.dumps(done, indent=1) + "\n")
    sync(fresh)
    replace(fresh, root)
    return count


def sync(root: Path) -> None:
    """Flushes all files and folders under `root` to disk."""
    for folder, _, names in os.walk(root, topdown=False):
        for name in names:
            with open(os.path.join(folder, name), "rb+") as file:
                os.fsync(file.fileno())
        sync_folder(Path(folder))


def replace(new: Path, root: Path) -> None:
    """Replaces `root` by the folder `new`, flushed to disk before the old one is removed."""
    old = root.with_name(f".{root.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if root.exists():
        os.rename(root, old)
    os.rename(new, root)
    sync_folder(root.parent)
    shutil.rmtree(old, ignore_errors=True)
