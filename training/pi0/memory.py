"""Demonstrations in memory: what the tiny preset trains from.

A LeRobotDataset decodes a picture and its 50 actions anew for every sample; two CPU cores cannot afford that. Here the
numbers are read once from the dataset's parquet columns and the pictures once from its videos, already in the model's
size, and a batch is an index operation.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from arbiter.errors import ConfigError
from arbiter.robot import RobotModel
from policies.chunk.backends.inputs import resize_with_pad

if TYPE_CHECKING:
    from training.pi0.data.sources import DemonstrationSource

# Least standard deviation of joint positions [rad] and velocities [rad/s]; of joint targets [rad], and of targets relative to
# the position.
MIN_STATE_STD = (0.05, 0.3)
MIN_TARGET_STD, MIN_RELATIVE_STD = 0.15, 0.05
TAILS = 4.65  # standard deviations between the quantiles 1 % and 99 % of a normal distribution


@dataclass(frozen=True, slots=True)
class Demonstrations:
    """Frames of all episodes, one after the other.

    Attributes:
        state: Joint positions [rad] and velocities [rad/s], shape (N, 44), float32.
        action: Joint targets [rad], shape (N, 22), float32.
        picture: Head camera, shape (M, S, S, 3), uint8; M <= N, see `picture_of`.
        picture_of: Index into `picture` of each frame, shape (N,).
        end: Index one past the last frame of each frame's episode, shape (N,).
        episode: Number of the episode of each frame, shape (N,).
        task: Index into `tasks` of each frame, shape (N,).
        tasks: The instructions.
    """

    state: np.ndarray
    action: np.ndarray
    picture: np.ndarray
    picture_of: np.ndarray
    end: np.ndarray
    episode: np.ndarray
    task: np.ndarray
    tasks: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.state)

    def rows(self, frames: np.ndarray, length: int = 50) -> np.ndarray:
        """Frames of the next `length` ticks from each of `frames`, (B, length); past the episode's end its last frame repeats."""
        return np.minimum(frames[:, None] + np.arange(length), self.end[frames][:, None] - 1)

    def chunk(self, frames: np.ndarray, length: int = 50) -> np.ndarray:
        """The next `length` actions from each of `frames`, shape (B, length, 22)."""
        return self.action[self.rows(frames, length)]

    def inside(self, frames: np.ndarray, length: int = 50) -> np.ndarray:
        """Which rows of `chunk` lie inside the episode (later rows repeat its last action), bool, shape (B, length)."""
        return frames[:, None] + np.arange(length) < self.end[frames][:, None]

    def pictures(self, frames: np.ndarray) -> np.ndarray:
        """Pictures of `frames` in [0, 1], shape (B, 3, S, S), float32."""
        return self.picture[self.picture_of[frames]].transpose(0, 3, 1, 2).astype(np.float32) / 255.0

    def stats(self, share: np.ndarray | None = None) -> dict[str, dict[str, np.ndarray]]:
        """Mean and standard deviation of state and action, `with_minimum_std`.

        `share`: sampling probability of each frame, shape (N,); None: uniform.
        """
        share = np.full(len(self), 1.0 / max(1, len(self))) if share is None else share
        values = {"observation.state": self.state, "action": self.action}
        found = {}
        for key, x in values.items():
            mean = share @ x
            spread = np.sqrt(np.maximum(share @ np.square(x - mean, dtype=np.float64), 0.0))
            found[key] = {"mean": mean.astype(np.float32), "std": spread.astype(np.float32)}
        return with_minimum_std(found)

    def split(self, held_out: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Frames to train on and frames of held-out episodes: the share `held_out` of every task's episodes, one at
        least where there are two."""
        rng = np.random.default_rng(seed)
        first = np.unique(self.episode, return_index=True)
        task_of = self.task[first[1]]
        chosen = []
        for task in np.unique(task_of):
            episodes = rng.permutation(first[0][task_of == task])
            least = 1 if held_out > 0.0 and len(episodes) > 1 else 0
            chosen.append(episodes[: max(least, round(held_out * len(episodes)))])
        mask = np.isin(self.episode, np.concatenate(chosen) if chosen else [])
        return np.flatnonzero(~mask), np.flatnonzero(mask)


def with_minimum_std(
    stats: dict[str, dict[str, np.ndarray]], targets: float = MIN_TARGET_STD
) -> dict[str, dict[str, np.ndarray]]:
    """Statistics with a minimum standard deviation for normalisation: `MIN_STATE_STD` for states, `targets` [rad] for actions.

    Standard deviations are raised, quantiles moved apart. A joint that hardly moves in the demonstrations would otherwise turn
    sensor noise into large numbers, and one whose quantiles coincide turns the few frames outside them into millions.
    Other keys come back as they are.
    Raises ConfigError for a state that does not hold a position and a velocity for each target.
    """
    found, joints = dict(stats), len(stats["action"]["std"])
    for key, floor in (("observation.state", MIN_STATE_STD), ("action", (targets,))):
        one, least = dict(stats[key]), np.repeat(floor, joints)
        if len(one["std"]) != len(least):
            raise ConfigError(
                f"statistics of {key} hold {len(one['std'])} values; {len(least)} are expected with {joints} "
                "joint targets (a state holds positions, then velocities)"
            )
        one["std"] = np.maximum(one["std"], least.astype(one["std"].dtype))
        if {"q01", "q99"} <= one.keys():
            low, high = (np.asarray(one[name], np.float64) for name in ("q01", "q99"))
            more = np.maximum(TAILS * least - (high - low), 0.0) / 2.0
            one["q01"], one["q99"] = (low - more).astype(one["q01"].dtype), (high + more).astype(one["q99"].dtype)
        found[key] = one
    return found


def join(parts: list[Demonstrations]) -> Demonstrations:
    """Several sets as one."""
    if len(parts) == 1:
        return parts[0]
    tasks = tuple(dict.fromkeys(task for part in parts for task in part.tasks))
    fields: dict[str, list[np.ndarray]] = {name: [] for name in Demonstrations.__slots__ if name != "tasks"}
    frames = episodes = pictures = 0
    for part in parts:
        renumber = np.array([tasks.index(task) for task in part.tasks])
        for name, value in (
            ("state", part.state),
            ("action", part.action),
            ("picture", part.picture),
            ("picture_of", part.picture_of + pictures),
            ("end", part.end + frames),
            ("episode", part.episode + episodes),
            ("task", renumber[part.task]),
        ):
            fields[name].append(value)
        frames, pictures = frames + len(part), pictures + len(part.picture)
        episodes += int(part.episode.max()) + 1
    return Demonstrations(tasks=tasks, **{name: np.concatenate(value) for name, value in fields.items()})


def shrink(image: np.ndarray, side: int) -> np.ndarray:
    """A picture (H, W, 3) uint8 at `side` x `side`, by the arithmetic of run time."""
    return np.round(255.0 * resize_with_pad(image, side)).astype(np.uint8)


def load_source(
    source: DemonstrationSource, side: int, model: RobotModel, stride: int = 1, quiet: bool = False
) -> Demonstrations:
    """A source in memory; every `stride`-th frame's picture at `side` x `side`. One that repeats is kept once.

    Raises RecordingError for joints that are not those of `model`, in its order.
    """
    from tqdm import tqdm

    from training.pi0.data.episode import check_joints

    check_joints(source.layout.joints, model.joints, str(source.path))
    states, actions, pictures, of, lengths = [], [], [], [], []
    for one in tqdm(source.episodes, desc=source.path.name, unit="episode", disable=quiet or None):
        before = None
        for image in one.pictures(one.rows - one.rows % stride):
            if before is None or not (image is before or np.array_equal(image, before)):
                pictures.append(shrink(image, side))
                before = image
            of.append(len(pictures) - 1)
        states.append(np.concatenate((one.low.joint_pos, one.low.joint_vel), axis=1))
        actions.append(one.low.action)
        lengths.append(len(one.rows))
    said = [one.instruction for one in source.episodes]
    tasks = tuple(sorted(set(said)))
    return Demonstrations(
        state=np.concatenate(states).astype(np.float32),
        action=np.concatenate(actions).astype(np.float32),
        picture=np.stack(pictures),
        picture_of=np.array(of, np.int64),
        end=np.repeat(np.cumsum(lengths), lengths).astype(np.int64),
        episode=np.repeat(np.arange(len(said)), lengths).astype(np.int64),
        task=np.repeat([tasks.index(text) for text in said], lengths).astype(np.int64),
        tasks=tasks,
    )


def check_there(root: str | Path) -> None:
    """Raises ConfigError unless `root` holds a LeRobotDataset; LeRobot itself would look for one of that name on the hub."""
    if not (Path(root) / "meta" / "info.json").is_file():
        raise ConfigError(f"dataset {root}: no meta/info.json there; give the folder of a LeRobotDataset")


def load(root: str | Path, side: int, camera: str = "", stride: int = 2, progress: bool = True) -> Demonstrations:
    """Reads a LeRobotDataset v3 or a folder of episode files; pictures at `side` x `side`, every `stride`-th frame's.

    What was recorded at another rate than the robot's is resampled by its times; that, and what is left out, is printed.
    """
    from deploy.robots.description import load_model
    from training.pi0.data.reading import Reading
    from training.pi0.data.sources import open_source

    model = load_model()
    source = open_source(Path(root), model, Reading(round(model.control_hz), camera=camera))
    source.tell()
    return load_source(source, side, model, stride, not progress)


def gather(sources: list[Path], side: int) -> Demonstrations:
    """Joins LeRobotDatasets, folders of episode files and .npz caches."""
    parts = []
    for source in sources:
        part = load_cache(source) if Path(source).suffix == ".npz" else load(source, side)
        if part.picture.shape[1] != side:
            raise ConfigError(
                f"{source}: pictures of {part.picture.shape[1]} px; this policy reads {side} px; make the cache again"
            )
        parts.append(part)
    return join(parts)


def save_cache(demonstrations: Demonstrations, file: Path) -> None:
    """Writes what `load` read to one file for later runs; the file appears only when it is complete."""
    arrays = {name: getattr(demonstrations, name) for name in Demonstrations.__slots__ if name != "tasks"}
    partial = file.with_name(f".{file.stem}.partial.npz")
    np.savez(partial, tasks=np.array(demonstrations.tasks), **arrays)
    partial.replace(file)


def load_cache(file: Path) -> Demonstrations:
    """Reads what `save_cache` wrote. Raises ConfigError for another file."""
    try:
        with np.load(file, allow_pickle=False) as data:
            fields: Mapping[str, np.ndarray] = {name: data[name] for name in Demonstrations.__slots__ if name != "tasks"}
            return Demonstrations(tasks=tuple(str(task) for task in data["tasks"]), **fields)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise ConfigError(
            f"demonstrations {file}: cannot be read ({error}); make it with `python -m training.pi0.data.cache`"
        ) from error
