"""A simulated motor controller: protocol, modes, limits and watchdog of the real one, and faults on demand.

It behaves as the published source of firmware 0x20250226 does, and the pre-flight check verifies the watchdog on the robot.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

import numpy as np

from deploy.drivers.can import motor_protocol
from deploy.drivers.can.motor_protocol import Frame, Function, MotorError, MotorMode, MotorParameter

# Settings as the motors come: no position limits, no gains of ours.
DEFAULTS: dict[MotorParameter, float | int] = {
    MotorParameter.FIRMWARE_VERSION: motor_protocol.FIRMWARE,
    MotorParameter.WATCHDOG_TIMEOUT: 1000,
    MotorParameter.FAST_FRAME_FREQUENCY: 0,
    MotorParameter.MODE: int(MotorMode.IDLE),
    MotorParameter.ERROR: 0,
    MotorParameter.GEAR_RATIO: -15.0,
    MotorParameter.POSITION_KP: 0.0,
    MotorParameter.POSITION_KI: 0.0,
    MotorParameter.VELOCITY_KP: 0.0,
    MotorParameter.VELOCITY_KI: 0.0,
    MotorParameter.TORQUE_LIMIT: 1.0,
    MotorParameter.VELOCITY_LIMIT: 20.0,
    MotorParameter.POSITION_LIMIT_LOWER: -math.inf,
    MotorParameter.POSITION_LIMIT_UPPER: math.inf,
    MotorParameter.POSITION_OFFSET: 0.0,
    MotorParameter.TORQUE_MEASURED: 0.0,
    MotorParameter.VELOCITY_MEASURED: 0.0,
    MotorParameter.POSITION_MEASURED: 0.0,
    MotorParameter.CURRENT_LIMIT: 20.0,
    MotorParameter.BUS_VOLTAGE_MEASURED: 24.0,
    MotorParameter.MOTOR_TORQUE_CONSTANT: 0.0919,
}
READ_ONLY = {
    MotorParameter.FIRMWARE_VERSION,
    MotorParameter.TORQUE_MEASURED,
    MotorParameter.VELOCITY_MEASURED,
    MotorParameter.POSITION_MEASURED,
    MotorParameter.BUS_VOLTAGE_MEASURED,
}
STORED = set(DEFAULTS) - READ_ONLY - {MotorParameter.MODE, MotorParameter.ERROR}
WITHOUT_TORQUE = (MotorMode.DISABLED, MotorMode.IDLE, MotorMode.CALIBRATION)
FEEDING = (Function.HEARTBEAT, Function.RECEIVE_PDO_1, Function.RECEIVE_PDO_2, Function.RECEIVE_PDO_3)  # the watchdog
SDO_DOWNLOAD, SDO_UPLOAD = 1, 2  # upper three bits of an SDO's first byte
PARAMETERS_END = 0x348
DAMPING_KD = 1.0  # [N·m·s/rad] of the shorted windings in DAMPING


@dataclass(slots=True)
class Disturbance:
    """Injected defects of a motor.

    Attributes:
        silent: It does not answer.
        twice: It answers twice: a second motor with its id hangs on the bus.
        answers_as: Another id that it answers under, None for its own.
        position_noise, velocity_noise: Standard deviations [rad], [rad/s].
        not_a_number: It reports nan.
        deaf_settings: Writes do not take.
    """

    silent: bool = False
    twice: bool = False
    answers_as: int | None = None
    position_noise: float = 0.0
    velocity_noise: float = 0.0
    not_a_number: bool = False
    deaf_settings: bool = False


class SimulatedMotor:
    """One motor controller. Time and the joint's motion come in as arguments; frames go in and out.

    Attributes:
        values: Every parameter's value, but for the measured position and velocity:
        position, velocity: What the encoder sees now [rad], [rad/s].
        position_target, velocity_target: Of the last PDO 2 [rad], [rad/s].
        fed: When its watchdog's timer was last restarted [s].
        period: Of that timer [s]: WATCHDOG_TIMEOUT as it was when the motor was switched on. Writing the parameter
            changes the timer only once the settings are stored and the motor is switched off and on.
        reports: Whether it reports a new error bit by itself. Firmware 0x20250226 does not: the host has to ask.
        disturbance: Its injected defects.
    """

    def __init__(self, device: int, noise: np.random.Generator | None = None, watchdog_ms: int = 1000):
        self.device = device
        self.flash = {parameter: DEFAULTS[parameter] for parameter in STORED} | {MotorParameter.WATCHDOG_TIMEOUT: watchdog_ms}
        self.reports = False
        self.position = self.velocity = 0.0
        self.disturbance = Disturbance()
        self._noise = noise or np.random.default_rng(device)
        self._outbox: list[Frame] = []
        self.switch_on(0.0)

    def switch_on(self, now: float) -> None:
        """Power is switched on at `now` [s]: settings are read from flash, no torque."""
        self.values = dict(DEFAULTS) | {MotorParameter.DEVICE_ID: self.device} | self.flash
        self.position_target = self.velocity_target = 0.0
        self.fed, self.period = now, self.values[MotorParameter.WATCHDOG_TIMEOUT] / 1000.0
        self._outbox.clear()

    @property
    def mode(self) -> int:
        return int(self.values[MotorParameter.MODE])

    @property
    def errors(self) -> int:
        return int(self.values[MotorParameter.ERROR])

    def raise_error(self, bits: int) -> None:
        """Sets error bits."""
        new = bits & ~self.errors
        self.values[MotorParameter.ERROR] = self.errors | bits
        if new and self.reports:
            self._outbox.append(motor_protocol.error_report(self.device, self.errors))

    def suffer(self, kind: str, value: float, on: bool) -> None:
        """An injected fault: "error" bits, a supply "voltage" [V], or a "mode" that it changes to."""
        if kind == "voltage":
            self.values[MotorParameter.BUS_VOLTAGE_MEASURED] = value if on else DEFAULTS[MotorParameter.BUS_VOLTAGE_MEASURED]
        elif kind == "mode" and on:
            self.values[MotorParameter.MODE] = int(value)
        elif kind == "error" and on:
            self.raise_error(int(value))
        elif kind == "error":
            self.values[MotorParameter.ERROR] = self.errors & ~int(value)

    def step(self, now: float, position: float, velocity: float) -> float:
        """The torque [N·m] that the motor puts on its joint while it is at `position` and `velocity`, motor coordinates."""
        values = self.values
        self.position, self.velocity = position, velocity
        self.watch(now)
        mode = values[MotorParameter.MODE]
        torque = 0.0
        if mode == MotorMode.POSITION:
            lower, upper = values[MotorParameter.POSITION_LIMIT_LOWER], values[MotorParameter.POSITION_LIMIT_UPPER]
            target = min(max(self.position_target, lower), upper)
            torque = values[MotorParameter.POSITION_KP] * (target - position)
            torque += values[MotorParameter.VELOCITY_KP] * (self.velocity_target - velocity)
        elif mode == MotorMode.DAMPING:
            torque = -DAMPING_KD * velocity
        limit = values[MotorParameter.TORQUE_LIMIT]
        torque = min(max(torque, -limit), limit)
        values[MotorParameter.TORQUE_MEASURED] = torque
        return torque

    def watch(self, now: float) -> None:
        """The watchdog: a timer that the host's frames restart, and that is periodic without them."""
        if now - self.fed <= self.period:
            return
        self.fed += self.period * ((now - self.fed) // self.period)
        if self.values[MotorParameter.MODE] not in WITHOUT_TORQUE:
            self.raise_error(MotorError.WATCHDOG_TIMEOUT)
            self.values[MotorParameter.MODE] = int(MotorMode.DAMPING)

    def handle(self, frame: Frame, now: float) -> None:
        """Takes a frame from the host; answers wait for `take_frames`."""
        if frame.device != self.device or self.disturbance.silent:
            return
        function, data = frame.function, frame.data
        if function in FEEDING:
            self.fed = now
        if function == Function.RECEIVE_PDO_2 and len(data) == 8:
            self.position_target, self.velocity_target = motor_protocol.unpack_pair(data)
            self._answer(Function.TRANSMIT_PDO_2, self._measured())
        elif function == Function.NMT:
            self._nmt(data)
        elif function == Function.RECEIVE_SDO:
            self._sdo(data)
        elif function == Function.RECEIVE_PDO_1:
            self._answer(Function.TRANSMIT_PDO_1, data.ljust(8, b"\0"))
        elif function == Function.FLASH and data[:1] == b"\x01":
            self.flash = {parameter: self.values[parameter] for parameter in STORED}
        elif function == Function.FLASH and data[:1] == b"\x02":
            self.values.update(self.flash)

    def take_frames(self) -> list[Frame]:
        """The frames that it has sent since the last call."""
        frames, self._outbox = self._outbox, []
        return [] if self.disturbance.silent else frames

    def _measured(self) -> bytes:
        wrong = self.disturbance
        if wrong.not_a_number:
            return struct.pack("<ff", math.nan, math.nan)
        position, velocity = self.position, self.velocity
        if wrong.position_noise:
            position += wrong.position_noise * self._noise.standard_normal()
        if wrong.velocity_noise:
            velocity += wrong.velocity_noise * self._noise.standard_normal()
        return struct.pack("<ff", position, velocity)

    def _answer(self, function: Function, data: bytes) -> None:
        frame = Frame(motor_protocol.identifier(function, self.disturbance.answers_as or self.device), data)
        self._outbox += [frame, frame] if self.disturbance.twice else [frame]

    def _nmt(self, data: bytes) -> None:
        """A change of mode. From DISABLED only IDLE can follow."""
        if not data:
            self.raise_error(MotorError.CAN_RX_FAULT)
        if len(data) < 2 or data[1] != self.device or data[0] == self.mode:
            return
        mode = data[0]
        known = mode in iter(MotorMode) and (self.mode != MotorMode.DISABLED or mode in WITHOUT_TORQUE)
        self.values[MotorParameter.MODE] = mode if known else int(MotorMode.IDLE)
        if not known:
            self.raise_error(MotorError.INVALID_MODE)

    def _sdo(self, data: bytes) -> None:
        address = int.from_bytes(data[1:3], "little")
        if len(data) < 3 or address >= PARAMETERS_END or data[0] >> 5 not in (SDO_DOWNLOAD, SDO_UPLOAD):
            self.raise_error(MotorError.CAN_RX_FAULT)
            return
        parameter = MotorParameter.at(address)
        if data[0] >> 5 == SDO_UPLOAD:
            self.values[MotorParameter.POSITION_MEASURED], self.values[MotorParameter.VELOCITY_MEASURED] = (
                self.position,
                self.velocity,
            )
            self._answer(Function.TRANSMIT_SDO, parameter.pack(self.values[parameter]) if parameter else bytes(4))
        elif parameter is None or parameter in READ_ONLY or self.disturbance.deaf_settings:
            return
        elif len(data) == 8:
            self.values[parameter] = parameter.unpack(data[4:])
