"""A simulated IM10A: the same bytes, at the rate it is configured for, and faults on demand."""

from __future__ import annotations

import math

import numpy as np

from deploy.drivers.sensors import imu_protocol as protocol
from deploy.drivers.sensors.imu import multiply, rotate
from deploy.drivers.simulated.accelerometer import GRAVITY


class MemoryPort:
    """A serial line in memory; `peer` is its other end."""

    def __init__(self):
        self._incoming = bytearray()
        self.peer = self
        self.closed = False

    @classmethod
    def pair(cls) -> tuple[MemoryPort, MemoryPort]:
        a, b = cls(), cls()
        a.peer, b.peer = b, a
        return a, b

    @property
    def in_waiting(self) -> int:
        return len(self._incoming)

    def read(self, size: int) -> bytes:
        if self.closed:
            raise OSError("device disconnected")
        data = bytes(self._incoming[:size])
        del self._incoming[:size]
        return data

    def write(self, data: bytes) -> int:
        if not self.peer.closed:
            self.peer._incoming += data
        return len(data)

    def close(self) -> None:
        self.closed = True


class SimulatedImu:
    """Writes readings to `port` and carries out configuration commands that arrive on it.

    Attributes:
        rate_hz, content, baud: As configured.
        silent, frozen: What is wrong with it. corrupt: share of frames with a wrong byte. lose: share that lose one.
    """

    def __init__(self, port, mounting=(1.0, 0.0, 0.0, 0.0), rate_hz: int = 200, noise: float = 0.001, seed: int = 0):
        self.port = port
        self._mounting = mounting
        self.rate_hz, self.baud = rate_hz, 460800
        self.content = sum(protocol.CONTENT_BITS.values())
        self.silent = self.frozen = False
        self.corrupt = self.lose = 0.0
        self._noise, self._random = noise, np.random.default_rng(seed)
        self._unlocked = False
        self._commands = bytearray()
        self._next = 0.0
        self._last: bytes = b""
        self._felt, self._felt_for = np.zeros(3), 0.0

    def step(
        self, now: float, quat: np.ndarray, ang_vel: np.ndarray, felt: np.ndarray | None = None, passed: float = 0.0
    ) -> None:
        """Sends the readings due by `now` [s] for a base at `quat`, turning at `ang_vel` [rad/s, body frame].

        `felt`: specific force, integrated over the last `passed` seconds of its motion [m/s, body frame]; None: it is held.
        """
        self._obey()
        if now < self._next:
            return
        self._next = max(self._next + 1.0 / self.rate_hz, now)
        if self.silent:
            return
        if not (self.frozen and self._last):
            self._last = b"".join(self._frames(quat, ang_vel, self._acceleration(quat, felt, passed)))
        self.port.write(self._spoil(self._last))

    def _acceleration(self, quat, felt: np.ndarray | None, passed: float) -> tuple[float, float, float]:
        """The mean since the last reading [g], body frame: gravity alone where the body was held."""
        since, self._felt_for = passed - self._felt_for, passed
        if felt is None or since <= 0.0:
            w, x, y, z = quat
            return rotate((w, -x, -y, -z), (0.0, 0.0, 1.0))
        before, self._felt = self._felt, felt
        x, y, z = ((felt - before) / (since * GRAVITY)).tolist()
        return x, y, z

    def _frames(self, quat, ang_vel, acceleration) -> list[bytes]:
        m = self._mounting
        sensor_quat = multiply(tuple(quat), m)
        inverse = (m[0], -m[1], -m[2], -m[3])
        rate = np.array(rotate(inverse, tuple(ang_vel))) + self._noise * self._random.standard_normal(3)
        force = rotate(inverse, acceleration)
        w, x, y, z = sensor_quat
        angles = (
            math.atan2(2 * (w * x + y * z), 1 - 2 * (x * x + y * y)),
            math.asin(max(-1.0, min(1.0, 2 * (w * y - z * x)))),
            math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z)),
        )
        full = protocol.FULL_SCALE
        words = {
            protocol.ACCELERATION: (*(value * full / 16.0 for value in force), 2500),
            protocol.ANGULAR_VELOCITY: (*(math.degrees(value) * full / 2000.0 for value in rate), 0),
            protocol.ANGLES: (*(value / math.pi * full for value in angles), 0),
            protocol.QUATERNION: tuple(value * full for value in sensor_quat),
        }
        return [
            protocol.encode(kind, [int(max(-32768, min(32767, round(word)))) for word in four])
            for kind, four in words.items()
            if self.content & protocol.CONTENT_BITS[kind]
        ]

    def _spoil(self, data: bytes) -> bytes:
        if not (self.corrupt or self.lose):
            return data
        spoiled = bytearray()
        for at in range(0, len(data), protocol.SIZE):
            frame = bytearray(data[at : at + protocol.SIZE])
            if self._random.random() < self.corrupt:
                frame[self._random.integers(2, 10)] ^= 0x5A
            if self._random.random() < self.lose:
                del frame[self._random.integers(len(frame))]
            spoiled += frame
        return bytes(spoiled)

    def _obey(self) -> None:
        self._commands += self.port.read(self.port.in_waiting)
        while len(self._commands) >= 5:
            if self._commands[:2] != b"\xff\xaa":
                del self._commands[0]
                continue
            register, value = self._commands[2], int.from_bytes(self._commands[3:5], "little")
            del self._commands[:5]
            self._set(register, value)

    def _set(self, register: int, value: int) -> None:
        if register == protocol.UNLOCK:
            self._unlocked = value == protocol.UNLOCK_KEY
        elif not self._unlocked:
            return
        elif register == protocol.SAVE:
            self._unlocked = False
        elif register == protocol.RATE:
            self.rate_hz = {code: hz for hz, code in protocol.RATES.items()}.get(value, self.rate_hz)
        elif register == protocol.CONTENT:
            self.content = value
        elif register == protocol.BAUD:
            self.baud = {code: baud for baud, code in protocol.BAUDS.items()}.get(value, self.baud)
