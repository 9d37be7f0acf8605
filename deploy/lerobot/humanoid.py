"""LeRobot's robot interface in front of this project's drivers and safety layer.

    lerobot-record --robot.type=berkeley_humanoid_lite --robot.id=one --robot.armed=true ...
    lerobot-teleoperate --robot.type=berkeley_humanoid_lite --robot.rig=true --robot.armed=true ...

Actions are joint position targets [rad]; every one passes the safety layer. The robot hangs in its harness or stands on a
stand: no policy balances it here. What is observed has the form of this project's demonstrations: positions, then velocities,
and the head camera; policies trained on either run on either.
"""

from __future__ import annotations

import logging
import weakref
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np
from lerobot.cameras import CameraConfig, make_cameras_from_configs
from lerobot.robots import Robot, RobotConfig
from lerobot.utils.errors import DeviceAlreadyConnectedError, DeviceNotConnectedError

from arbiter.errors import ConfigError, RobotError
from deploy import rig
from deploy.drivers.can.can_robot import CanRobot, open_robot
from deploy.drivers.can.hardware_file import load_hardware
from deploy.drivers.door import Depicted
from deploy.lerobot import head_camera
from deploy.lerobot.guest_loop import GuestLoop
from deploy.lerobot.head_camera import HeadCamera, RigEye
from deploy.robots.description import load_model
from deploy.runtime.preflight import preflight

NAME = "berkeley_humanoid_lite"
log = logging.getLogger(__name__)


@RobotConfig.register_subclass(NAME)
@dataclass(kw_only=True)
class BerkeleyHumanoidLiteConfig(RobotConfig):
    """Settings.

    Attributes:
        robot: Name of the robot description, or its folder.
        group: Joints that actions drive: a joint group that is not of the legs alone; the others keep their posture.
        armed: False: the motors only damp, actions are ignored: for recording a robot that is led by hand.
        rig: A simulated robot behind the same drivers.
        bench: The earlier name of `rig`.
        rig_body: "mujoco" (the whole body in its harness) or "joints" (each joint on its own): what moves on the rig.
        hardware: Another hardware file than the robot's own.
        max_speed: Speed of a target [rad/s].
        head_camera: Where the pictures `head_camera` come from: "rig" (the rig's own), a device's number or path, an address,
            "none"; "auto": the rig's own on the rig, none on the robot.
        velocities: Whether joint velocities are observed, too.
        cameras: LeRobot cameras by name, beside it.
    """

    robot: str = NAME
    group: str = "arms"
    armed: bool = False
    rig: bool = False
    bench: bool = False
    rig_body: str = "mujoco"
    hardware: str = ""
    max_speed: float = 2.0
    head_camera: str = head_camera.AUTO
    velocities: bool = True
    cameras: dict[str, CameraConfig] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.rig = self.rig or self.bench
        model = load_model(self.robot)
        allowed = [name for name, mask in model.groups.items() if (mask & model.others).any()]
        if self.group not in allowed:
            raise ConfigError(f"robot.group is {self.group!r}; allowed: {', '.join(allowed)}")
        most = float(model.velocity[model.groups[self.group] & model.others].min())
        if not 0.0 < self.max_speed <= most:
            raise ConfigError(f"robot.max_speed is {self.max_speed:g}; more than 0 and at most {most:g} rad/s are allowed")
        self.head_camera = head_camera.source_of(self.head_camera, self.rig, self.rig_body)
        if self.head_camera != head_camera.NONE and head_camera.NAME in self.cameras:
            raise ConfigError(f"robot.cameras has a {head_camera.NAME}, too; leave it out, or say robot.head_camera=none")


class BerkeleyHumanoidLite(Robot):
    """See the module. Actions are "<joint>.pos" [rad] for each joint of the group; observed are the same, then "<joint>.vel"
    [rad/s], and the cameras.

    Attributes:
        connected: The robots of this process that are connected. LeRobot makes robot and teleoperator apart from each other: the
            teleoperators that follow a robot find it here.
    """

    config_class = BerkeleyHumanoidLiteConfig
    name = NAME
    connected: ClassVar[weakref.WeakSet[BerkeleyHumanoidLite]] = weakref.WeakSet()

    def __init__(self, config: BerkeleyHumanoidLiteConfig) -> None:
        super().__init__(config)
        self.config = config
        self.model = load_model(config.robot)
        self._driven = self.model.groups[config.group]
        self._index = {f"{joint}.pos": i for i, joint in enumerate(self.model.joints) if self._driven[i]}
        self._robot: CanRobot | None = None
        self._loop: GuestLoop | None = None
        self.cameras = make_cameras_from_configs(config.cameras)
        if config.head_camera != head_camera.NONE:
            self.cameras[head_camera.NAME] = HeadCamera(config.head_camera)

    @cached_property
    def action_features(self) -> dict[str, type]:
        return dict.fromkeys(self._index, float)

    @cached_property
    def observation_features(self) -> dict[str, type | tuple]:
        velocities = {f"{name.removesuffix('.pos')}.vel": float for name in self._index if self.config.velocities}
        pictures = {name: (camera.height, camera.width, 3) for name, camera in self.cameras.items()}
        return {**self.action_features, **velocities, **pictures}

    @property
    def is_connected(self) -> bool:
        return self._loop is not None

    @property
    def is_calibrated(self) -> bool:
        """The calibration file is this project's; without one `connect` says how to make it."""
        return True

    def calibrate(self) -> None:
        log.info("joint offsets are measured with `python -m deploy.calibrate`")

    def configure(self) -> None:
        """Limits, gains and watchdogs are written by `connect`."""

    def connect(self, calibrate: bool = True) -> None:
        """Pre-flight if motion is asked for, then the drivers, the loop and the cameras. Raises RobotError with the way out."""
        if self.is_connected:
            raise DeviceAlreadyConnectedError(f"{self} is connected already")
        config = self.config
        robot = (
            rig.start(config.robot, body=config.rig_body)
            if config.rig
            else open_robot(config.robot, load_hardware(config.robot, config.hardware or None))
        )
        loop = None
        try:
            if config.armed:
                report = preflight(robot, machine=False)
                if not report.ok:
                    raise RobotError(f"{self}: pre-flight failed:\n{report.table()}")
            robot.connect()
            eye = RigEye(robot) if config.head_camera == head_camera.RIG and isinstance(robot, Depicted) else None
            loop = GuestLoop(robot, config.max_speed, self._driven, eye.note if eye is not None else nothing)
            loop.start()
            if config.armed:
                loop.arm()
            for camera in self.cameras.values():
                camera.connect(eye) if isinstance(camera, HeadCamera) else camera.connect()
        except BaseException:  # whatever happens, motors are damped before it goes on
            if loop is not None:
                loop.close()
            robot.close()
            for camera in self.cameras.values():
                if camera.is_connected:
                    camera.disconnect()
            raise
        self._robot, self._loop = robot, loop
        self.connected.add(self)

    def get_observation(self) -> dict:
        self._need_connection()
        state = self._loop.state
        self._need_health()
        observation = {name: float(state.joint_pos[i]) for name, i in self._index.items()}
        if self.config.velocities:
            observation |= {f"{name.removesuffix('.pos')}.vel": float(state.joint_vel[i]) for name, i in self._index.items()}
        for name, camera in self.cameras.items():
            observation[name] = camera.read_latest()
        return observation

    def send_action(self, action: dict) -> dict:
        """Sets the target. Returns it as set: clamped to the joints' ranges; the measured posture while not armed."""
        self._need_connection()
        missing = self._index.keys() - action.keys()
        if missing:
            raise RobotError(f"{self}: action without {', '.join(sorted(missing))}; it needs one value for each driven joint")
        self._need_health()
        if not self.config.armed:
            return {name: float(self._loop.state.joint_pos[i]) for name, i in self._index.items()}
        q = self._loop.state.joint_pos.copy()
        for name, i in self._index.items():
            q[i] = np.clip(float(action[name]), self.model.lower[i], self.model.upper[i])
        self._loop.aim(q)
        return {name: float(q[i]) for name, i in self._index.items()}

    def posture(self) -> np.ndarray:
        """Measured joint positions [rad], shape (n,), robot order."""
        self._need_connection()
        self._need_health()
        return self._loop.state.joint_pos.copy()

    def damp(self, reason: str) -> None:
        """The motors damp, for good: what is asked of it from now on is an error."""
        self._need_connection()
        self._loop.damp(reason)

    def disconnect(self) -> None:
        self._need_connection()
        self.connected.discard(self)
        loop, robot, self._loop, self._robot = self._loop, self._robot, None, None
        loop.close()
        robot.close()
        for camera in self.cameras.values():
            if camera.is_connected:
                camera.disconnect()

    def _need_health(self) -> None:
        """Raises RobotError if the loop has stopped, so that stale readings are not recorded."""
        if self._loop.fault:
            raise RobotError(f"{self}: stopped: {self._loop.fault}; mend it and connect again")

    def _need_connection(self) -> None:
        if not self.is_connected:
            raise DeviceNotConnectedError(f"{self} is not connected; call connect() first")


def nothing() -> None:
    """Nobody looks."""
