"""Joint trajectories that were retargeted elsewhere: CSV and .npz files with the names of the joints, or in a known order."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.pi0.data.disk import RecordingError

ROOT = 7  # columns of the root's pose before the joints of LAFAN1's retargeted CSV files: x y z, quaternion x y z w
POSITIONS = ("joint_pos", "dof_pos", "qpos", "q", "joint_positions", "positions")
NAMES = ("joint_names", "dof_names", "joints", "names")
RATES = ("fps", "rate", "frame_rate", "framerate", "frequency")
TIMES = ("time", "timestamp", "timestamps", "t", "stamp")
TURN = 2.0 * np.pi


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
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise RecordingError(f"{path}: cannot be read: {error}") from error
    first = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
    between = next((mark for mark in ",;\t" if mark in first), " ")
    table = csv.reader(io.StringIO(text), delimiter=between, skipinitialspace=True)
    rows = [row for row in table if any(row) and not row[0].startswith("#")]
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
    if time is not None and not rate:
        steps = np.diff(values[:, time])
        rate = 1.0 / float(np.median(steps)) if np.median(steps) > 0.0 else 0.0
    kept = [i for i, name in enumerate(head) if i != time and not _is_root(name)]
    return _motion(path, tuple(head[i] for i in kept), rate, values[:, kept], degrees)


def read_npz(path: Path, data, rate: float, degrees: bool) -> JointMotion:
    """An open .npz file with positions and the names of their joints."""
    key = next((name for name in POSITIONS if name in data), None)
    if key is None:
        raise RecordingError(
            f"{path}: none of {', '.join(POSITIONS)} is in it, and no poses; it has {', '.join(data) or 'nothing'}"
        )
    values = np.asarray(data[key], float)
    if values.ndim != 2:
        raise RecordingError(f"{path}: {key} has shape {values.shape}; one row a frame is expected")
    rate = rate or next((float(np.ravel(data[name])[0]) for name in RATES if name in data), 0.0)
    named = next((name for name in NAMES if name in data), None)
    if named is None:  # simulators have orders of their own: MuJoCo's is not Isaac's
        raise RecordingError(f"{path}: {values.shape[1]} positions a frame without names; add joint_names")
    joints = tuple(map(str, np.ravel(data[named])))
    if values.shape[1] == len(joints) + ROOT:  # MuJoCo's own positions: the root's pose first
        values = values[:, ROOT:]
    if values.shape[1] != len(joints):
        raise RecordingError(f"{path}: {values.shape[1]} positions a frame beside {len(joints)} names of joints")
    return _motion(path, joints, rate, values, degrees)


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
