"""The command cycle: every 4 ms each motor gets its targets and answers with its measurements.

    cycle.receive(now)   what has come in; close the last round; faults
    cycle.send(now)      mode, targets, one heartbeat, changed gains and the motors' error bits per bus
    cycle.receive(now)   (half a cycle later) the answers; one more read-back per bus

All of it runs on one thread and takes the newest command out of a slot; nothing blocks, and time is an argument.
A cycle that has damped because of a fault stays so until `reset`: it never re-arms by itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from arbiter.types import Mode, frozen
from deploy.drivers.can.bus_cycle import BusCycle, MotorCommand
from deploy.drivers.can.faults import reaction
from deploy.drivers.can.hardware_file import Limits
from deploy.drivers.can.motor_protocol import MotorMode


@dataclass(frozen=True, slots=True)
class MotorReadings:
    """The motors' readings, published after every receive. Arrays are read-only, shape (n,), robot order, motor coordinates.

    Attributes:
        position, velocity, torque: Last measurements [rad], [rad/s], [N·m] (torque nan before its first read).
        answered: When each was asked for [s]; -inf before the first answer.
        voltage: Lowest supply voltage [V], nan before the first read.
        faults, warnings: Lines of faults.py.
        damped_by: The fault that this driver damped for, "" if none.
    """

    position: np.ndarray
    velocity: np.ndarray
    torque: np.ndarray
    answered: np.ndarray
    voltage: float
    faults: tuple[str, ...]
    warnings: tuple[str, ...]
    damped_by: str


class Cycle:
    """The command cycle of all buses.

    Attributes:
        snapshot: The latest-value slot that `read` takes from.
        damped_by: The fault that the motors were damped for; latched.
    """

    def __init__(self, buses: list[BusCycle], n: int, limits: Limits):
        self.buses, self.n, self.limits = buses, n, limits
        self.motors = sorted((motor for bus in buses for motor in bus.motors), key=lambda motor: motor.index)
        self.damped_by = ""
        self._reset_asked = False
        self.command: MotorCommand | None = None  # the slot that `write` puts into
        self.external: tuple[str, ...] = ()  # fault lines of the other drivers, such as the IMU's
        self.snapshot = self._publish(())

    def round(self, now: float) -> None:
        """Ends one round and begins the next."""
        if self._reset_asked:
            self._reset_asked, self.damped_by = False, ""
            for bus in self.buses:
                bus.reset()
        self.receive(now, close=True)
        self.send(now)

    def receive(self, now: float, close: bool = False) -> None:
        """Takes in answers; with `close` the round ends, and faults are found and reacted to."""
        for bus in self.buses:
            bus.receive(now)
            if close:
                bus.close_round()
            else:
                bus.read_slowly()
        command = self.command
        own = ()
        if command is not None and command.mode == MotorMode.POSITION and now - command.stamp > self.limits.command_age:
            own = (f"tick: command too old ({1000 * (now - command.stamp):.0f} ms)",)
        self.snapshot = self._publish(own)

    def _publish(self, own: tuple[str, ...]) -> MotorReadings:
        lines: dict[str, Mode] = {line: reaction(line) for line in (*own, *self.external)}
        for bus in self.buses:
            lines.update(bus.lines)
        if not self.damped_by:
            self.damped_by = next((line for line, rung in lines.items() if rung is Mode.DAMP), "")
        faults = [line for line, rung in lines.items() if rung is not Mode.RUN]
        if self.damped_by and self.damped_by not in faults:
            faults.append(self.damped_by)  # it may have gone by itself; the motors stay damped for it
        motors = self.motors
        voltages = [motor.voltage for motor in motors if not math.isnan(motor.voltage)]
        return MotorReadings(
            position=frozen([m.position for m in motors]),
            velocity=frozen([m.velocity for m in motors]),
            torque=frozen([m.torque for m in motors]),
            answered=frozen([m.answered for m in motors]),
            voltage=min(voltages, default=math.nan),
            faults=tuple(faults),
            warnings=tuple(line for line, rung in lines.items() if rung is Mode.RUN),
            damped_by=self.damped_by,
        )

    def send(self, now: float) -> None:
        """One round on every bus."""
        command = self.command
        mode = MotorMode.DAMPING
        if command is not None and (not self.damped_by or command.mode == MotorMode.IDLE):
            mode = command.mode
        for bus in self.buses:
            bus.send(now, command if mode == MotorMode.POSITION else None, mode)

    def reset(self) -> None:
        """An operator's reset: with the next round the latch opens, and motion must be armed anew."""
        self.command = None
        self._reset_asked = True
