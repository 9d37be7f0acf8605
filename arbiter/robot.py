"""The robot as the runtime core sees it: a model (figures and limits) and a driver protocol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from arbiter.types import RobotState, SafeCommand


@dataclass(frozen=True, slots=True)
class RobotModel:
    """Figures of a robot. Joint arrays are read-only, shape (n,), robot order, SI units.

    Attributes:
        name: For example "berkeley_humanoid_lite".
        joints: Joint names, robot order.
        lower, upper: Range of each joint [rad].
        velocity: Limit of the commanded velocity [rad/s].
        acceleration: Limit of the commanded acceleration [rad/s²].
        effort: Torque limit [N·m].
        kp, kd: Nominal gains [N·m/rad], [N·m·s/rad].
        default: Default posture [rad].
        groups: Joint masks by name: "legs", "arms", "whole_body".
        control_hz: Rate of the tick [Hz].
        motor_hz: Rate at which the drivers feed the motors [Hz].
        fall_tilt: Tilt beyond which the robot counts as fallen [rad].
    """

    name: str
    joints: tuple[str, ...]
    lower: np.ndarray
    upper: np.ndarray
    velocity: np.ndarray
    acceleration: np.ndarray
    effort: np.ndarray
    kp: np.ndarray
    kd: np.ndarray
    default: np.ndarray
    groups: dict[str, np.ndarray]
    control_hz: float = 50.0
    motor_hz: float = 250.0
    fall_tilt: float = 0.9

    @property
    def n(self) -> int:
        """Number of joints."""
        return len(self.joints)

    @property
    def dt(self) -> float:
        """Length of a tick [s]."""
        return 1.0 / self.control_hz

    def index(self, joint: str) -> int:
        """Index of `joint` in robot order."""
        return self.joints.index(joint)


class Robot(Protocol):
    """A driver. `read` and `write` return at once; whatever is slow runs on the driver's own thread.

    A driver starts passive (damping), never re-arms by itself and reports faults in `RobotState.faults`.
    """

    model: RobotModel

    def connect(self) -> None:
        """Opens the hardware, passive. Raises RobotError with the way out."""

    def read(self, now: float) -> RobotState:
        """The newest state. `now` [s] is the clock of the tick; ages are measured against it."""

    def write(self, command: SafeCommand) -> None:
        """Takes the command that holds until the next one."""

    def step(self, dt: float) -> None:
        """Lets `dt` seconds pass: physics in lockstep simulation; nothing on a real robot."""

    def close(self) -> None:
        """Damps, releases the hardware. May be called twice."""
