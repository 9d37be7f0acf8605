"""Reads episode files: the integration guide's collected layout (see `episode`) and the one that it converts them to.

The converted one has a vector `observations/proprio` (T, 2n) of positions, then velocities, no times, and its rate as
`control_frequency` in a `dataset_info.yaml` beside the files.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import yaml

from training.pi0.data.episode import (
    ACTIONS,
    IMAGES,
    INSTRUCTION,
    JOB,
    POSITIONS,
    PROPRIO,
    TIMES,
    VELOCITIES,
    EpisodeFrame,
    Layout,
    RecordingError,
)
from training.pi0.data.frame_times import FASTEST, LowDimensional, timing

INFO = "dataset_info.yaml"
COLLECTED = (IMAGES, POSITIONS, VELOCITIES, ACTIONS, TIMES)
CONVERTED = (IMAGES, PROPRIO, ACTIONS)
DIFFERS = 0.05  # share by which the rate that a file names may be off the one that its times tell


def names_of(file: h5py.File, path: Path) -> tuple[str, ...]:
    """The arrays of an episode file's layout. Raises RecordingError unless it has all of one of them, and a task."""
    names = CONVERTED if PROPRIO in file else COLLECTED
    missing = [name for name in names if not isinstance(file.get(name), h5py.Dataset)]
    if missing or INSTRUCTION not in file.attrs:
        raise RecordingError(
            f"{path}: no {', '.join(missing) or 'attribute ' + INSTRUCTION} in it; an episode in the guide's layout is expected"
        )
    for name in names:
        shape, kind = file[name].shape, file[name].dtype
        if not shape or (name != IMAGES and kind.kind not in "fiu"):
            raise RecordingError(f"{path}: {name} holds {kind} of shape {shape}; numbers, one row a frame, are expected")
    counts = {name: len(file[name]) for name in names}
    if len(set(counts.values())) != 1:
        raise RecordingError(f"{path}: the arrays differ in length: {counts}")
    return names


def opened(path: Path) -> h5py.File:
    """The file, open for reading. Raises RecordingError."""
    try:
        return h5py.File(path, "r")
    except OSError as error:
        what = "a folder" if path.is_dir() else str(error).partition("\n")[0]
        raise RecordingError(f"{path}: not a readable HDF5 file ({what}); take it out of the folder") from error


def read_instruction(path: Path) -> str:
    """The instruction of an episode file. Raises RecordingError unless it is one."""
    with opened(path) as file:
        names_of(file, path)
        said = file.attrs[INSTRUCTION]
    if not isinstance(said, str | bytes):
        raise RecordingError(f"{path}: its {INSTRUCTION} is {said!r}; a text is expected")
    return _text(said)


def read_job(path: Path) -> str:
    """The job of an episode file, "" where it has none."""
    with opened(path) as file:
        return _text(file.attrs.get(JOB, ""))


def read_numbers(path: Path, rate: float = 0.0) -> LowDimensional:
    """The numbers of an episode file; `rate` [Hz]: of one that holds no times and does not tell its rate."""
    with opened(path) as file:
        names = names_of(file, path)
        action = file[ACTIONS][:]
        if PROPRIO not in names:
            return LowDimensional(*(file[name][:] for name in (TIMES, POSITIONS, VELOCITIES)), action)
        both = file[PROPRIO][:]
        if both.ndim != 2 or both.shape[1] != 2 * action.shape[1]:
            raise RecordingError(
                f"{path}: {PROPRIO} has shape {both.shape} beside {action.shape} of actions; positions, then "
                "velocities, twice as many as actions, are expected"
            )
        n = action.shape[1]
        fps = _said_rate(file, path) or control_frequency(path.parent) or rate
    if not fps:
        raise RecordingError(
            f"{path}: it holds no times, and no {INFO} with a control_frequency is beside it; tell its rate: --source-rate HZ"
        )
    return LowDimensional(np.arange(len(action)) / fps, both[:, :n], both[:, n:], action)


def control_frequency(folder: Path) -> float:
    """What the `dataset_info.yaml` of a folder says of its rate [Hz], 0 where there is none."""
    info = folder / INFO
    if not info.is_file():
        return 0.0
    try:
        said = yaml.safe_load(info.read_text())
        rate = float(said.get("control_frequency", 0.0))
    except (yaml.YAMLError, ValueError, TypeError, AttributeError) as error:
        raise RecordingError(f"{info}: cannot be read ({str(error).splitlines()[0]}); mend it, or take it away") from error
    if not 0.0 <= rate <= 1000.0:
        raise RecordingError(f"{info}: control_frequency {rate:g}; a number of hertz up to 1000 is expected")
    return rate


def read_pictures(path: Path, rows: np.ndarray) -> Iterator[np.ndarray]:
    """The pictures at `rows`, which rise, uint8 (H, W, 3), one at a time; one asked for again is not read again."""
    with opened(path) as file:
        stored, last, image = file[IMAGES], -1, np.zeros(0)
        for row in rows:
            if row != last:
                try:
                    image, last = stored[row], row
                except OSError as error:
                    raise RecordingError(f"{path}: picture {row} cannot be read ({error}); take it out of the folder") from error
            yield image


def read_frames(path: Path, rate: float = 0.0) -> Iterator[EpisodeFrame]:
    """The frames of an episode file, one at a time; `rate`: see `read_numbers`."""
    low = read_numbers(path, rate)
    pictures = read_pictures(path, np.arange(len(low.time)))
    for time, image, *rest in zip(low.time, pictures, low.joint_pos, low.joint_vel, low.action, strict=True):
        yield EpisodeFrame(float(time), image, *rest)


def layout_of(path: Path, joints: tuple[str, ...], fps: int = 50, rate: float = 0.0, asked: int = 0) -> Layout:
    """Sizes of an episode file.

    Args:
        joints: Where it does not name them. fps: Where neither it nor its times tell the rate. rate: See `read_numbers`.
        asked: Frames per second that it is resampled to; 0: as it is.

    Raises RecordingError for a file whose rate, unless one is asked for, is no whole number, or another than its times tell.
    """
    names, picture, said = _shapes(path, joints)
    time = read_numbers(path, rate).time
    found = timing(time, str(path)) if np.all(np.diff(time) > 0.0) else None  # what does not rise is refused frame by frame
    if asked or found is None or not found.rate:
        return Layout(names, picture, asked or round(said) or fps)
    if said and abs(said - found.rate) > DIFFERS * said:
        raise RecordingError(
            f"{path}: it says {said:g} frames a second, and its times tell {found.rate:.1f}; mend it, or ask for a rate: "
            "--rate HZ resamples by the times"
        )
    if said:
        return Layout(names, picture, round(said))
    if not found.fps:
        raise RecordingError(
            f"{path}: its times tell {found.rate:.2f} frames a second, and a data set has a whole number; ask for one: --rate HZ"
        )
    return Layout(names, picture, found.fps)


def _shapes(path: Path, joints: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[int, int], float]:
    """Joints, height and width of the pictures, and the rate that an episode file tells (0: none), all of it checked."""
    with opened(path) as file:
        names_of(file, path)
        names = tuple(_text(name) for name in np.ravel(file.attrs.get("joints", joints)).tolist())
        shape, picture = file[ACTIONS].shape, file[IMAGES].shape
        said = _said_rate(file, path)
    if len(shape) != 2 or shape[1] != len(names):
        raise RecordingError(f"{path}: {shape[1] if len(shape) == 2 else shape} joints; {len(names)} are expected")
    if len(picture) != 4 or picture[3] != 3:
        raise RecordingError(f"{path}: pictures of shape {picture}; (T, H, W, 3) is expected")
    if shape[0] == 0:
        raise RecordingError(f"{path}: it has no frames; take it out of the folder")
    return names, picture[1:3], said


def _said_rate(file: h5py.File, path: Path) -> float:
    """The rate that an episode file names [Hz], 0: it names none."""
    said = file.attrs.get("fps", 0.0)
    try:
        rate = float(said)
    except (TypeError, ValueError):
        rate = float("nan")
    if not 0.0 <= rate <= FASTEST:
        raise RecordingError(f"{path}: its fps is {said!r}; a number of frames per second up to {FASTEST:g} is expected")
    return rate


def _text(value) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
