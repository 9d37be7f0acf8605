"""Reads and writes single parameters and waits for the answer: for start-up, pre-flight and calibration, not for the cycle."""

from __future__ import annotations

from collections.abc import Callable

from arbiter.errors import RobotError
from deploy.drivers.can import motor_protocol
from deploy.drivers.can.bus import BusPort
from deploy.drivers.can.motor_protocol import Function, MotorMode, MotorParameter

STEP = 0.001  # [s] between two looks at the bus
TRIES = 3


class SdoClient:
    """Asks the motors of one bus. `wait` lets time pass: time.sleep, or the rig's clock in lockstep. `patience`: looks at
    the bus until an answer counts as lost."""

    def __init__(self, port: BusPort, wait: Callable[[float], None], patience: int = 200):
        self.port, self.wait, self.patience = port, wait, patience

    def send(self, frame: motor_protocol.Frame) -> None:
        if not self.port.send(self.port.message(frame.id, frame.data)):
            raise RobotError(
                f"{self.port.name}: cannot send: {', '.join(sorted(self.port.events))}; "
                "is the adapter plugged in, its interface up, and a powered motor on the bus?"
            )

    def ping(self, device: int) -> bool:
        """Whether a motor answers."""
        self.send(motor_protocol.ping(device))
        data = self._await(motor_protocol.identifier(Function.TRANSMIT_PDO_1, device))
        return data is not None and data[:1] == bytes((motor_protocol.PING,))

    def read(self, device: int, parameter: MotorParameter) -> float | int:
        """The value of a parameter. Raises RobotError if the motor does not answer."""
        for _ in range(TRIES):
            self.port.receive()  # an answer that came too late carries no parameter: drop it
            self.send(motor_protocol.read_parameter(device, parameter))
            data = self._await(motor_protocol.identifier(Function.TRANSMIT_SDO, device))
            if data is not None:
                return parameter.unpack(data)
        raise RobotError(
            f"{self.port.name}: motor {device} does not answer when asked for {parameter.name}; check power, wiring and its id"
        )

    def write(self, device: int, parameter: MotorParameter, value: float) -> None:
        """Writes a parameter and reads it back. Raises RobotError if it does not take."""
        for _ in range(TRIES):
            self.send(motor_protocol.write_parameter(device, parameter, value))
            have = self.read(device, parameter)
            if have == parameter.unpack(parameter.pack(value)):  # as a 32-bit float
                return
        raise RobotError(
            f"{self.port.name}: motor {device} keeps {parameter.name} at {have}, {value} was written; "
            "switch it off and on; check its firmware"
        )

    def measure(self, device: int) -> float:
        """The motor's position [rad], motor coordinates."""
        return float(self.read(device, MotorParameter.POSITION_MEASURED))

    def set_mode(self, device: int, mode: MotorMode) -> None:
        self.send(motor_protocol.set_mode(device, mode))

    def feed(self, device: int) -> None:
        self.send(motor_protocol.heartbeat(device))

    def _await(self, identifier: int) -> bytes | None:
        for _ in range(self.patience):
            self.wait(STEP)
            for message in self.port.receive():
                if message.arbitration_id == identifier:
                    return bytes(message.data)
        return None
