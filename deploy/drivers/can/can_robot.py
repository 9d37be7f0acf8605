"""The real robot behind the driver protocol: four CAN buses, 22 motors, an IMU.

`read` and `write` meet the 250 Hz command cycle through latest-value slots; neither waits. The motors start in damping, are
armed by the mode of a SafeCommand (RUN, HOLD, SETTLE), and once damped for a fault stay so until `clear_faults`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from arbiter.errors import RobotError
from arbiter.robot import RobotModel
from arbiter.safety import is_safe
from arbiter.types import RobotState, SafeCommand, frozen
from deploy.drivers.can.bus import BusPort, HostWire, open_bus
from deploy.drivers.can.bus_cycle import BusCycle, MotorCommand
from deploy.drivers.can.calibration import Calibration, load_calibration
from deploy.drivers.can.can_preflight import check_hardware
from deploy.drivers.can.cycle import Cycle
from deploy.drivers.can.cycle_thread import CycleThread, CycleTiming
from deploy.drivers.can.hardware_file import BusConfig, HardwareConfig, calibration_path, load_hardware
from deploy.drivers.can.motor import Motor
from deploy.drivers.can.motor_protocol import MotorMode
from deploy.drivers.can.motor_units import ToMotors, charge
from deploy.drivers.can.startup import prepare_all
from deploy.drivers.checks import Check
from deploy.drivers.sensors.imu import Imu, ImuSample, ImuThread, mean_acceleration, mean_ang_vel, open_imu
from deploy.robots.description import load_model

FIRST_ROUNDS = 50  # rounds within which every motor should have answered
STILL = 0.2  # [rad/s]: slower joints may be let go
LET_GO_ROUNDS = 250  # rounds of damping at most before the motors are left
FIRST_READING = 1.0  # [s] within which the IMU must speak


class CanRobot:
    """A robot on CAN. `open_robot` makes one from its description.

    Args:
        model, hardware, calibration: Figures, wiring, joint offsets.
        imu: An opened IMU, None for a robot without.
        bus_opener: Opens a bus.
        clock: Monotonic seconds.
        wait: Lets time pass while starting.
        supervisor: What there is to say of the supervisor at a time [s]: "", "supervisor damped" or "supervisor gone".
        closing: Called before the motors are let go: no more ticks will come.
    """

    def __init__(
        self,
        model: RobotModel,
        hardware: HardwareConfig,
        calibration: Calibration,
        imu: Imu | None = None,
        *,
        bus_opener: Callable[[BusConfig], HostWire] = open_bus,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
        supervisor: Callable[[float], str] = lambda now: "",
        closing: Callable[[], None] = lambda: None,
    ):
        hardware.check(model)
        self.model, self.hardware, self.calibration, self.imu = model, hardware, calibration, imu
        self.open_bus, self.clock, self.wait, self._supervisor = bus_opener, clock, wait, supervisor
        self._closing = closing
        self.period = 1.0 / model.motor_hz
        self.ports: dict[str, BusPort] = {}
        self.cycle: Cycle | None = None
        self._thread: CycleThread | None = None
        self._imu_thread: ImuThread | None = None
        self._motors = ToMotors(model, hardware.limits.velocity_feedforward)
        self._sample: ImuSample | None = None  # of the last reading
        self._means = frozen(np.zeros(3)), frozen(np.zeros(3))  # until then: see _means_until

    @property
    def running_cycle(self) -> Cycle:
        """The command cycle. Raises RobotError before `connect` and after `close`."""
        if self.cycle is None:
            raise RobotError(f"{self.model.name}: not connected; call connect() first")
        return self.cycle

    # The driver protocol

    def connect(self) -> None:
        """Opens everything and brings every motor into damping with its limits written. Raises RobotError."""
        if self.cycle is not None:
            return
        try:
            for bus in self.hardware.buses:
                self.ports[bus.name] = BusPort(bus.name, self.open_bus(bus))
            self._start_imu()
            prepare_all(self.hardware, self.model, self.calibration, self.ports, self.wait, self.clock)
        except RobotError:
            self._release()
            raise
        cycle = self.cycle = self._make_cycle()
        self._start_cycle()
        for _ in range(FIRST_ROUNDS):
            if np.isfinite(cycle.snapshot.answered).all():
                return
            self.wait(self.period)

    def read(self, now: float) -> RobotState:
        """The newest state. Ages are upper bounds: a joint's counts from when it was asked, not when it answered."""
        if self.cycle is None:
            raise RobotError(f"{self.model.name}: read before connect(); call connect() first")
        snapshot, clock = self.cycle.snapshot, self.clock()
        sample = self.imu.sample if self.imu else None
        acceleration, turning = (None, None) if sample is None else self._means_until(sample)
        faults = snapshot.faults
        if self._thread is not None and not self._thread.alive:
            faults += ("can: cycle stopped",)
        return RobotState(
            stamp=now,
            joint_pos=frozen(self.calibration.to_joint(snapshot.position)),
            joint_vel=frozen(snapshot.velocity * self.calibration.direction),
            base_quat=sample.quat if sample else frozen((1.0, 0.0, 0.0, 0.0)),
            base_ang_vel=sample.ang_vel if sample else frozen(np.zeros(3)),
            joint_age=frozen(clock - snapshot.answered),
            imu_age=self.imu.age(clock) if self.imu else math.inf,
            battery=charge(snapshot.voltage),
            faults=faults,
            acceleration=acceleration,
            mean_ang_vel=turning,
        )

    def _means_until(self, sample: ImuSample) -> tuple[np.ndarray, np.ndarray | None]:
        """Acceleration [m/s²] and angular velocity [rad/s] since the last reading, shape (3,); None: not known."""
        if sample is not self._sample:
            self._means = mean_acceleration(sample, self._sample), mean_ang_vel(sample, self._sample)
            self._sample = sample
        return self._means

    def write(self, command: SafeCommand) -> None:
        """Takes the command that holds until the next one, or until it is too old. Raises RobotError if it is not safe."""
        if self.cycle is None:
            raise RobotError(f"{self.model.name}: written to before connect(); call connect() first")
        if not is_safe(command):
            raise RobotError(
                f"{self.model.name}: {type(command).__name__} did not come from the safety layer; "
                "only arbiter.safety makes commands"
            )
        self.cycle.command = self._motors(command, self.calibration, self.clock())

    def step(self, dt: float) -> None:
        """Nothing: the real robot's time passes by itself."""

    def close(self) -> None:
        """Damps until the joints are still, lets go (IDLE), and releases the hardware. May be called twice."""
        if self.cycle is not None:
            self._closing()
            self._let_go()
        self._release()

    # Beyond the protocol

    def preflight(self) -> list[Check]:
        """Looks at everything; makes no torque; leaves the motors in IDLE."""
        return check_hardware(self)

    def clear_faults(self) -> None:
        """The operator's reset: latched faults are forgotten, and motion must be armed anew."""
        if self.cycle is not None:
            self.cycle.reset()

    def damp(self, why: str) -> None:
        """Damps every motor from the next round of the cycle on, without the tick, for which it would be too late. Latched, as
        a fault that the driver finds by itself."""
        for _ in range(3):  # the cycle's thread, which looks for faults of its own, may just be writing its own finding there
            if self.cycle is not None:
                self.cycle.damped_by = why
            self.wait(self.period)

    @property
    def damped_by(self) -> str:
        """The fault that this driver damped for by itself, "" if none."""
        return self.cycle.damped_by if self.cycle else ""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is not right but needs no reaction."""
        return self.cycle.snapshot.warnings if self.cycle else ()

    @property
    def torque(self) -> np.ndarray:
        """Torques that the motors report [N·m], shape (n,), joint coordinates; each is read every 40 cycles."""
        return frozen(self.running_cycle.snapshot.torque * self.calibration.direction)

    @property
    def pace(self) -> CycleTiming | None:
        """How well the command cycle keeps time; None in lockstep."""
        return self._thread.pace if self._thread else None

    # Start and stop

    def _start_imu(self) -> None:
        if self.imu is None:
            return
        if self.wait is time.sleep:
            self._imu_thread = ImuThread(self.imu, self.clock)
            self._imu_thread.start()
        for _ in range(round(FIRST_READING / 0.01)):
            if self.imu.sample is not None:
                return
            self.wait(0.01)
        place = "the IMU" if self.hardware.imu is None else self.hardware.imu.port
        raise RobotError(
            f"imu: no reading from {place} within {FIRST_READING:g} s "
            f"({self.imu.count.frames} frames, {self.imu.count.skipped} bytes skipped); "
            "check its cable and baud rate"
        )

    def _make_cycle(self) -> Cycle:
        others = self.model.others
        wiring = self.hardware.motor_of(self.model)
        motors = [Motor(m.joint, m.id, i, bool(others[i]), float(self.model.effort[i])) for i, m in enumerate(wiring)]
        buses = []
        for place, (name, port) in enumerate(self.ports.items()):
            port.clear()
            mine = [motor for motor, at in zip(motors, wiring, strict=True) if at.bus == name]
            if mine:
                buses.append(BusCycle(port, mine, self.hardware.limits, self.period, place, len(self.ports)))
        return Cycle(buses, self.model.n, self.hardware.limits)

    def _start_cycle(self) -> None:
        self._thread = CycleThread(self.running_cycle, self.period, self._look_around, self.clock)
        self._thread.start()

    def _look_around(self, now: float) -> None:
        """Before each round: faults of the other drivers."""
        lines = []
        if self.imu is not None and (fault := self.imu.fault(now)):
            lines.append(f"imu: {fault}")
        if word := self._supervisor(now):
            lines.append(f"supervisor: {word}")
        self.running_cycle.external = tuple(lines)

    def _let_go(self) -> None:
        """Stop in order: DAMPING until the joints are still, then IDLE."""
        if self._thread is not None:
            self._thread.stop()
        cycle, zero = self.running_cycle, [0.0] * self.model.n
        for mode, rounds in ((MotorMode.DAMPING, LET_GO_ROUNDS), (MotorMode.IDLE, 3)):
            cycle.command = MotorCommand(self.clock(), mode, zero, zero, zero, zero)
            for k in range(rounds):
                cycle.round(self.clock())
                self.wait(self.period)
                if mode == MotorMode.DAMPING and k > 3 and np.abs(cycle.snapshot.velocity).max() < STILL:
                    break
            else:
                if mode == MotorMode.DAMPING:
                    return  # still moving: their watchdogs keep them damped

    def _release(self) -> None:
        if self._imu_thread is not None:
            self._imu_thread.stop()
            self._imu_thread = None
        for port in self.ports.values():
            port.close()
        if self.imu is not None:
            self.imu.close()
        self.ports = {}
        self.cycle = self._thread = None


def open_robot(
    robot: str = "berkeley_humanoid_lite",
    hardware: HardwareConfig | None = None,
    supervisor: Callable[[float], str] = lambda now: "",
    closing: Callable[[], None] = lambda: None,
) -> CanRobot:
    """The real robot by the name of its description, not yet connected. Raises ConfigError or RobotError."""
    model = load_model(robot)
    hardware = hardware or load_hardware(robot)
    calibration = load_calibration(calibration_path(hardware, robot), model, hardware.directions(model))
    imu = open_imu(hardware.imu) if hardware.imu else None
    return CanRobot(replace(model, creep=calibration.creep), hardware, calibration, imu, supervisor=supervisor, closing=closing)
