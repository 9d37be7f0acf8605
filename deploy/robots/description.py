"""Robot descriptions: `robot.yaml` files beside this module, or a path to one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import yaml

from arbiter.errors import ConfigError
from arbiter.robot import RobotModel
from arbiter.types import frozen

HERE = Path(__file__).parent


def description_dir(name: str = "berkeley_humanoid_lite") -> Path:
    """Folder of a robot description: a name known here or a path. Raises ConfigError listing the known names."""
    known = sorted(path.parent.name for path in HERE.glob("*/robot.yaml"))
    folder = HERE / name if name in known else Path(name)
    if not (folder / "robot.yaml").is_file():
        raise ConfigError(f"robot {name!r}: no description by that name or path; known: {', '.join(known)}")
    return folder


def load_model(name: str = "berkeley_humanoid_lite") -> RobotModel:
    """The figures and limits of a robot, from its `robot.yaml`."""
    data = yaml.safe_load((description_dir(name) / "robot.yaml").read_text())
    joints = data["joints"]

    def column(key: str) -> np.ndarray:
        return frozen([joint[key] for joint in joints])

    groups = {group: frozen([joint["group"] == group for joint in joints], bool) for group in ("legs", "arms")}
    groups["whole_body"] = frozen(np.ones(len(joints)), bool)
    return RobotModel(
        name=data["name"], joints=tuple(joint["name"] for joint in joints), lower=column("lower"), upper=column("upper"),
        velocity=column("velocity"), acceleration=column("acceleration"), effort=column("effort"), kp=column("kp"),
        kd=column("kd"), default=column("default"), groups=groups, control_hz=float(data["control_hz"]),
        motor_hz=float(data["motor_hz"]), fall_tilt=float(data["fall"]["tilt"]))
