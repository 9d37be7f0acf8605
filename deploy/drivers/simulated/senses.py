"""Simulated encoders and IMU: noise, and failures on demand."""

from __future__ import annotations

from dataclasses import dataclass, field

import mujoco
import numpy as np

from arbiter.types import RobotState, frozen
from deploy.drivers.simulated.accelerometer import GRAVITY, Accelerometer
from deploy.drivers.simulated.gyroscope import Gyroscope


@dataclass(frozen=True, slots=True)
class Noise:
    """Standard deviations of the sensors' white noise; all zero: ideal sensors.

    Attributes:
        joint_pos: [rad]. joint_vel: [rad/s]. orientation: Of the base's rotation vector [rad].
        ang_vel: Of each sample of the gyroscope [rad/s].
        acceleration: Of its mean over a tick [m/s²]. acceleration_bias: Of what it is off by for a whole run, each axis [m/s²].
        ang_vel_bias: Likewise [rad/s]; the heading drifts as the gyroscope does.
    """

    joint_pos: float = 0.0
    joint_vel: float = 0.0
    orientation: float = 0.0
    ang_vel: float = 0.0
    acceleration: float = 0.0
    acceleration_bias: float = 0.0
    ang_vel_bias: float = 0.0


@dataclass(slots=True)
class Failures:
    """Injected failures. Change it at any time; `clear` removes all of them.

    Attributes:
        silent: Joints whose readings stopped: the last one stays and its age grows.
        garbled: Joints that read NaN.
        torqueless: Joints whose motor makes no torque.
        imu: "" (healthy), "silent" or "garbled".
        reported: Fault names that the drivers report, such as "can1: bus off".
    """

    silent: set[str] = field(default_factory=set)
    garbled: set[str] = field(default_factory=set)
    torqueless: set[str] = field(default_factory=set)
    imu: str = ""
    reported: list[str] = field(default_factory=list)

    def clear(self) -> None:
        for broken in (self.silent, self.garbled, self.torqueless, self.reported):
            broken.clear()
        self.imu = ""


class Senses:
    """Reads joints and IMU from the simulation as a driver would: with noise, and stale where a sensor is silent."""

    def __init__(self, joints: tuple[str, ...], noise: Noise, seed: int) -> None:
        self._joints = joints
        self._noise = noise
        self._seed = seed
        self.failures = Failures()

    def reset(self, joint_pos: np.ndarray, joint_vel: np.ndarray, quat: np.ndarray, ang_vel: np.ndarray) -> None:
        """Removes all failures and restarts the noise; the values [rad], [rad/s] are those of time 0."""
        self.failures.clear()
        self._random = np.random.default_rng(self._seed)
        self._pos, self._vel = joint_pos.copy(), joint_vel.copy()
        self._quat, self._ang_vel = quat.copy(), ang_vel.copy()
        self._joint_at = np.zeros(len(self._joints))
        self._imu_at = 0.0
        # A stream of their own: what is drawn for the other sensors does not depend on them.
        self._own = np.random.default_rng((self._seed, 1))
        self._bias, self._drift = (
            size * self._own.standard_normal(3) for size in (self._noise.acceleration_bias, self._noise.ang_vel_bias)
        )
        self._felt, self._felt_for = np.zeros(3), 0.0
        self._spins = np.random.default_rng((self._seed, 2))
        self._mean_ang_vel = ang_vel.copy()
        self._turned, self._turned_for, self._samples = np.zeros(3), 0.0, 0
        self._acceleration = np.array((0.0, 0.0, GRAVITY))

    def read(
        self,
        joint_pos: np.ndarray,
        joint_vel: np.ndarray,
        quat: np.ndarray,
        ang_vel: np.ndarray,
        accelerometer: Accelerometer,
        gyroscope: Gyroscope,
        *,
        time: float,
        now: float,
        battery: float,
        faults: tuple[str, ...],
    ) -> RobotState:
        """The state as measured, from the true values at `time` [s]; `now` becomes its stamp."""
        n, noise, failures = len(self._joints), self._noise, self.failures
        # Drawn even where nothing reads it: the sequence must not depend on what is broken.
        draws = self._random.standard_normal(2 * n + 6)
        fresh = np.array([name not in failures.silent for name in self._joints])
        np.copyto(self._pos, joint_pos + noise.joint_pos * draws[:n], where=fresh)
        np.copyto(self._vel, joint_vel + noise.joint_vel * draws[n : 2 * n], where=fresh)
        self._joint_at[fresh] = time
        if failures.imu != "silent":
            self._quat[:] = quat
            if noise.orientation > 0.0:
                mujoco.mju_quatIntegrate(self._quat, draws[2 * n : 2 * n + 3], noise.orientation)
            self._ang_vel[:] = ang_vel + noise.ang_vel * draws[2 * n + 3 :]
            self._feel(accelerometer)
            self._spin(gyroscope, ang_vel)
            self._drifted(time)
            self._imu_at = time
        garbled = np.array([name in failures.garbled for name in self._joints])
        lost = failures.imu == "garbled"
        return RobotState(
            stamp=now,
            joint_pos=frozen(np.where(garbled, np.nan, self._pos)),
            joint_vel=frozen(np.where(garbled, np.nan, self._vel)),
            base_quat=frozen(np.full(4, np.nan) if lost else self._quat),
            base_ang_vel=frozen(np.full(3, np.nan) if lost else self._ang_vel),
            joint_age=frozen(time - self._joint_at),
            imu_age=time - self._imu_at,
            battery=battery,
            faults=faults + tuple(failures.reported),
            acceleration=frozen(np.full(3, np.nan) if lost else self._acceleration),
            mean_ang_vel=frozen(np.full(3, np.nan) if lost else self._mean_ang_vel),
        )

    def _feel(self, accelerometer: Accelerometer) -> None:
        """The mean of the acceleration since the last reading that had one."""
        passed = accelerometer.time - self._felt_for
        if passed > 0.0:
            felt = np.array(accelerometer.felt)
            noise = self._noise.acceleration * self._own.standard_normal(3)
            self._acceleration[:] = (felt - self._felt) / passed + noise + self._bias
            self._felt, self._felt_for = felt, accelerometer.time

    def _spin(self, gyroscope: Gyroscope, ang_vel: np.ndarray) -> None:
        """The mean of the angular velocity since the last reading that had one, by the samples of the gyroscope."""
        gyroscope.sample(ang_vel)
        passed = gyroscope.time - self._turned_for
        if passed > 0.0:
            turned = np.array(gyroscope.turned)
            size = self._noise.ang_vel / np.sqrt(gyroscope.samples - self._samples)
            noise = size * self._spins.standard_normal(3)
            self._mean_ang_vel[:] = (turned - self._turned) / passed + noise + self._drift
            self._turned, self._turned_for, self._samples = turned, gyroscope.time, gyroscope.samples

    def _drifted(self, time: float) -> None:
        """A gyroscope with a bias, and an orientation whose heading is its integral."""
        if self._noise.ang_vel_bias > 0.0:
            self._ang_vel += self._drift
            turn = 0.5 * time * float(self._drift[2])
            mujoco.mju_mulQuat(self._quat, np.array((np.cos(turn), 0.0, 0.0, np.sin(turn))), self._quat.copy())
