"""Which motor hangs where, and when to stop trusting it: `hardware.yaml` beside a robot's `robot.yaml`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from arbiter import strict
from arbiter.errors import ConfigError
from arbiter.robot import RobotModel
from deploy.robots.description import description_dir, load_model


@dataclass(frozen=True)
class BusConfig:
    """One CAN bus.

    Attributes:
        name: Its name in faults and reports, such as "can0".
        interface: python-can interface: socketcan on the robot; slcan, virtual, socketcand or udp_multicast elsewhere.
        channel: What that interface opens.
        host, port: Of a socketcand server.
    """

    name: str
    interface: str = "socketcan"
    channel: str = ""
    host: str = "127.0.0.1"
    port: int = 0


@dataclass(frozen=True)
class MotorConfig:
    """One motor.

    Attributes:
        joint: Name of the joint it turns.
        bus: Name of its bus.
        id: On that bus, 1 to 127.
        direction: 1 or -1: motor angle = (joint angle + offset) * direction.
    """

    joint: str
    bus: str
    id: int
    direction: int

    def __post_init__(self):
        if self.direction not in (1, -1):
            raise ConfigError(f"motor of {self.joint}: direction is {self.direction}; 1 or -1 is expected")
        if not 1 <= self.id <= 127:
            raise ConfigError(f"motor of {self.joint}: id is {self.id}; 1..127 is allowed")


@dataclass(frozen=True)
class Limits:
    """When a motor's readings are no longer trusted, and what is written into the motors at start.

    Attributes:
        watchdog_ms: The motor damps by itself when it heard nothing for so long [ms].
        position_margin: How far outside a joint's range the position limits of its motor lie [rad].
        velocity: Velocity limit written into the motors, which POSITION mode ignores [rad/s].
        silent_cycles: Unanswered cycles after which a motor counts as silent.
        command_age: Age at which the last command is no longer sent: the motors damp [s].
        loss: Share of replies lost over the last second that is a fault.
        voltage_warn, voltage_low, voltage_high: Supply voltage at which to warn; below and above which is a fault [V].
        gain_writes: Gains written for each bus and cycle while a blend changes them.
        error_reads: Motors of each bus and cycle that are asked for their error bits.
        velocity_feedforward: Share of the command's velocity sent as velocity target; firmware 0x20250226 ignores it.
    """

    watchdog_ms: int = 100
    position_margin: float = 0.05
    velocity: float = 20.0
    silent_cycles: int = 5
    command_age: float = 0.1
    loss: float = 0.05
    voltage_warn: float = 21.0
    voltage_low: float = 19.8
    voltage_high: float = 26.5
    gain_writes: int = 3
    error_reads: int = 6
    velocity_feedforward: float = 0.0

    def __post_init__(self):
        positive = ("watchdog_ms", "velocity", "silent_cycles", "command_age", "gain_writes", "error_reads")
        for name in positive:
            if not getattr(self, name) > 0:
                raise ConfigError(f"limits.{name} is {getattr(self, name)}; more than 0 is needed")
        if not 0.0 <= self.velocity_feedforward <= 1.0:
            raise ConfigError(f"limits.velocity_feedforward is {self.velocity_feedforward}; 0..1 is allowed")
        if not 0.0 < self.voltage_low < self.voltage_warn < self.voltage_high:
            raise ConfigError(
                f"limits: voltages must rise from low ({self.voltage_low}) over warn ({self.voltage_warn}) "
                f"to high ({self.voltage_high})"
            )


@dataclass(frozen=True)
class ImuConfig:
    """The IMU on its serial line.

    Attributes:
        port: Serial device.
        baud: Its speed [bit/s].
        rate_hz: Readings per second [Hz].
        mounting: Quaternion (w, x, y, z) that turns the sensor's axes into the base's.
        max_age: Age at which its reading counts as silent [s].
    """

    port: str = "/dev/imu"
    baud: int = 460800
    rate_hz: int = 200
    mounting: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)
    max_age: float = 0.05


@dataclass(frozen=True)
class HardwareConfig:
    """A robot's hardware.

    Attributes:
        buses: CAN buses.
        motors: One for each joint.
        limits: When motors are no longer trusted, and what is written into them.
        imu: The IMU; not given: there is none.
        calibration: File of the joints' offsets and the creep of the soles, absolute or relative to the robot's folder.
    """

    buses: tuple[BusConfig, ...]
    motors: tuple[MotorConfig, ...]
    limits: Limits = field(default_factory=Limits)
    imu: ImuConfig | None = None
    calibration: str = "calibration.yaml"

    def __post_init__(self):
        names = [bus.name for bus in self.buses]
        for what, values in (
            ("bus", names),
            ("joint", [m.joint for m in self.motors]),
            ("bus and id", [(m.bus, m.id) for m in self.motors]),
        ):
            twice = [value for value, count in Counter(values).items() if count > 1]
            if twice:
                raise ConfigError(f"{what} {twice[0]} stands twice; each is used once")
        for motor in self.motors:
            if motor.bus not in names:
                raise ConfigError(f"motor of {motor.joint}: bus {motor.bus!r} is none of {', '.join(names)}")

    def check(self, model: RobotModel) -> None:
        """Every joint of the model has a motor and the other way round. Raises ConfigError naming the difference."""
        have, want = {motor.joint for motor in self.motors}, set(model.joints)
        if have != want:
            raise ConfigError(
                f"hardware of {model.name}: joints without a motor: {sorted(want - have) or 'none'}; "
                f"motors without a joint: {sorted(have - want) or 'none'}"
            )

    def motor_of(self, model: RobotModel) -> tuple[MotorConfig, ...]:
        """The motors in robot order."""
        by_joint = {motor.joint: motor for motor in self.motors}
        return tuple(by_joint[joint] for joint in model.joints)

    def directions(self, model: RobotModel) -> np.ndarray:
        """Turning directions, +1 or -1, shape (n,), robot order."""
        return np.array([motor.direction for motor in self.motor_of(model)], dtype=np.float64)


def load_hardware(robot: str = "berkeley_humanoid_lite", path: str | Path | None = None) -> HardwareConfig:
    """The hardware of a robot known by name or path, from `path` if given. Raises ConfigError with every problem of the file."""
    path = Path(path) if path else description_dir(robot) / "hardware.yaml"
    if not path.is_file():
        raise ConfigError(f"robot {robot!r}: {path} is missing: without it the robot can only be simulated")
    config = strict.load(HardwareConfig, path)
    config.check(load_model(robot))
    return config


def calibration_path(config: HardwareConfig, robot: str = "berkeley_humanoid_lite") -> Path:
    """Where the calibration file lies."""
    path = Path(config.calibration).expanduser()
    return path if path.is_absolute() else description_dir(robot) / path
