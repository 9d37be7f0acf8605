"""Episodes in a LeRobotDataset v3: the features, appending, reading in order."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np

from training.pi0.data import dataset_files
from training.pi0.data.dataset_columns import ACTION, CAPTURED, IMAGE, STATE, Columns, columns_of
from training.pi0.data.disk import replace, sync
from training.pi0.data.episode import EpisodeFrame, Layout, RecordingError, checked
from training.pi0.data.episode_reader import layout_of, read_frames, read_instruction, read_job
from training.pi0.data.frame_times import LowDimensional, differences

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


def check_version(root: Path) -> dict:
    """What meta/info.json says. Raises RecordingError unless a LeRobotDataset is at `root`, of the version that is read."""
    try:
        about = description(root)
    except (OSError, ValueError) as error:
        raise RecordingError(f"{root}: meta/info.json cannot be read: {error}") from error
    dataset_files.check_version(root, about)
    return about or {}


def open_dataset(root: Path):
    """A LeRobotDataset for reading. Raises RecordingError when there is none at `root`, or not all of one."""
    from datasets.exceptions import DatasetsError
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    dataset_files.check_whole(root, check_version(root))
    try:
        return LeRobotDataset(f"local/{root.name}", root=root, video_backend="pyav")
    except (DatasetsError, OSError, ValueError, KeyError, TypeError) as error:
        why = str(error.__cause__ or error).partition("\n")[0][:200]
        raise RecordingError(f"{root}: LeRobot cannot open it ({why}); mend it, or copy the whole folder again") from error


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
        said = str(row["tasks"][0]) if len(row["tasks"]) else ""
        found.append(StoredEpisode(index, int(row["dataset_from_index"]), int(row["dataset_to_index"]), said))
    return found


def numbers(dataset, episode: StoredEpisode, columns: Columns) -> LowDimensional:
    """The numbers of one stored episode."""
    # Arrow's own numbers: through PyTorch or numpy formatting doubles come back as floats, and asking for one number of
    # a row decodes its picture.
    table = dataset.hf_dataset.with_format("arrow").select_columns([STATE, ACTION, columns.times])[episode.start : episode.stop]
    state, action, times = (_numbers(table, name) for name in (STATE, ACTION, columns.times))
    time, position = times.reshape(-1).astype(float), state[:, columns.position]
    speed = differences(time, position) if columns.velocity is None else state[:, columns.velocity]
    return LowDimensional(time, position, speed, action)


def pictures(dataset, episode: StoredEpisode, rows: np.ndarray, camera: str = IMAGE) -> Iterator[np.ndarray]:
    """The pictures of `rows`, which rise, of an episode; uint8 (H, W, 3), one at a time."""
    every = video_pictures(dataset, episode, camera) if camera in dataset.meta.video_keys else None
    last, image = -1, np.zeros(0)
    for row in rows:
        if every is not None:
            while last < row:
                image, last = next(every), last + 1
        elif row != last:
            shown, last = dataset[episode.start + int(row)][camera].numpy().transpose(1, 2, 0), row
            image = (255.0 * shown + 0.5).astype(np.uint8)
        yield image


def video_pictures(dataset, episode: StoredEpisode, camera: str) -> Iterator[np.ndarray]:
    """The pictures of an episode, in one pass through its stretch of the video file: to seek each would take minutes."""
    import av

    file = Path(dataset.root) / dataset.meta.get_video_file_path(episode.index, camera)
    start = float(dataset.meta.episodes[episode.index][f"videos/{camera}/from_timestamp"])
    count, length = 0, episode.stop - episode.start
    try:
        with av.open(str(file)) as container:
            stream = container.streams.video[0]
            tick = float(stream.time_base or 0)  # [s]
            container.seek(int(start / tick), stream=stream, backward=True, any_frame=False)
            for frame in container.decode(stream):
                number = round((float(frame.pts * tick) - start) * dataset.fps)
                if number >= length:
                    break
                if number >= 0:
                    count += 1
                    yield frame.to_ndarray(format="rgb24")
    except av.FFmpegError as error:
        raise RecordingError(f"{file}: cannot be decoded ({error.strerror}); copy or record it again") from error
    if count != length:
        where = f"{dataset.root}: episode {episode.index}"
        raise RecordingError(f"{where} has {count} of {length} pictures of {camera!r} in {file.name}; record it again")


def frames(dataset, episode: StoredEpisode) -> Iterator[EpisodeFrame]:
    """The frames of one stored episode, one at a time."""
    columns = columns_of(dataset.meta.features, (), "data set")
    low = numbers(dataset, episode, columns)
    shown = pictures(dataset, episode, np.arange(len(low.time)), columns.camera)
    for time, image, *rest in zip(low.time, shown, low.joint_pos, low.joint_vel, low.action, strict=True):
        yield EpisodeFrame(float(time), image, *rest)


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
    """Puts a recorder's files into the LeRobotDataset at `root`, after those already there; see `write`."""
    if not files:
        return 0
    layout = layout_of(files[0], joints)
    items = ((read_instruction(file), checked(read_frames(file), layout, str(file))) for file in progress(files))
    return write(items, layout, root, pictures, [job for file in files if (job := read_job(file))])


def write(items: Iterable[tuple[str, Iterable[EpisodeFrame]]], layout: Layout, root: Path, pictures: str, done: list[str]) -> int:
    """Puts episodes (instruction and frames) into the LeRobotDataset at `root`, after those already there; all of them or none.

    The new state is built beside `root`, is on the disk for good, and takes its place in one step. `done`: the jobs that the
    episodes are. Returns the number of frames added.
    """
    from lerobot.datasets.aggregate import aggregate_datasets

    fresh, merged = root.with_name(f".{root.name}.new"), root.with_name(f".{root.name}.merged")
    for leftover in (fresh, merged):
        shutil.rmtree(leftover, ignore_errors=True)
    try:
        dataset = create(fresh, layout, pictures)
        count = sum(append(dataset, said, frames) for said, frames in items)
        dataset.finalize()
        done, made = jobs(root) + done, fresh
        if root.exists():
            name = f"local/{root.name}"
            aggregate_datasets([name, name], name, roots=[root, fresh], aggr_root=merged)
            made = merged
        (made / JOBS).write_text(json.dumps(done, indent=1) + "\n")
        sync(made)
        replace(made, root)
    finally:
        for leftover in (fresh, merged):
            shutil.rmtree(leftover, ignore_errors=True)
    return count
