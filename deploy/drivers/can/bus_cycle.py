"""The command cycle of one bus: modes, targets, a heartbeat, changed gains and read-backs out, answers and faults in."""

from __future__ import annotations

import math
from dataclasses import dataclass

from arbiter.types import Mode
from deploy.drivers.can import motor_protocol
from deploy.drivers.can.bus import BusPort
from deploy.drivers.can.faults import reaction
from deploy.drivers.can.hardware_file import Limits
from deploy.drivers.can.motor import GAINS, MODE_PATIENCE, READ_PATIENCE, Motor
from deploy.drivers.can.motor_protocol import Function, MotorMode, MotorParameter

REPEAT_DAMPING = 25  # cycles between repeated mode frames while the motors are not armed
HOST_FUNCTIONS = (Function.NMT, Function.RECEIVE_PDO_2)
LOSS_WINDOW = 250  # cycles
MANY_ERROR_FRAMES = 10  # in a window
HOLD = 25  # cycles that a fault of one cycle is shown for


@dataclass(frozen=True, slots=True)
class MotorCommand:
    """A SafeCommand in motor coordinates, ready to be packed; lists in robot order.

    Attributes:
        stamp: Of the SafeCommand [s].
        mode: The motors' mode.
        position, velocity: Targets [rad], [rad/s].
        kp, kd: Gains [N·m/rad], [N·m·s/rad].
    """

    stamp: float
    mode: MotorMode
    position: list[float]
    velocity: list[float]
    kp: list[float]
    kd: list[float]


class BusCycle:
    """The command cycle of one bus.

    Args:
        period: Of the cycle [s].
        place, share: It reads a supply voltage in cycle `place` of every `share`: the buses take turns, so that one of them
            reads the supply in every cycle.
    """

    def __init__(self, port: BusPort, motors: list[Motor], limits: Limits, period: float, place: int = 0, share: int = 4):
        self.port, self.motors, self.limits, self.period = port, motors, limits, period
        self.place, self.share = place, share
        self.by_device = {motor.device: motor for motor in motors}
        self.arms_only = all(motor.arm for motor in motors)
        self.targets = [port.message(motor_protocol.identifier(Function.RECEIVE_PDO_2, m.device), bytes(8)) for m in motors]
        self.heartbeats = [self._message(motor_protocol.heartbeat(m.device)) for m in motors]
        self.cycle = 0
        self.turn = self._error_turn = self._slow_turn = self._volt_turn = 0
        self._slow_cycle = 0
        self._volt_due = False
        self._owed: tuple[Motor, MotorParameter] | None = None
        self.lines: dict[str, Mode] = {}
        self.load = 0.0
        self._bits = 0.0
        self._asked_window = self._lost_window = 0
        self.loss = 0.0
        self.many_errors = False
        self._strangers: set[int] = set()
        self._other_host = False
        self._sent_at = 0.0
        self._held: dict[str, tuple[str, Mode, int]] = {}  # what -> line, rung, last cycle to show it
        self._error_frames = 0

    def _message(self, frame: motor_protocol.Frame):
        return self.port.message(frame.id, frame.data)

    def receive(self, now: float) -> None:
        """Takes the frames that have arrived."""
        for message in self.port.receive():
            function, motor = message.arbitration_id >> 7, self.by_device.get(message.arbitration_id & 0x7F)
            if function in HOST_FUNCTIONS:
                self._other_host = True
            elif function == Function.TRANSMIT_PDO_2:
                self._answer(motor, message)
            elif motor is None:
                if function in (Function.TRANSMIT_SDO, Function.TRANSMIT_PDO_1, Function.EMCY):
                    self._strangers.add(message.arbitration_id & 0x7F)
            elif function == Function.TRANSMIT_SDO:
                motor.take_read(message.data, self.cycle)
            elif function == Function.EMCY:
                motor.errors |= motor_protocol.unpack_error_report(message.data)

    def _answer(self, motor: Motor | None, message) -> None:
        if motor is None:
            self._strangers.add(message.arbitration_id & 0x7F)
            return
        motor.answers += 1
        if len(message.data) < 8:
            return
        position, velocity = motor_protocol.unpack_pair(message.data)
        motor.bad_numbers = not (math.isfinite(position) and math.isfinite(velocity))
        if not motor.bad_numbers:
            motor.position, motor.velocity, motor.answered = position, velocity, self._sent_at

    def close_round(self) -> None:
        """Ends the round that the last `send` began: counts, load, faults."""
        for motor in self.motors:
            self._asked_window += motor.asked
            self._lost_window += motor.asked - motor.answers  # an answer that comes late is not lost
            motor.close_cycle()
        bits, self._bits = self.port.count.bits - self._bits, self.port.count.bits
        self.load += 0.02 * (bits / (motor_protocol.BITRATE * self.period) - self.load)
        if self.cycle % LOSS_WINDOW == LOSS_WINDOW - 1:
            self.loss = max(0.0, self._lost_window / max(1, self._asked_window))
            self.many_errors = self.port.count.error_frames - self._error_frames >= MANY_ERROR_FRAMES
            self._error_frames = self.port.count.error_frames
            self._asked_window = self._lost_window = 0
        self.lines = self._hold(self._find_faults())
        self.port.clear()
        self._strangers.clear()

    def _find_faults(self) -> dict[str, Mode]:
        name, lines = self.port.name, {}
        for what in sorted(self.port.events):
            lines[f"{name}: {what}"] = reaction(what, self.arms_only)
        if self._other_host:
            lines[f"{name}: another host commands this bus"] = reaction("another host commands this bus")
        for device in sorted(self._strangers):
            lines[f"{name}: id {device}: unknown id answers"] = reaction("unknown id answers", self.arms_only)
        if self.many_errors:
            lines[f"{name}: many error frames"] = reaction("many error frames")
        if self.loss > self.limits.loss:
            lines[f"{name}: replies lost ({100 * self.loss:.0f} %)"] = reaction("replies lost")
        for motor in self.motors:
            for what in motor.faults(self.limits):
                lines[f"{name}/{motor.name}: {what}"] = reaction(what, motor.arm)
        return lines

    def _hold(self, found: dict[str, Mode]) -> dict[str, Mode]:
        """Keeps faults of a single cycle for longer, so that the slower tick sees them."""
        for line, rung in found.items():
            self._held[line.split(" (", 1)[0]] = (line, rung, self.cycle + HOLD)
        if self._held:
            self._held = {what: entry for what, entry in self._held.items() if entry[2] >= self.cycle}
        return {line: rung for line, rung, _ in self._held.values()}

    def send(self, now: float, command: MotorCommand | None, mode: MotorMode) -> None:
        """One round: modes and targets, then settings and error bits as far as the bus allows."""
        self.cycle += 1
        self._sent_at = now
        for message, motor in zip(self.targets, self.motors, strict=True):
            i = motor.index
            if command is not None:
                message.data[:] = motor_protocol.pack_targets(command.position[i], command.velocity[i])
            else:
                message.data[:] = motor_protocol.pack_targets(motor.position, 0.0)
            self._mode(motor, mode if command is None or self._gains_written(motor, command) else MotorMode.DAMPING)
            self.port.send(message)
            motor.asked += 1
        turn = self.turn = (self.turn + 1) % len(self.motors)
        self.port.send(self.heartbeats[turn])
        if command is not None and mode == MotorMode.POSITION:
            self._write_gains(command)
        self._read_errors()

    def _mode(self, motor: Motor, mode: MotorMode) -> None:
        if mode != motor.mode_wanted:
            motor.mode_wanted, motor.mode_frames, motor.mode = mode, 0, None
            if motor.reading is MotorParameter.MODE:  # its answer is about the old mode
                motor.reading, motor.quiet_until = None, self.cycle + READ_PATIENCE
        motor.mode_frames += 1
        repeat = mode != MotorMode.POSITION and motor.mode_frames % REPEAT_DAMPING == 0
        if motor.mode_frames <= MODE_PATIENCE or repeat:
            self.port.send(self._message(motor_protocol.set_mode(motor.device, mode)))

    @staticmethod
    def _gains_written(motor: Motor, command: MotorCommand) -> bool:
        """A motor is armed only once both its gains have been written."""
        return motor.mode_wanted == MotorMode.POSITION or (
            motor.gains.get(MotorParameter.POSITION_KP) == command.kp[motor.index]
            and motor.gains.get(MotorParameter.VELOCITY_KP) == command.kd[motor.index]
        )

    def _write_gains(self, command: MotorCommand) -> None:
        """Writes gains that changed, a few a cycle, in turn, so that a blend reaches all joints at the same pace."""
        room = self.limits.gain_writes
        for k in range(len(self.motors)):
            motor = self.motors[(self.turn + k) % len(self.motors)]
            for parameter, wanted in zip(GAINS, (command.kp[motor.index], command.kd[motor.index]), strict=True):
                if motor.gains.get(parameter) == wanted:
                    continue
                if self.port.send(self._message(motor_protocol.write_parameter(motor.device, parameter, wanted))):
                    motor.gains[parameter] = wanted
                    motor.gain_cycle[parameter] = self.cycle
                room -= 1
                if room == 0:
                    return

    def _read_errors(self) -> None:
        """Reads back the error bits of the next motors, or a pending value of one of them."""
        count, owed = len(self.motors), self._owed
        for k in range(min(self.limits.error_reads, count)):
            motor = self.motors[(self._error_turn + k) % count]
            if owed is None or motor is not owed[0]:
                self._ask(motor, MotorParameter.ERROR)
        self._error_turn += self.limits.error_reads
        if owed is not None and self._ask(*owed):
            self._owed = None

    def read_slowly(self) -> None:
        """Half a cycle after `send`, when the error bits have arrived: reads back another value of one motor."""
        if self._slow_cycle == self.cycle:
            return
        self._slow_cycle = self.cycle
        self._volt_due |= self.cycle % self.share == self.place
        if self._owed is not None:
            return
        if self._volt_due:
            self._volt_due = False
            self._volt_turn += 1
            motor, parameter = self.motors[self._volt_turn % len(self.motors)], MotorParameter.BUS_VOLTAGE_MEASURED
        else:
            self._slow_turn += 1
            motor = self.motors[self._slow_turn % len(self.motors)]
            parameter = motor.next_read()
        if not self._ask(motor, parameter):  # answers are slow on this bus: then in place of the next error bits
            self._owed = motor, parameter

    def _ask(self, motor: Motor, parameter: MotorParameter) -> bool:
        if not motor.may_read(self.cycle):
            return False
        if self.port.send(self._message(motor_protocol.read_parameter(motor.device, parameter))):
            motor.reading, motor.read_cycle = parameter, self.cycle
        return True

    def reset(self) -> None:
        """Clears latched faults: error bits are cleared in the motors and read again, gains are written again."""
        self._other_host = self.many_errors = False
        self.loss = 0.0
        self._held.clear()
        self.lines = {}
        for motor in self.motors:
            if motor.errors:
                self.port.send(self._message(motor_protocol.write_parameter(motor.device, MotorParameter.ERROR, 0)))
            motor.errors = motor.mismatches = motor.missed = motor.duplicates = 0
            motor.mode = None
            motor.gains.clear()
