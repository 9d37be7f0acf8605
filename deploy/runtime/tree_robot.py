"""The robot of a tree file, at the rate that the file has the tick run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from arbiter.robot import RobotModel
from deploy.robots.description import load_model

if TYPE_CHECKING:
    from deploy.runtime.config import Loaded


def robot_of(loaded: Loaded) -> RobotModel:
    """Its figures. Raises ConfigError."""
    model, rate = load_model(loaded.robot), loaded.config.control.rate_hz
    return model if rate is None else replace(model, control_hz=rate)
