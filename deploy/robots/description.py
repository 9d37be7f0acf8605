"""Robot descriptions: a folder with `robot.yaml` (figures and limits) and `model.xml` (MuJoCo), beside this module or
at a path."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from arbiter import strict
from arbiter.errors import ConfigError
from arbiter.robot import RobotModel
from arbiter.types import frozen

HERE = Path(__file__).parent
GROUPS = ("legs", "arms")


@dataclass(frozen=True, slots=True)
class JointFigures:
    """A joint of `robot.yaml`: range and default [rad], velocity [rad/s] and acceleration [rad/s²] limits of the
    command, effort [N·m], kp [N·m/rad], kd [N·m·s/rad]."""

    name: str
    group: Literal["legs", "arms"]
    lower: float
    upper: float
    velocity: float
    acceleration: float
    effort: float
    kp: float
    kd: float
    default: float

    def __post_init__(self) -> None:
        if not self.lower < self.upper:
            raise ConfigError(f"joint {self.name}: lower {self.lower} is not below upper {self.upper}")
        if not self.lower <= self.default <= self.upper:
            raise ConfigError(f"joint {self.name}: default {self.default} is outside {self.lower} to {self.upper}")
        for key in ("velocity", "acceleration", "effort", "kp", "kd"):
            if not getattr(self, key) > 0.0:
                raise ConfigError(f"joint {self.name}: {key} is {getattr(self, key)}; it must be above 0")


@dataclass(frozen=True, slots=True)
class Fall:
    """When the robot counts as fallen: `tilt` [rad] between the base's z axis and the vertical."""

    tilt: float


@dataclass(frozen=True, slots=True)
class RobotFile:
    """`robot.yaml` as a whole: rates [Hz], total mass [kg], joints in robot order."""

    name: str
    version: int
    control_hz: float
    motor_hz: float
    total_mass: float
    joints: tuple[JointFigures, ...]
    fall: Fall

    def __post_init__(self) -> None:
        names = [joint.name for joint in self.joints]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigError(f"robot {self.name}: joints named twice: {', '.join(twice)}")
        for key in ("control_hz", "motor_hz", "total_mass"):
            if not getattr(self, key) > 0.0:
                raise ConfigError(f"robot {self.name}: {key} is {getattr(self, key)}; it must be above 0")


def description_dir(name: str = "berkeley_humanoid_lite") -> Path:
    """Folder of a robot description: a name known here or a path. Raises ConfigError listing the known names."""
    known = sorted(path.parent.name for path in HERE.glob("*/robot.yaml"))
    folder = HERE / name if name in known else Path(name)
    if not os.path.isfile(folder / "robot.yaml"):  # False, too, for what can be no name of a folder
        raise ConfigError(f"robot {name!r}: no description by that name or path; known: {', '.join(known)}")
    return folder


def load_model(name: str = "berkeley_humanoid_lite") -> RobotModel:
    """The figures and limits of a robot, from its `robot.yaml`. Raises ConfigError with every problem of the file."""
    file = strict.load(RobotFile, description_dir(name) / "robot.yaml")

    def column(key: str) -> np.ndarray:
        return frozen([getattr(joint, key) for joint in file.joints])

    groups = {group: frozen([joint.group == group for joint in file.joints], bool) for group in GROUPS}
    groups["whole_body"] = frozen(np.ones(len(file.joints)), bool)
    return RobotModel(
        name=file.name,
        joints=tuple(joint.name for joint in file.joints),
        lower=column("lower"),
        upper=column("upper"),
        velocity=column("velocity"),
        acceleration=column("acceleration"),
        effort=column("effort"),
        kp=column("kp"),
        kd=column("kd"),
        default=column("default"),
        groups=groups,
        control_hz=file.control_hz,
        motor_hz=file.motor_hz,
        fall_tilt=file.fall.tilt,
    )
