"""The robot that a run drives: simulated, on the rig, on CAN, or a driver from outside; with its camera and its operator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from arbiter.errors import ConfigError, RobotError
from arbiter.extras import advice
from arbiter.kinds import KindSet, settings_of
from arbiter.plugins import in_time
from arbiter.robot import Robot, RobotModel
from arbiter.strict import Node, Problems
from deploy.drivers.door import DRIVER_DOOR, Depicted, Driver, Seeing, form_problems
from deploy.drivers.sensors.visible import hidden
from deploy.drivers.simulated.simulated_robot import Noise, Scene, SimulatedRobot
from deploy.runtime.config import Loaded, SimulationConfig
from deploy.runtime.doors import check_drivers, through
from deploy.runtime.eyes import Eye, LockstepEye, NoEye, OwnEye, ThreadedEye
from deploy.runtime.tree_check import check_balls, examine

# Encoders and an IMU of the real robot's kind.
SENSOR_NOISE = Noise(joint_pos=0.002, joint_vel=0.05, orientation=0.004, ang_vel=0.02, acceleration=0.05, acceleration_bias=0.05)


def no_beat() -> None:
    """The heartbeat of a robot that nothing supervises."""


@dataclass(slots=True)
class RunRobot:
    """What a run needs of its robot.

    Attributes:
        robot: Its driver, not connected.
        eye: Its head camera.
        observers, notes, closers, sources, beat: See `deploy.runtime.assemble.Assembly`.
        connect: Opens the hardware. Raises RobotError.
    """

    robot: Robot
    eye: Eye
    observers: list[Callable] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    closers: list[Callable[[], None]] = field(default_factory=list)
    sources: list = field(default_factory=list)
    beat: Callable[[], None] = no_beat
    connect: Callable[[], None] = no_beat

    def __post_init__(self) -> None:
        if self.connect is no_beat:
            self.connect = self.robot.connect

    def operated(self, operator: str) -> RunRobot:
        """The same with the operator's device, for a simulated robot."""
        from deploy.operator import open_operator

        source = open_operator(operator)
        if source is not None:
            self.closers.append(source.close)
            self.sources.append(source)
        return self


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asks for; see `deploy.runtime.assemble.assemble`."""

    robot: str = "simulated"
    fast: bool = False
    seed: int = 0
    scene: Scene | None = None
    hardware: str | None = None
    operator: str = "none"
    camera: str = "0"


def open_body(wish: Wish, model: RobotModel, loaded: Loaded) -> RunRobot:
    """The robot of `--robot`. Raises ConfigError or RobotError before anything is opened that could move."""
    if wish.robot == "simulated":
        return _simulated(wish, model, loaded)
    if wish.robot == "rig":
        return _rig(wish, model, loaded)
    if wish.robot == model.name:
        return _real(wish, model)
    found = drivers_of(loaded)
    if wish.robot in found.kinds:
        return _from_outside(found.kinds[wish.robot], wish, model, loaded)
    drivers = "".join(f", {name}" for name in found.kinds)
    left_out = "".join(f"; {line}" for line in found.problems)
    raise ConfigError(
        f"--robot {wish.robot}: allowed are simulated, rig, the folder of a robot (with its robot.yaml), the robot of the tree "
        f"file, {model.name}{drivers}{left_out}; an installed robot is named with --set robot={wish.robot}"
    )


def _simulated(wish: Wish, model: RobotModel, loaded: Loaded) -> RunRobot:
    config = loaded.config.simulation
    robot = SimulatedRobot(
        replace(model, creep=config.creep),
        seed=wish.seed,
        scene=scene_of(wish, loaded),
        noise=SENSOR_NOISE if config.noise else Noise(),
        battery=config.battery,
        drain=config.battery_drain,
        physics_dt=config.physics_dt,
        motor_hz=config.motor_hz,
    )
    return RunRobot(robot, *eye_of(robot, config.camera_hz, wish.fast), hidden(robot.mj_model)).operated(wish.operator)


def scene_of(wish: Wish, loaded: Loaded) -> Scene | None:
    """The surroundings of a simulated body; None: as they are without a word. Raises ConfigError with everything that is wrong
    with the file when its balls are."""
    balls, problems = loaded.config.simulation.balls, Problems()
    check_balls(loaded, problems)
    if problems.lines:
        problems = Problems()
        examine(loaded, problems)
        raise problems.error()
    return wish.scene or (Scene(balls=dict(balls)) if balls else None)


def _rig(wish: Wish, model: RobotModel, loaded: Loaded) -> RunRobot:
    hardware, config = _hardware("rig"), loaded.config.simulation
    if (config.battery, config.battery_drain) != (1.0, 0.0):
        raise ConfigError(
            "simulation.battery: on the rig the motors tell their supply; set it with --fault, such as "
            "leg_left_knee_pitch_joint:voltage=20.5"
        )
    for key in ("noise", "motor_hz"):
        if getattr(config, key) != getattr(SimulationConfig(), key):
            raise ConfigError(f"simulation.{key}: the motors and the IMU of the rig have their own; leave it out there")
    model = replace(model, creep=config.creep)  # its body stands on the simulated floor
    found = hardware.open_rig(model, config.faults, wish.seed, scene_of(wish, loaded), config.physics_dt)
    return RunRobot(found.robot, *eye_of(found.robot, config.camera_hz, wish.fast), [found.table]).operated(wish.operator)


def _real(wish: Wish, model: RobotModel) -> RunRobot:
    hardware = _hardware(wish.robot)
    if wish.fast:
        raise ConfigError(f"--fast needs a simulated body; --robot {wish.robot} runs in real time")
    source = hardware.config_of(wish.camera)
    found = hardware.open_real(model, source, wish.hardware, wish.operator)
    eye = hardware.open_camera(source)
    return RunRobot(found.robot, eye, [], [found.table], found.closers, found.sources, found.beat)


def _hardware(robot: str):
    try:
        from deploy.runtime import hardware
    except ImportError as error:
        raise ConfigError(f"--robot {robot} needs {advice('robot')} ({error})") from error
    return hardware


def _from_outside(kind: type[Driver], wish: Wish, model: RobotModel, loaded: Loaded) -> RunRobot:
    """The robot of a driver plug-in: slow calls are guarded and have a time limit; its pre-flight has passed."""
    from deploy.runtime.preflight import preflight

    if wish.fast and not kind.lockstep:
        raise ConfigError(f"--fast needs a driver whose step() lets time pass; {kind.name} runs in real time")
    if wish.hardware:
        raise ConfigError(
            f"--hardware {wish.hardware}: the driver {kind.name} takes drivers.settings.{kind.name} of the tree file"
        )
    robot = open_driver(kind, model, loaded)
    report = preflight(robot, machine=not kind.lockstep, patience=kind.patience)
    if not report.ok:
        raise RobotError(f"driver {kind.name}: pre-flight failed, motion is not armed:\n{report.table()}")

    def connect() -> None:
        _, error = in_time(robot.connect, kind.patience, "not connected")
        if error:
            raise RobotError(f"driver {kind.name}: {error}")

    body = RunRobot(robot, *eye_of(robot, loaded.config.simulation.camera_hz, wish.fast), [report.table()], connect=connect)
    return body.operated(wish.operator)


def open_driver(kind: type[Driver], model: RobotModel, loaded: Loaded) -> Robot:
    """The robot behind a driver from outside, with the settings of the tree file. Raises ConfigError or RobotError."""
    problems = Problems()
    check_drivers(loaded, problems)
    problems.raise_if_any()
    node = loaded.config.drivers.settings.get(kind.name, Node({}, str(loaded.path), 1))
    settings = settings_of(kind, node, problems, f"drivers.settings.{kind.name}")
    problems.raise_if_any()
    robot, error = in_time(lambda: kind().open(model, settings), kind.patience, "not opened")
    wrong = error or "; ".join(form_problems(robot))
    if robot is None or wrong:
        raise RobotError(f"driver {kind.name}: {wrong}")
    return robot


def drivers_of(loaded: Loaded) -> KindSet:
    """Drivers from outside that a tree file may use."""
    return through(DRIVER_DOOR, loaded, "drivers", loaded.config.drivers)


def eye_of(robot: Robot, hz: float, fast: bool) -> tuple[Eye, list[Callable]]:
    """The head camera of a robot, and the observers that it needs."""
    if isinstance(robot, Seeing):
        return OwnEye(robot.picture), []
    if not isinstance(robot, Depicted) or not robot.head_camera:
        return NoEye(), []
    if fast:
        return LockstepEye(robot, hz), []
    eye = ThreadedEye(robot, hz)
    return eye, [eye.observe]
