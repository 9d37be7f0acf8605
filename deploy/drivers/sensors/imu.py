"""The IMU driver: orientation and angular velocity of the base, with their age.

`poll` takes what has come in; on the robot a thread calls it, on the rig in lockstep the robot does.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import serial

from arbiter.errors import RobotError
from arbiter.threads import our_thread
from arbiter.types import frozen
from deploy.drivers.can.hardware_file import ImuConfig
from deploy.drivers.sensors import imu_protocol as protocol
from deploy.drivers.sensors.imu_protocol import ACCELERATION, ANGLES, ANGULAR_VELOCITY, QUATERNION, Parser
from deploy.host.thread_priority import IMU, claim_realtime

FROZEN_AFTER = 50  # equal samples in a row: a live sensor's last bits flicker
FEW = 3  # samples of the gyroscope in an interval from which they tell its mean
SERIAL_ERRORS = (serial.SerialException, OSError, TypeError)


class Port(Protocol):
    """What the driver needs of a serial port: pyserial's, or the rig's in memory."""

    @property
    def in_waiting(self) -> int: ...
    def read(self, size: int) -> bytes: ...
    def write(self, data: bytes) -> int | None: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class ImuSample:
    """One reading, in the base's axes.

    Attributes:
        stamp: When it came in [s].
        quat: Orientation of the base in the world (w, x, y, z), shape (4,).
        ang_vel: Angular velocity [rad/s], shape (3,).
        acc: Acceleration [m/s²], +g upwards at rest, shape (3,); nan before the first.
        acc_sum: Of all samples until now, so that a slower reader has the mean since its last look. count: Of samples in it.
        turned: Angular velocity, integrated over all samples by the trapezoidal rule [rad], shape (3,): likewise.
        temperature: Of the sensor [°C].
    """

    stamp: float
    quat: np.ndarray
    ang_vel: np.ndarray
    acc: np.ndarray
    temperature: float
    acc_sum: np.ndarray
    count: int
    turned: np.ndarray


def mean_acceleration(new: ImuSample, old: ImuSample | None) -> np.ndarray:
    """Mean of the acceleration since `old` [m/s²], shape (3,); None: the newest."""
    if old is None or new.count <= old.count:
        return new.acc
    return frozen((new.acc_sum - old.acc_sum) / (new.count - old.count))


def mean_ang_vel(new: ImuSample, old: ImuSample | None) -> np.ndarray | None:
    """Mean of the angular velocity since `old` [rad/s], shape (3,).

    None where fewer than FEW samples tell it, or no time lies between: one sample told as the mean is worse than none
    (docs/estimate.md, "For a driver").
    """
    if old is None or new.stamp <= old.stamp or new.count - old.count < FEW:
        return None
    return frozen((new.turned - old.turned) / (new.stamp - old.stamp))


def multiply(a, b) -> tuple[float, float, float, float]:
    """The product of two quaternions (w, x, y, z)."""
    aw, ax, ay, az = a
    bw, bx, by, bz = b
    return (
        aw * bw - ax * bx - ay * by - az * bz,
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
    )


def rotate(q, v) -> tuple[float, float, float]:
    """`v` turned by the quaternion `q`."""
    w, x, y, z = q
    _, a, b, c = multiply(multiply(q, (0.0, *v)), (w, -x, -y, -z))
    return a, b, c


class Imu:
    """Reads one IM10A.

    Attributes:
        sample: The newest complete reading, None before the first. Its orientation and angular velocity belong together.
        count: What the parser met.
        fault: "" or one of "imu silent", "imu frozen", "imu unplugged".
    """

    def __init__(self, config: ImuConfig, port: Port):
        norm = math.sqrt(sum(value * value for value in config.mounting))
        if not 0.99 < norm < 1.01:
            raise RobotError(f"imu: mounting {config.mounting} has length {norm:.3f}; a quaternion of length 1 is expected")
        self.config, self.port = config, port
        self.mounting = tuple(value / norm for value in config.mounting)
        self.sample: ImuSample | None = None
        self._parser = Parser()
        self._quat = self._ang_vel = None
        self._acc, self._temperature = (math.nan,) * 3, math.nan
        self._has_quaternion = False
        self._equal = 0
        self._last: tuple = ()
        self._gone = ""

    @property
    def count(self) -> protocol.ParserCount:
        return self._parser.count

    def configure(self, wait=time.sleep) -> None:
        """Sets content and rate, and stores them in the device; the baud rate is the one it is spoken to with."""
        content = sum(protocol.CONTENT_BITS.values())
        if self.config.rate_hz not in protocol.RATES:
            raise RobotError(f"imu: rate {self.config.rate_hz} Hz; allowed: {', '.join(map(str, protocol.RATES))}")
        for register, value in (
            (protocol.UNLOCK, protocol.UNLOCK_KEY),
            (protocol.CONTENT, content),
            (protocol.RATE, protocol.RATES[self.config.rate_hz]),
            (protocol.SAVE, 0),
        ):
            self.port.write(protocol.command(register, value))
            wait(0.1)

    def poll(self, now: float) -> None:
        """Takes the bytes that have arrived by `now` [s]. Neither blocks nor raises."""
        try:
            data = self.port.read(self.port.in_waiting)
        except SERIAL_ERRORS as error:
            self._gone = str(error) or type(error).__name__
            return
        self.feed(data, now)

    def feed(self, data: bytes, now: float) -> None:
        for kind, words in self._parser.feed(data):
            if kind == ACCELERATION:
                self._acc, self._temperature = protocol.acceleration_of(words)
            elif kind == ANGULAR_VELOCITY:
                self._ang_vel = protocol.angular_velocity_of(words)
            elif kind == QUATERNION:
                quat = protocol.quaternion_of(words)
                if quat is not None:
                    self._has_quaternion = True
                    self._complete(quat, now)
            elif kind == ANGLES and not self._has_quaternion:
                self._complete(protocol.quaternion_of_angles(words), now)

    def _complete(self, quat, now: float) -> None:
        """An orientation ends a group of frames."""
        if self._ang_vel is None:
            return
        raw = (quat, self._ang_vel, self._acc)
        self._equal = self._equal + 1 if raw == self._last else 0
        self._last = raw
        w, x, y, z = self.mounting
        acc, before = frozen(rotate(self.mounting, self._acc)), self.sample
        known = math.isfinite(acc[0])
        total, count = (before.acc_sum, before.count) if before else (frozen(np.zeros(3)), 0)
        ang_vel = frozen(rotate(self.mounting, self._ang_vel))
        turned = frozen(before.turned + 0.5 * (now - before.stamp) * (before.ang_vel + ang_vel) if before else np.zeros(3))
        self.sample = ImuSample(
            stamp=now,
            quat=frozen(multiply(quat, (w, -x, -y, -z))),
            ang_vel=ang_vel,
            acc=acc,
            temperature=self._temperature,
            acc_sum=frozen(total + acc) if known else total,
            count=count + known,
            turned=turned,
        )
        self._ang_vel = None  # an orientation without a fresh angular velocity is not a reading

    def age(self, now: float) -> float:
        """Age of the newest reading [s]; inf before the first."""
        sample = self.sample
        return math.inf if sample is None else max(0.0, now - sample.stamp)

    def fault(self, now: float) -> str:
        """ "" or a word of deploy.drivers.can.faults.REACTIONS."""
        if self._gone:
            return "imu unplugged"
        if self.age(now) > self.config.max_age:
            return "imu silent"
        return "imu frozen" if self._equal >= FROZEN_AFTER else ""

    def close(self) -> None:
        with contextlib.suppress(*SERIAL_ERRORS):
            self.port.close()


def open_imu(config: ImuConfig) -> Imu:
    """Opens the serial line. Raises RobotError with the way out."""
    try:
        port = serial.Serial(config.port, config.baud, timeout=0)
    except (*SERIAL_ERRORS, ValueError) as error:
        raise RobotError(
            f"imu: cannot open {config.port}: {error}; is it plugged in, and is the udev rule installed (deploy/install)?"
        ) from error
    return Imu(config, port)


class ImuThread:
    """Polls an IMU at twice its rate."""

    def __init__(self, imu: Imu, clock=time.monotonic):
        self.imu, self.clock = imu, clock
        self._stop = threading.Event()
        self._thread = our_thread("imu", self._run)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=1.0)

    def _run(self) -> None:
        claim_realtime(IMU)
        period = 0.5 / self.imu.config.rate_hz
        while not self._stop.is_set():
            self.imu.poll(self.clock())
            time.sleep(period)
