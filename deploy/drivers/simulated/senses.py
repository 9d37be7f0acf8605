"""Simulated encoders and IMU: noise, and failures on demand."""

from __future__ import annotations

from dataclasses import dataclass, field

import mujoco
import numpy as np

from arbiter.types import RobotState, frozen


@dataclass(frozen=True, slots=True)
class Noise:
    """Standard deviations of the sensors' white noise; all zero: ideal sensors.

    Attributes:
        joint_pos: [rad]. joint_vel: [rad/s]. orientation: Of the base's rotation vector [rad]. ang_vel: [rad/s].
    """

    joint_pos: float = 0.0
    joint_vel: float = 0.0
    orientation: float = 0.0
    ang_vel: float = 0.0


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

    def read(
        self,
        joint_pos: np.ndarray,
        joint_vel: np.ndarray,
        quat: np.ndarray,
        ang_vel: np.ndarray,
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
        )
