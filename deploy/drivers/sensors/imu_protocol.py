"""Frames of the HiWonder IM10A: 0x55, type, four signed 16-bit words, checksum (low byte of the sum of the first ten).

`Parser` checks every checksum and finds the next frame after lost or foreign bytes, which the published driver does not.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass

HEAD, SIZE = 0x55, 11
ACCELERATION, ANGULAR_VELOCITY, ANGLES, QUATERNION = 0x51, 0x52, 0x53, 0x59
TYPES = range(0x50, 0x5B)  # what the device can send; the four above are what we use
G = 9.80665
FULL_SCALE = 32768.0
_WORDS = struct.Struct("<hhhh")

UNLOCK, SAVE, CONTENT, RATE, BAUD = 0x69, 0x00, 0x02, 0x03, 0x04
UNLOCK_KEY = 0xB588
RATES = {10: 0x06, 20: 0x07, 50: 0x08, 100: 0x09, 200: 0x0B}
BAUDS = {4800: 0x01, 9600: 0x02, 19200: 0x03, 38400: 0x04, 57600: 0x05, 115200: 0x06, 230400: 0x07, 460800: 0x08, 921600: 0x09}
CONTENT_BITS = {ACCELERATION: 0x0002, ANGULAR_VELOCITY: 0x0004, ANGLES: 0x0008, QUATERNION: 0x0200}


def command(register: int, value: int) -> bytes:
    """A configuration frame."""
    return bytes((0xFF, 0xAA, register)) + struct.pack("<H", value)


def checksum(frame: bytes | bytearray) -> int:
    return sum(frame[:10]) & 0xFF


def encode(kind: int, words: Sequence[int]) -> bytes:
    """A data frame of four words, as the device sends it."""
    frame = bytes((HEAD, kind)) + _WORDS.pack(*words)
    return frame + bytes((checksum(frame),))


@dataclass(slots=True)
class ParserCount:
    """What the parser met: frames taken, checksums that did not fit, bytes skipped to find the next frame."""

    frames: int = 0
    bad_checksums: int = 0
    skipped: int = 0


class Parser:
    """Cuts a byte stream into checked frames."""

    def __init__(self):
        self.count = ParserCount()
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[tuple[int, tuple[int, int, int, int]]]:
        """The frames (type, four words) that are complete with `data`."""
        buffer = self._buffer
        buffer += data
        frames, at = [], 0
        while len(buffer) - at >= SIZE:
            if buffer[at] != HEAD or buffer[at + 1] not in TYPES:
                at += 1
                self.count.skipped += 1
            elif checksum(buffer[at : at + SIZE]) != buffer[at + 10]:
                at += 1
                self.count.bad_checksums += 1
                self.count.skipped += 1
            else:
                frames.append((buffer[at + 1], _WORDS.unpack_from(buffer, at + 2)))
                self.count.frames += 1
                at += SIZE
        del buffer[:at]
        return frames


def quaternion_of(words: tuple[int, int, int, int]) -> tuple[float, float, float, float] | None:
    """(w, x, y, z) of unit length; None if the words are no orientation."""
    norm = math.sqrt(sum(word * word for word in words))
    if not 0.9 < norm / FULL_SCALE < 1.1:
        return None
    w, x, y, z = (word / norm for word in words)
    return w, x, y, z


def quaternion_of_angles(words: tuple[int, int, int, int]) -> tuple[float, float, float, float]:
    """(w, x, y, z) of roll, pitch and yaw (x, then y, then z of the world: z-y-x), for devices that send angles only."""
    roll, pitch, yaw = (math.pi * word / FULL_SCALE for word in words[:3])
    cr, sr, cp, sp, cy, sy = (f(0.5 * a) for a in (roll, pitch, yaw) for f in (math.cos, math.sin))
    return (cr * cp * cy + sr * sp * sy, sr * cp * cy - cr * sp * sy, cr * sp * cy + sr * cp * sy, cr * cp * sy - sr * sp * cy)


def angular_velocity_of(words: tuple[int, int, int, int]) -> tuple[float, float, float]:
    """[rad/s], the sensor's axes."""
    x, y, z = (math.radians(2000.0 * word / FULL_SCALE) for word in words[:3])
    return x, y, z


def acceleration_of(words: tuple[int, int, int, int]) -> tuple[tuple[float, float, float], float]:
    """Acceleration [m/s²], the sensor's axes (+g upwards at rest), and temperature [°C]."""
    x, y, z = (16.0 * G * word / FULL_SCALE for word in words[:3])
    return (x, y, z), words[3] / 100.0
