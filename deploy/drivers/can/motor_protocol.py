"""The motors' wire protocol: classic CAN 2.0A at 1 Mbit/s, little-endian payloads, `id = (function << 7) | device`.

Figures: the Berkeley Humanoid Lite's published firmware interface (Recoil motor controllers, firmware 0x20250226).
Encoders refuse what cannot be meant (NaN, a device out of range) instead of sending it.
"""

from __future__ import annotations

import enum
import math
import struct
from dataclasses import dataclass

from arbiter.errors import RobotError

BITRATE = 1_000_000
FIRMWARE = 0x20250226
PING = 0xCA
SDO_READ, SDO_WRITE = 0x40, 0x20
_FF, _U32, _F32, _READ, _WRITE = (struct.Struct(f) for f in ("<ff", "<I", "<f", "<BH", "<BHB"))


class ProtocolError(RobotError):
    """A frame or a value that the protocol does not allow."""


class Function(enum.IntEnum):
    """The upper four bits of an identifier. "RECEIVE" and "TRANSMIT" are the motor's view."""

    NMT = 0x0
    EMCY = 0x1
    TIME = 0x2
    TRANSMIT_PDO_1 = 0x3
    RECEIVE_PDO_1 = 0x4
    TRANSMIT_PDO_2 = 0x5
    RECEIVE_PDO_2 = 0x6
    TRANSMIT_PDO_3 = 0x7
    RECEIVE_PDO_3 = 0x8
    TRANSMIT_PDO_4 = 0x9
    RECEIVE_PDO_4 = 0xA
    TRANSMIT_SDO = 0xB
    RECEIVE_SDO = 0xC
    FLASH = 0xD
    HEARTBEAT = 0xE


class MotorMode(enum.IntEnum):
    DISABLED = 0x00
    IDLE = 0x01
    DAMPING = 0x02
    CALIBRATION = 0x05
    CURRENT = 0x10
    TORQUE = 0x11
    VELOCITY = 0x12
    POSITION = 0x13
    DEBUG = 0x80


class MotorError(enum.IntFlag):
    GENERAL = 0x0001
    ESTOP = 0x0002
    INITIALIZATION = 0x0004
    CALIBRATION = 0x0008
    POWERSTAGE = 0x0010
    INVALID_MODE = 0x0020
    WATCHDOG_TIMEOUT = 0x0040
    OVER_VOLTAGE = 0x0080
    OVER_CURRENT = 0x0100
    OVER_TEMPERATURE = 0x0200
    CAN_RX_FAULT = 0x0400
    CAN_TX_FAULT = 0x0800
    I2C_FAULT = 0x1000
    ENCODER_FAULT = 0x2000


def error_names(bits: int) -> tuple[str, ...]:
    """Names of the error bits that are set, in plain words; unknown bits as hexadecimal."""
    names = [flag.name.lower().replace("_", " ") for flag in MotorError if bits & flag]
    unknown = bits & ~sum(MotorError)
    return tuple(names + ([f"unknown bits {unknown:#x}"] if unknown else []))


class MotorParameter(enum.Enum):
    """Parameters of a motor: (address, type). f32 are SI units on the output side of the gear."""

    DEVICE_ID = (0x000, "u32")
    FIRMWARE_VERSION = (0x004, "u32")
    WATCHDOG_TIMEOUT = (0x008, "u32")  # [ms]
    FAST_FRAME_FREQUENCY = (0x00C, "u32")  # [Hz]
    MODE = (0x010, "u32")
    ERROR = (0x014, "u32")
    GEAR_RATIO = (0x01C, "f32")
    POSITION_KP = (0x020, "f32")  # [N·m/rad]
    POSITION_KI = (0x024, "f32")
    VELOCITY_KP = (0x028, "f32")  # [N·m·s/rad]: the kd of the position loop
    VELOCITY_KI = (0x02C, "f32")
    TORQUE_LIMIT = (0x030, "f32")  # [N·m]
    VELOCITY_LIMIT = (0x034, "f32")  # [rad/s]
    POSITION_LIMIT_LOWER = (0x038, "f32")  # [rad]
    POSITION_LIMIT_UPPER = (0x03C, "f32")  # [rad]
    POSITION_OFFSET = (0x040, "f32")  # [rad]
    TORQUE_MEASURED = (0x048, "f32")  # [N·m]
    VELOCITY_MEASURED = (0x054, "f32")  # [rad/s]
    POSITION_MEASURED = (0x060, "f32")  # [rad]
    CURRENT_LIMIT = (0x074, "f32")  # [A]
    BUS_VOLTAGE_MEASURED = (0x100, "f32")  # [V]
    MOTOR_TORQUE_CONSTANT = (0x108, "f32")  # [N·m/A]

    def __init__(self, address: int, kind: str):
        self.address = address
        self.kind = kind

    __hash__ = object.__hash__  # members are singletons, and are dictionary keys in the 250 Hz cycle

    @classmethod
    def at(cls, address: int) -> MotorParameter | None:
        """The parameter at an address, None if this project does not use it."""
        return _BY_ADDRESS.get(address)

    def pack(self, value: float) -> bytes:
        """`value` as four bytes. Raises ProtocolError for NaN, and for what a u32 cannot hold."""
        if self.kind == "f32":
            if math.isnan(value):
                raise ProtocolError(f"{self.name} = nan; a number is needed")
            try:
                return _F32.pack(value)
            except OverflowError:
                raise ProtocolError(f"{self.name} = {value}; it does not fit a 32-bit float") from None
        if int(value) != value or not 0 <= value < 2**32:
            raise ProtocolError(f"{self.name} = {value}; a whole number 0..4294967295 is needed")
        return _U32.pack(int(value))

    def unpack(self, data: bytes | bytearray) -> float | int:
        """The value held by the first four bytes. Raises ProtocolError if there are fewer."""
        if len(data) < 4:
            raise ProtocolError(f"{self.name}: the motor sent {len(data)} bytes; 4 are needed")
        return (_F32 if self.kind == "f32" else _U32).unpack_from(data)[0]


_BY_ADDRESS = {parameter.address: parameter for parameter in MotorParameter}


@dataclass(frozen=True, slots=True)
class Frame:
    """A data frame: 11-bit identifier and 0..8 bytes."""

    id: int
    data: bytes = b""

    @property
    def function(self) -> int:
        return self.id >> 7

    @property
    def device(self) -> int:
        return self.id & 0x7F


def identifier(function: int, device: int) -> int:
    """The 11-bit identifier. Raises ProtocolError unless 1 <= device <= 127."""
    if not 1 <= device <= 127:
        raise ProtocolError(f"device {device}; a motor's id is 1..127")
    return (function << 7) | device


def set_mode(device: int, mode: int) -> Frame:
    return Frame(identifier(Function.NMT, device), bytes((mode, device)))


def heartbeat(device: int) -> Frame:
    """Feeds the motor's watchdog."""
    return Frame(identifier(Function.HEARTBEAT, device))


def ping(device: int) -> Frame:
    return Frame(identifier(Function.RECEIVE_PDO_1, device), bytes((PING,)))


def targets(device: int, position: float, velocity: float) -> Frame:
    """Position [rad] and velocity [rad/s] targets, motor coordinates; the motor answers with its measurements."""
    return Frame(identifier(Function.RECEIVE_PDO_2, device), pack_targets(position, velocity))


def pack_targets(position: float, velocity: float) -> bytes:
    """The payload of `targets`. Raises ProtocolError for what is not finite."""
    if not (math.isfinite(position) and math.isfinite(velocity)):
        raise ProtocolError(f"targets ({position}, {velocity}); both must be finite")
    return _FF.pack(position, velocity)


def unpack_pair(data: bytes) -> tuple[float, float]:
    """The two f32 of a PDO 2, either direction."""
    if len(data) < 8:
        raise ProtocolError(f"a PDO 2 of {len(data)} bytes; 8 are needed")
    return _FF.unpack_from(data)


def read_parameter(device: int, parameter: MotorParameter) -> Frame:
    return Frame(identifier(Function.RECEIVE_SDO, device), _READ.pack(SDO_READ, parameter.address))


def write_parameter(device: int, parameter: MotorParameter, value: float) -> Frame:
    """The motor does not acknowledge a write: read the parameter back."""
    head = _WRITE.pack(SDO_WRITE, parameter.address, 0)
    return Frame(identifier(Function.RECEIVE_SDO, device), head + parameter.pack(value))


def store_settings(device: int) -> Frame:
    return Frame(identifier(Function.FLASH, device), b"\x01")


def load_settings(device: int) -> Frame:
    return Frame(identifier(Function.FLASH, device), b"\x02")


def error_report(device: int, bits: int) -> Frame:
    """What a motor sends when an error bit rises."""
    return Frame(identifier(Function.EMCY, device), _U32.pack(bits))


def unpack_error_report(data: bytes | bytearray) -> int:
    """Error bits of a report of two to eight bytes; GENERAL if it carries none."""
    bits = int.from_bytes(data[:4], "little") if len(data) >= 2 else 0
    return bits or int(MotorError.GENERAL)


def frame_bits(size: int) -> float:
    """Bits that a frame of `size` data bytes takes on the wire: 47 of framing, and half of the worst-case stuffing."""
    return 47 + 8 * size + (34 + 8 * size - 1) / 8.0
