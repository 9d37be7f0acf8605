"""What belongs to one robot: offsets of its joints, motor = (joint + offset) * direction, and the creep of its soles."""

from __future__ import annotations

import math
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from arbiter import strict
from arbiter.errors import ConfigError
from arbiter.robot import MAX_CREEP, RobotModel
from arbiter.strict.fields import limited
from arbiter.types import frozen


@dataclass(frozen=True)
class CalibrationFile:
    """The file.

    Attributes:
        robot: Its name.
        measured: The day when the offsets were.
        offsets: By joint [rad].
        creep: Of its soles on the floor where it walks [s], see docs/estimate.md.
    """

    robot: str
    measured: str
    offsets: dict[str, float]
    creep: float = limited(0.0, -MAX_CREEP, MAX_CREEP, "s")


@dataclass(frozen=True, slots=True)
class Calibration:
    """Turns joint coordinates into motor coordinates and back.

    Attributes:
        offset: Offsets [rad], shape (n,), robot order.
        direction: +1 or -1, shape (n,), robot order.
        creep: See `CalibrationFile`.
    """

    offset: np.ndarray
    direction: np.ndarray
    creep: float = 0.0

    def to_motor(self, joint: np.ndarray) -> np.ndarray:
        return (joint + self.offset) * self.direction

    def to_joint(self, motor: np.ndarray) -> np.ndarray:
        return motor * self.direction - self.offset

    def range_to_motor(self, lower: np.ndarray, upper: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The motors' ranges that belong to joint ranges; a reversed motor swaps the ends."""
        ends = self.to_motor(lower), self.to_motor(upper)
        return np.minimum(*ends), np.maximum(*ends)


def nominal(direction: np.ndarray) -> Calibration:
    """No offsets: what a simulated robot has."""
    return Calibration(frozen(np.zeros(len(direction))), frozen(direction))


def load_calibration(path: Path, model: RobotModel, direction: np.ndarray) -> Calibration:
    """Reads a calibration file. Raises ConfigError for another robot, a missing joint or an offset beyond one turn."""
    if not Path(path).is_file():
        raise ConfigError(f"{path}: no calibration; measure it with `python -m deploy.calibrate`")
    data = strict.load(CalibrationFile, path)
    if data.robot != model.name:
        raise ConfigError(f"{path}: calibration of {data.robot!r}; this robot is {model.name!r}")
    missing, extra = set(model.joints) - set(data.offsets), set(data.offsets) - set(model.joints)
    if missing or extra:
        raise ConfigError(f"{path}: joints missing: {sorted(missing) or 'none'}; unknown: {sorted(extra) or 'none'}")
    for joint, offset in data.offsets.items():
        if not math.isfinite(offset) or abs(offset) > 2.0 * math.pi:
            raise ConfigError(f"{path}: offset of {joint} is {offset}; at most one turn (6.28 rad) is plausible")
    return Calibration(frozen([data.offsets[joint] for joint in model.joints]), frozen(direction), data.creep)


def save_creep(path: Path, model: RobotModel, creep: float) -> None:
    """Puts the creep of the soles [s] into a calibration file, whose other lines stay as they are. Raises ConfigError where there
    is none, or one into which it cannot be put."""
    load_calibration(path, model, np.ones(model.n))
    line, text = _creep_line(creep), path.read_text("utf-8")
    changed, there = re.subn(r"^creep\s*:.*$", line, text, flags=re.MULTILINE)
    try:
        _replace(path, changed if there else f"{text.rstrip()}\n{line}\n", model)
    except ConfigError as error:
        raise ConfigError(
            f"{path}: nothing written: {line!r} does not go into it as a line of its own; put it in by hand"
        ) from error


def save_calibration(path: Path, model: RobotModel, offset: np.ndarray, measured: str, creep: float = 0.0) -> None:
    """Writes a calibration file, whole or not at all."""
    lines = [
        f"robot: {model.name}",
        f"measured: {measured!r}",
        _creep_line(creep),
        "offsets:  # [rad], motor = (joint + offset) * direction",
    ]
    lines += [f"  {joint}: {value:.6f}" for joint, value in zip(model.joints, offset, strict=True)]
    path.parent.mkdir(parents=True, exist_ok=True)
    _replace(path, "\n".join(lines) + "\n")


def _creep_line(creep: float) -> str:
    return f"creep: {creep:.5f}  # [s] of its soles"


def _replace(path: Path, text: str, model: RobotModel | None = None) -> None:
    """Writes a file whole or not at all; one that is there keeps its permissions, and a link still leads to it. Given the model,
    only what is a calibration of that robot is written. Raises ConfigError."""
    path = path.resolve()
    beside = path.with_name(path.name + ".part")
    try:
        beside.write_text(text, "utf-8")
        if model is not None:
            load_calibration(beside, model, np.ones(model.n))
        if path.exists():
            shutil.copymode(path, beside)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
