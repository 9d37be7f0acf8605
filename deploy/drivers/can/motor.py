"""The host's record of one motor: its last answer, the values written to it, and the reads that are pending."""

from __future__ import annotations

import math

from deploy.drivers.can.hardware_file import Limits
from deploy.drivers.can.motor_protocol import MotorMode, MotorParameter, error_names

# What is read back in turn beside error bits and supply voltage.
SLOW_READS = (
    MotorParameter.MODE,
    MotorParameter.POSITION_KP,
    MotorParameter.VELOCITY_KP,
    MotorParameter.TORQUE_LIMIT,
    MotorParameter.TORQUE_MEASURED,
)
GAINS = (MotorParameter.POSITION_KP, MotorParameter.VELOCITY_KP)
READ_PATIENCE = 25  # cycles until a read counts as lost; an answer does not say to which, so as many are waited again
MOST_OPEN = 10  # unanswered requests that a late answer may still belong to
MISMATCHES = 3  # read-backs in a row that differ from what was written until it is a fault
MODE_PATIENCE = 3  # mode frames sent in a row when the mode changes: one may be lost


class Motor:
    """Host-side state of one motor; plain attributes, because 22 of them are walked 250 times a second.

    Attributes:
        name: Joint name. device: its id. index: its place in robot order. arm: whether it belongs to the arms.
        position, velocity: Last answer, motor coordinates [rad], [rad/s].
        answered: When the answer was asked for [s]: its age is an upper bound. -inf before the first.
        missed: Cycles in a row without an answer. open: Requests not answered yet. duplicates: Answers too many.
        errors: Error bits. voltage [V], torque [N·m], mode: last read; nan or None before.
        gains: What was last written to POSITION_KP and VELOCITY_KP.
    """

    def __init__(self, name: str, device: int, index: int, arm: bool, torque_limit: float):
        self.name, self.device, self.index, self.arm = name, device, index, arm
        self.torque_limit = torque_limit
        self.position = self.velocity = 0.0
        self.answered = -math.inf
        self.asked = self.answers = self.open = self.missed = self.duplicates = 0
        self.bad_numbers = False
        self.errors = 0
        self.voltage = self.torque = math.nan
        self.mode: int | None = None
        self.mode_wanted = MotorMode.DAMPING
        self.mode_frames = 0  # how many frames in a row have asked for that mode
        self.gains: dict[MotorParameter, float] = {}
        self.gain_cycle = {parameter: -(10**9) for parameter in GAINS}
        self.mismatches = 0
        self.reading: MotorParameter | None = None
        self.read_cycle = 0
        self.quiet_until = -1
        self.turn = index  # neighbours do not read the same parameter at the same time

    def close_cycle(self) -> None:
        """Compares the answers with the requests. More answers than requests mean a second motor with the same id; missing
        answers may come late, so a few requests stay open."""
        if self.asked:
            self.missed = 0 if self.answers else self.missed + 1
            self.open += self.asked - self.answers
            self.duplicates = max(0, -self.open)
            self.open = min(max(0, self.open), MOST_OPEN)
        self.asked = self.answers = 0

    def next_read(self) -> MotorParameter:
        """The next of SLOW_READS."""
        self.turn += 1
        return SLOW_READS[self.turn % len(SLOW_READS)]

    def may_read(self, cycle: int) -> bool:
        """Whether no answer is pending: answers do not name the parameter."""
        if self.reading is not None and cycle - self.read_cycle > READ_PATIENCE:
            self.reading, self.quiet_until = None, cycle + READ_PATIENCE
        return self.reading is None and cycle > self.quiet_until

    def take_read(self, data: bytes | bytearray, cycle: int) -> None:
        """Takes the answer to the pending read; other answers are dropped."""
        parameter, self.reading = self.reading, None
        if parameter is None or len(data) < 4 or cycle <= self.quiet_until:
            return
        value = parameter.unpack(data)
        if parameter is MotorParameter.ERROR:
            self.errors = int(value)
        elif parameter is MotorParameter.BUS_VOLTAGE_MEASURED:
            self.voltage = value
        elif parameter is MotorParameter.TORQUE_MEASURED:
            self.torque = value
        elif parameter is MotorParameter.MODE:
            self.mode = int(value)
        else:
            self._compare(parameter, value)

    def _compare(self, parameter: MotorParameter, value: float) -> None:
        written = self.torque_limit if parameter is MotorParameter.TORQUE_LIMIT else self.gains.get(parameter)
        if written is None or self.gain_cycle.get(parameter, -1) >= self.read_cycle:
            return
        if abs(value - written) <= 1e-4 * max(1.0, abs(written)):
            self.mismatches = 0
            return
        self.mismatches += 1
        self.gains.pop(parameter, None)  # is written again

    def faults(self, limits: Limits) -> list[str]:
        """The motor's present faults, as keys of faults.REACTIONS."""
        found = []
        if self.missed >= limits.silent_cycles:
            found.append("does not answer")
        if self.duplicates:
            found.append("two motors answer as one")
        if self.bad_numbers:
            found.append("sends what is not a number")
        if self.errors:
            found += error_names(self.errors)
        if (
            self.mode is not None
            and self.mode_wanted == MotorMode.POSITION
            and self.mode != MotorMode.POSITION
            and self.mode_frames > MODE_PATIENCE
        ):
            found.append("left position mode")
        if self.mismatches >= MISMATCHES:
            found.append("setting does not take")
        if self.voltage < limits.voltage_low:
            found.append(f"low voltage ({self.voltage:.1f} V)")
        elif self.voltage > limits.voltage_high:
            found.append(f"high voltage ({self.voltage:.1f} V)")
        elif self.voltage < limits.voltage_warn:
            found.append(f"battery runs low ({self.voltage:.1f} V)")
        return found
