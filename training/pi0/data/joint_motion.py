"""Joint trajectories that were retargeted elsewhere: CSV and .npz files with the names of the joints, or in a known order."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.pi0.data.disk import RecordingError
from training.pi0.data.frame_times import interpolated, resampled_times, timing

ROOT = 7  # columns of the root's pose before the joints of LAFAN1's retargeted CSV files: x y z, quaternion x y z w
POSITIONS = ("joint_pos", "dof_pos", "qpos", "q", "joint_positions", "positions")
NAMES = ("joint_names", "dof_names", "joints", "names")
RATES = ("fps", "rate", "frame_rate", "framerate", "frequency")
TIMES = ("time", "timestamp", "timestamps", "t", "stamp")
TURN = 2.0 * np.pi
DIFFERS = 0.05  # share by which two rates may differ and still be one


@dataclass(frozen=True, slots=True)
class JointMotion:
    """A joint trajectory. `joints`: names; `rate`: frames per second; `q`: [rad], shape (T, joints)."""

    joints: tuple[str, ...]
    rate: float
    q: np.ndarray


@dataclass(frozen=True, slots=True)
class JointOrders:
    """JointOrders of joints that files without names are in, by their number; the rate that goes with one, 0: none does."""

    by_count: dict[int, tuple[tuple[str, ...], float]]


def read_csv(path: Path, orders: JointOrders, rate: float, degrees: bool) -> JointMotion:
    """A CSV file: a row of names first, or numbers only, in one of the known orders. Raises RecordingError."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise RecordingError(f"{path}: cannot be read: {error}") from error
    first = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
    between = next((mark for mark in ",;\t" if mark in first), " ")
    table = csv.reader(io.StringIO(text), delimiter=between, skipinitialspace=True)
    try:
        rows = [row for row in table if any(row) and not row[0].startswith("#")]
    except csv.Error as error:
        raise RecordingError(f"{path}: not a table of numbers ({error})") from error
    head = None if not rows or _numeric(rows[0]) else tuple(name.strip() for name in rows.pop(0))
    try:
        values = np.array([[float(cell) for cell in row] for row in rows])
    except ValueError as error:
        raise RecordingError(f"{path}: {error}; numbers are expected, below a row of names") from error
    if values.ndim != 2 or len(values) < 2:
        raise RecordingError(f"{path}: rows of unequal length, or fewer than two; one row a frame is expected")
    if head is None:
        joints, values, known = _ordered(path, values, orders)
        return _motion(path, joints, rate or known, values, degrees)
    if len(head) != values.shape[1]:
        raise RecordingError(f"{path}: {len(head)} names above {values.shape[1]} columns")
    time = next((i for i, name in enumerate(head) if name.lower() in TIMES), None)
    if time is not None:
        rate, values = _timed(path, values[:, time], values, rate)
    kept = [i for i, name in enumerate(head) if i != time and not _is_root(name)]
    return _motion(path, tuple(head[i] for i in kept), rate, values[:, kept], degrees)


def read_npz(path: Path, data, rate: float, degrees: bool) -> JointMotion:
    """An open .npz file with positions and the names of their joints."""
    key = next((name for name in POSITIONS if name in data), None)
    if key is None:
        raise RecordingError(
            f"{path}: none of {', '.join(POSITIONS)} is in it, and no poses; it has {', '.join(data) or 'nothing'}"
        )
    values = np.asarray(data[key])
    if values.dtype.kind not in "fiu":
        raise RecordingError(f"{path}: {key} holds {values.dtype}; real numbers are expected")
    values = values.astype(float)
    if values.ndim != 2:
        raise RecordingError(f"{path}: {key} has shape {values.shape}; one row a frame is expected")
    rate = _told(path, data, rate)
    times = next((np.ravel(data[name]) for name in TIMES if name in data), None)
    if times is not None and len(times) == len(values):
        rate, values = _timed(path, np.asarray(times, float), values, rate)
    named = next((name for name in NAMES if name in data), None)
    if named is None:  # simulators have orders of their own: MuJoCo's is not Isaac's
        raise RecordingError(f"{path}: {values.shape[1]} positions a frame without names; add joint_names")
    joints = tuple(name.decode() if isinstance(name, bytes) else str(name) for name in np.ravel(data[named]).tolist())
    if values.shape[1] == len(joints) + ROOT:  # MuJoCo's own positions: the root's pose first
        values = values[:, ROOT:]
    if values.shape[1] != len(joints):
        raise RecordingError(f"{path}: {values.shape[1]} positions a frame beside {len(joints)} names of joints")
    return _motion(path, joints, rate, values, degrees)


def _told(path: Path, data, asked: float) -> float:
    """The rate that an .npz file tells [Hz], or that is asked for. Raises RecordingError where they are two."""
    found = next((np.ravel(data[name]) for name in RATES if name in data), None)
    if found is None:
        return asked
    if len(found) != 1:
        raise RecordingError(f"{path}: its rate has {len(found)} values; one is expected")
    return _one_rate(path, float(found[0]), asked)


def _one_rate(path: Path, told: float, asked: float) -> float:
    if asked and told and abs(told - asked) > DIFFERS * asked:
        raise RecordingError(
            f"{path}: it tells {told:.4g} Hz, and --source-rate {asked:g}: leave the option out, or mend the file"
        )
    return told or asked


def _timed(path: Path, time: np.ndarray, values: np.ndarray, asked: float) -> tuple[float, np.ndarray]:
    """The rate by the times of the frames [s], and the frames at that rate: where some are missing, they are interpolated."""
    if not np.all(np.diff(time) > 0.0):
        raise RecordingError(f"{path}: its times do not rise from frame to frame; mend the source")
    rate = _one_rate(path, timing(time, str(path)).rate, asked)
    return rate, interpolated(time, values, resampled_times(time, rate))


def _ordered(path: Path, values: np.ndarray, orders: JointOrders) -> tuple[tuple[str, ...], np.ndarray, float]:
    """Names by the number of columns, with or without the root's pose."""
    width = values.shape[1]
    for count, (joints, rate) in orders.by_count.items():
        if width in (count, count + ROOT):
            return joints, values[:, width - count :], rate
    known = ", ".join(f"{count} or {count + ROOT}" for count in orders.by_count)
    raise RecordingError(
        f"{path}: {width} columns without names; {known} are known orders. Put the joints' names into the first row"
    )


def _motion(path: Path, joints: tuple[str, ...], rate: float, q: np.ndarray, degrees: bool) -> JointMotion:
    if twice := sorted({name for name in joints if joints.count(name) > 1}):
        raise RecordingError(f"{path}: {', '.join(twice[:4])} stands there twice; each joint has one column")
    if not q.size:
        raise RecordingError(f"{path}: it has no frames")
    if not np.isfinite(q).all():
        row, column = np.argwhere(~np.isfinite(q))[0]
        raise RecordingError(f"{path}: frame {row}: {joints[column]} is not finite; mend the source")
    if not 1.0 <= rate <= 1000.0:
        raise RecordingError(f"{path}: it does not tell its rate ({rate:g} Hz); tell it: --source-rate HZ")
    q = np.radians(q) if degrees else q
    if np.abs(q).max() > TURN:
        raise RecordingError(f"{path}: positions up to {np.abs(q).max():.1f}; radians are expected, or say --degrees")
    return JointMotion(joints, rate, q)


def _numeric(cells: list[str]) -> bool:
    try:
        return bool([float(cell) for cell in cells])
    except ValueError:
        return False


def _is_root(name: str) -> bool:
    return name.lower().startswith(("root", "base_", "pelvis_", "trans")) and not name.lower().endswith("_joint")
