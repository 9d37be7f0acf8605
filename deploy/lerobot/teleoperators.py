"""LeRobot teleoperators: the robot's own posture, for one that is led by hand; a hand steered by keyboard or gamepad.

    lerobot-record --robot.type=berkeley_humanoid_lite --teleop.type=berkeley_humanoid_lite_mirror ...
    lerobot-record --robot.type=berkeley_humanoid_lite --robot.armed=true --teleop.type=berkeley_humanoid_lite_gamepad ...

What they give as an action is what the robot does: the posture that it is led to, or targets inside its ranges and slow enough
to be followed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from lerobot.teleoperators import Teleoperator, TeleoperatorConfig
from lerobot.utils.errors import DeviceAlreadyConnectedError, DeviceNotConnectedError

from arbiter.errors import ConfigError, RobotError
from deploy.lerobot.hand_jog import HandJog
from deploy.lerobot.humanoid import NAME, BerkeleyHumanoidLite
from deploy.operator.teleop_devices import TeleopDevice, open_teleop_device
from deploy.robots.description import load_model

LONGEST_STEP = 0.1  # [s] between two questions: what is longer is a pause
SIDES = ("left", "right")


@dataclass(kw_only=True)
class TeleoperatorSettings(TeleoperatorConfig):
    """Settings that all have.

    Attributes:
        robot: Name of the robot description, or its folder: as `robot.robot`.
        group: As `robot.group`.
        robot_id: As `robot.id`; "": the only one that is connected.
    """

    robot: str = NAME
    group: str = "arms"
    robot_id: str = ""

    def __post_init__(self) -> None:
        groups = load_model(self.robot).groups
        if self.group not in groups:
            raise ConfigError(f"teleop.group is {self.group!r}; allowed: {', '.join(groups)}")


class RobotTeleoperator(Teleoperator):
    """What they share: a robot of this process, which they look at when they are first asked."""

    def __init__(self, config: TeleoperatorSettings) -> None:
        super().__init__(config)
        self.config = config
        self.model = load_model(config.robot)
        driven = self.model.groups[config.group]
        self._index = {f"{joint}.pos": i for i, joint in enumerate(self.model.joints) if driven[i]}
        self._connected = False

    @property
    def action_features(self) -> dict[str, type]:
        return dict.fromkeys(self._index, float)

    @property
    def feedback_features(self) -> dict[str, type]:
        return {}

    @property
    def is_connected(self) -> bool:
        return self._connected

    @property
    def is_calibrated(self) -> bool:
        """There is nothing to calibrate."""
        return True

    def calibrate(self) -> None:
        """Nothing."""

    def configure(self) -> None:
        """Nothing."""

    def connect(self, calibrate: bool = True) -> None:
        """Opens the device. The robot may come later: LeRobot connects it second."""
        if self._connected:
            raise DeviceAlreadyConnectedError(f"{self} is connected already")
        self._open()
        self._connected = True

    def _open(self) -> None:
        """Opens what it reads."""

    def send_feedback(self, feedback: dict[str, Any]) -> None:
        """Nothing can be felt here."""

    def disconnect(self) -> None:
        self._need_connection()
        self._connected = False

    def _need_connection(self) -> None:
        if not self._connected:
            raise DeviceNotConnectedError(f"{self} is not connected; call connect() first")

    def _robot(self) -> BerkeleyHumanoidLite:
        """The robot. Raises DeviceNotConnectedError or ConfigError with the way out."""
        wanted = self.config.robot_id
        found = [robot for robot in BerkeleyHumanoidLite.connected if not wanted or str(robot.id) == wanted]
        if not found:
            raise DeviceNotConnectedError(
                f"{self}: no robot {wanted or NAME} is connected in this process; it goes with --robot.type={NAME}"
            )
        if len(found) > 1:
            raise ConfigError(f"{self}: {len(found)} robots are connected; name one with --teleop.robot_id")
        return found[0]

    def _values(self, q: np.ndarray) -> dict[str, float]:
        return {name: float(q[i]) for name, i in self._index.items()}


@TeleoperatorConfig.register_subclass(f"{NAME}_mirror")
@dataclass(kw_only=True)
class BerkeleyMirrorConfig(TeleoperatorSettings):
    """The posture of a robot that is led by hand."""


class BerkeleyMirror(RobotTeleoperator):
    """Gives what the robot does: the measured posture. The recorded action is the one that was led."""

    config_class = BerkeleyMirrorConfig
    name = f"{NAME}_mirror"

    def get_action(self) -> dict[str, float]:
        self._need_connection()
        robot = self._robot()
        if robot.config.armed:
            raise ConfigError(
                f"{self}: it follows a robot that is led by hand, and this one is armed: it would hold itself where it sinks to; "
                "leave --robot.armed out, or take the keyboard or the gamepad"
            )
        return self._values(robot.posture())


@dataclass(kw_only=True)
class HandSettings(TeleoperatorSettings):
    """Settings of those that steer a hand.

    Attributes:
        max_speed: Of a joint [rad/s]; below that of the robot, so that it follows.
    """

    max_speed: float = 1.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 < self.max_speed <= 10.0:
            raise ConfigError(f"teleop.max_speed is {self.max_speed:g}; more than 0 and at most 10 rad/s are allowed")


@TeleoperatorConfig.register_subclass(f"{NAME}_keyboard")
@dataclass(kw_only=True)
class BerkeleyKeyboardConfig(HandSettings):
    """A hand steered by the keys of this terminal."""


@TeleoperatorConfig.register_subclass(f"{NAME}_gamepad")
@dataclass(kw_only=True)
class BerkeleyGamepadConfig(HandSettings):
    """A hand steered by a gamepad."""


class HandTeleoperator(RobotTeleoperator):
    """A hand's velocity becomes targets of its arm; a stop holds where the robot is, until steering is taken up again."""

    device: ClassVar[str] = ""
    config: HandSettings

    def __init__(self, config: HandSettings) -> None:
        super().__init__(config)
        self._jog = HandJog(self.model)
        self._input: TeleopDevice | None = None
        self._q: np.ndarray | None = None
        self._asked, self._held = 0.0, False

    def _open(self) -> None:
        self._input = open_teleop_device(self.device)
        print(self._input.help)

    def get_action(self) -> dict[str, float]:
        self._need_connection()
        now = time.monotonic()
        robot, controls = self._robot(), self._device().poll(now)
        if controls.lost:
            raise DeviceNotConnectedError(f"{self}: the {self.device} has gone; plug it in and start again")
        if controls.command == "damp":
            robot.damp("operator")
            raise RobotError(f"{self}: damped by the operator")
        if self._q is None or controls.command == "stop":
            self._q, self._held = robot.posture(), controls.command == "stop"
        elif controls.command == "steer":
            self._held = False
        if not self._held and controls.hand.any():
            self._steer(SIDES.index(controls.side), controls.hand, min(now - self._asked, LONGEST_STEP))
        self._asked = now
        return self._values(self._q)

    def _steer(self, hand: int, velocity: np.ndarray, dt: float) -> None:
        """Moves the targets by one step of `dt` [s]."""
        model, driven = self.model, self.model.groups[self.config.group] & self.model.others
        if hand < self._jog.hands and self._q is not None:
            speed = self._jog.velocity(hand, self._q, velocity, driven)
            speed *= min(1.0, self.config.max_speed / max(float(np.abs(speed).max()), 1e-9))
            self._q = np.clip(self._q + dt * speed, model.lower, model.upper)

    def _device(self) -> TeleopDevice:
        if self._input is None:
            raise DeviceNotConnectedError(f"{self} is not connected; call connect() first")
        return self._input

    def disconnect(self) -> None:
        super().disconnect()
        device, self._input, self._q, self._held = self._input, None, None, False
        if device is not None:
            device.close()


class BerkeleyKeyboard(HandTeleoperator):
    """Keys; what they do is printed. Without a display LeRobot's own keys read the same terminal: take a gamepad there."""

    config_class = BerkeleyKeyboardConfig
    name, device = f"{NAME}_keyboard", "keyboard"


class BerkeleyGamepad(HandTeleoperator):
    """Right stick and triggers; what they do is printed."""

    config_class = BerkeleyGamepadConfig
    name, device = f"{NAME}_gamepad", "gamepad"
