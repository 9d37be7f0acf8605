"""Motors, IMU and body together, and the list of faults that is injected."""

from __future__ import annotations

import errno
import itertools
import math

import can
import numpy as np

from arbiter.robot import RobotModel
from deploy.drivers.can.calibration import Calibration, nominal
from deploy.drivers.can.hardware_file import BusConfig, HardwareConfig
from deploy.rig.bus_node import BusNode, HostBus, MemoryBus
from deploy.rig.fault_injection import Fault
from deploy.rig.rig_body import JointBody, MujocoBody, RigBody
from deploy.rig.simulated_imu import MemoryPort, SimulatedImu
from deploy.rig.simulated_motor import SimulatedMotor

SWEEP = 6.0  # [s]
_numbers = itertools.count()


class Rig:
    """A robot's hardware, simulated. Time passes in `advance` only.

    Args:
        hardware: Which motor hangs where; its interfaces are not used.
        model: Figures of the robot.
        body: "mujoco" or "joints".
        calibration: The simulated robot's true offsets; None: none.
        faults: What goes wrong when.
        latency: Of a motor's answer [s].
        noise: Standard deviation of measured positions [rad]; velocities get ten times as much.
        watchdog_ms: In the motors' flash; None: what the hardware file asks for.
        options: Passed to the MuJoCo body: scene, hanging, ...

    Attributes:
        time: Seconds since the start. idle: of them, how many the body was held.
        nodes: The buses by name.
        motors: The motors in robot order.
        imu: The simulated IMU; `imu_port` is the host's end of its line.
    """

    def __init__(
        self,
        hardware: HardwareConfig,
        model: RobotModel,
        *,
        body: str = "mujoco",
        calibration: Calibration | None = None,
        faults: tuple[Fault, ...] = (),
        seed: int = 0,
        latency: float = 0.0,
        noise: float = 0.0,
        watchdog_ms: int | None = None,
        **options,
    ):
        self.hardware, self.model, self.faults = hardware, model, faults
        self.calibration = calibration or nominal(hardware.directions(model))
        self.time = self.idle = 0.0
        random = np.random.default_rng(seed)
        wiring = hardware.motor_of(model)
        watchdog_ms = watchdog_ms or hardware.limits.watchdog_ms
        self.motors = [SimulatedMotor(motor.id, np.random.default_rng((seed, i)), watchdog_ms) for i, motor in enumerate(wiring)]
        for motor in self.motors:
            motor.disturbance.position_noise, motor.disturbance.velocity_noise = noise, 10.0 * noise
        self._number = next(_numbers)
        self.nodes = {
            bus.name: BusNode(
                bus.name, [m for m, at in zip(self.motors, wiring, strict=True) if at.bus == bus.name], None, random, latency
            )
            for bus in hardware.buses
        }
        mine, self.imu_port = MemoryPort.pair()
        mounting = hardware.imu.mounting if hardware.imu else (1.0, 0.0, 0.0, 0.0)
        self.imu = SimulatedImu(mine, mounting, hardware.imu.rate_hz if hardware.imu else 200, seed=seed)
        self.body: RigBody = (
            MujocoBody(model, self._torque, seed=seed, **options) if body == "mujoco" else JointBody(model, self._torque)
        )
        self._active: set[Fault] = set()
        self._swept = -math.inf
        self._feel()

    def host_bus(self, config: BusConfig) -> HostBus:
        """Opens the host's end of a bus of this process: python-can's virtual one if `config` says so, else in memory."""
        node = self.nodes[config.name]
        if config.interface == "virtual":
            channel = f"rig-{self._number}-{config.channel or config.name}"
            node.bus = node.bus or can.Bus(interface="virtual", channel=channel)
            return HostBus(node, can.Bus(interface="virtual", channel=channel))
        node.bus, host = MemoryBus.pair()
        return HostBus(node, host)

    def pump(self, ahead: float = 0.0) -> None:
        """Delivers frames `ahead` seconds after the last advance; nothing moves."""
        for node in self.nodes.values():
            node.pump(self.time + ahead)

    def advance(self, dt: float, still: bool = False) -> None:
        """Advances time by `dt` [s]: frames, motors, body, IMU, faults. `still`: the body is held."""
        if not still:
            self._play_faults()
        self.pump()
        if still:
            self.idle += dt
        else:
            self.body.advance(dt)
        self.time += dt
        self._feel()
        self.imu.step(self.time, *self.body.base(), *self.body.felt())

    def switch_off_and_on(self) -> None:
        """Interrupts the motors' supply: each restarts with the settings in its flash."""
        for motor in self.motors:
            motor.switch_on(self.time)

    def sweep(self) -> None:
        """Moves the measured position of every joint from one end to the other, as a hand would: for calibration."""
        self._swept = self.time

    def close(self) -> None:
        for node in self.nodes.values():
            if node.bus is not None:
                node.bus.shutdown()

    def _feel(self) -> None:
        """Updates the encoders from the joints."""
        position, velocity = self.body.joints()
        done = (self.time - self._swept) / SWEEP
        if done <= 1.0:  # slowly from end to end, with a rest at both
            lower, upper = self.model.lower, self.model.upper
            position, velocity = lower + (upper - lower) * min(max(1.2 * done - 0.1, 0.0), 1.0), np.zeros_like(velocity)
        q, dq = self.calibration.to_motor(position).tolist(), (velocity * self.calibration.direction).tolist()
        for i, motor in enumerate(self.motors):
            motor.position, motor.velocity = q[i], dq[i]

    def _torque(self, position: np.ndarray, velocity: np.ndarray, time: float, out: np.ndarray) -> None:
        direction = self.calibration.direction
        q, dq = self.calibration.to_motor(position).tolist(), (velocity * direction).tolist()
        now = self.time
        out[:] = [motor.step(now, q[i], dq[i]) for i, motor in enumerate(self.motors)]
        out *= direction

    def _play_faults(self) -> None:
        for fault in self.faults:
            holds = fault.holds(self.time - self.idle)
            if holds == (fault in self._active):
                continue
            (self._active.add if holds else self._active.discard)(fault)
            self.set_fault(fault, holds)

    def set_fault(self, fault: Fault, on: bool) -> None:
        """Begins or ends a fault."""
        if fault.target == "imu":
            self._set_imu_fault(fault, on)
        elif fault.target in self.nodes:
            self._set_wire_fault(self.nodes[fault.target], fault, on)
        else:
            self._set_motor_fault(self.motors[self.model.index(fault.target)], fault, on)

    def _set_wire_fault(self, node: BusNode, fault: Fault, on: bool) -> None:
        wire = node.wire
        if fault.kind == "drop":
            wire.drop = fault.value if on else 0.0
        elif fault.kind == "delay":
            wire.delay = fault.value if on else 0.0
        elif fault.kind in ("enobufs", "unplug"):
            wire.refuse = (errno.ENOBUFS if fault.kind == "enobufs" else errno.ENODEV) if on else 0
        else:
            wire.error = fault.kind if on else ""

    def _set_motor_fault(self, motor: SimulatedMotor, fault: Fault, on: bool) -> None:
        wrong = motor.disturbance
        if fault.kind == "silent":
            wrong.silent = on
        elif fault.kind == "duplicate_id":
            wrong.twice = on
        elif fault.kind == "wrong_id":
            wrong.answers_as = int(fault.value) if on else None
        elif fault.kind == "nan":
            wrong.not_a_number = on
        elif fault.kind == "deaf":
            wrong.deaf_settings = on
        elif fault.kind == "noise":
            wrong.position_noise = fault.value if on else 0.0
        else:
            motor.suffer(fault.kind, fault.value, on)

    def _set_imu_fault(self, fault: Fault, on: bool) -> None:
        imu = self.imu
        if fault.kind == "silent":
            imu.silent = on
        elif fault.kind == "frozen":
            imu.frozen = on
        elif fault.kind == "corrupt":
            imu.corrupt = fault.value if on else 0.0
        elif fault.kind == "lose_bytes":
            imu.lose = fault.value if on else 0.0
        elif on:
            self.imu_port.close()
