"""The body that the simulated motors drive: MuJoCo's robot, or independent joints for tests of the wire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from arbiter.robot import RobotModel
from deploy.drivers.simulated.accelerometer import GRAVITY
from deploy.drivers.simulated.motors import Motors
from deploy.drivers.simulated.simulated_robot import SimulatedRobot

# (position [rad], velocity [rad/s], time [s], out: torque [N·m]), each (n,), robot order, joint coordinates
Torque = Callable[[np.ndarray, np.ndarray, float, np.ndarray], None]


class RigBody(Protocol):
    """A body on the rig. Joint coordinates, robot order."""

    def advance(self, dt: float) -> None:
        """Lets `dt` seconds pass; asks the torque callback at the motors' rate."""

    def joints(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions [rad] and velocities [rad/s], shape (n,)."""

    def base(self) -> tuple[np.ndarray, np.ndarray]:
        """Orientation (w, x, y, z) and angular velocity [rad/s, body frame]."""

    def felt(self) -> tuple[np.ndarray, float]:
        """Specific force at the IMU, integrated since the start [m/s, body frame], shape (3,), and for how long [s]."""


class JointBody:
    """Joints on their own, without gravity: inertia and friction of the real drives, the base upright and at rest."""

    def __init__(self, model: RobotModel, torque: Torque, inertia: float = 0.05, friction: float = 0.1, dt: float = 0.002):
        self._torque, self._inertia, self._friction, self._dt = torque, inertia, friction, dt
        self._q, self._dq, self._tau = model.default.copy(), np.zeros(model.n), np.zeros(model.n)
        self._steps = 0
        self._time = 0.0

    def advance(self, dt: float) -> None:
        self._time += dt
        while self._steps < round(self._time / self._dt):
            self._torque(self._q, self._dq, self._steps * self._dt, self._tau)
            self._dq += self._dt / self._inertia * (self._tau - self._friction * self._dq)
            self._q += self._dt * self._dq
            self._steps += 1

    def joints(self) -> tuple[np.ndarray, np.ndarray]:
        return self._q, self._dq

    def base(self) -> tuple[np.ndarray, np.ndarray]:
        return np.array((1.0, 0.0, 0.0, 0.0)), np.zeros(3)

    def felt(self) -> tuple[np.ndarray, float]:
        return np.array((0.0, 0.0, GRAVITY * self._time)), self._time


class _CanMotors(Motors):
    """Stands in for the simulated robot's own motors: the torques come from the motor controllers on CAN."""

    expired = False

    def __init__(self, torque: Torque):
        self._torque = torque

    def torque(self, q: np.ndarray, dq: np.ndarray, time: float, out: np.ndarray) -> None:
        self._torque(q, dq, time, out)

    def clear(self) -> None:
        pass

    def damp(self) -> None:
        pass


class MujocoBody(SimulatedRobot):
    """The simulated robot with the rig's motors in it. Hangs in its harness until `release`."""

    def __init__(self, model: RobotModel, torque: Torque, **options):
        self._can = torque
        super().__init__(model, **options)
        self.connect()

    def _make_motors(self, watchdog: float, dt: float) -> Motors:
        return _CanMotors(self._can)

    def advance(self, dt: float) -> None:
        self.step(dt)

    def joints(self) -> tuple[np.ndarray, np.ndarray]:
        return self._data.qpos[self._q], self._data.qvel[self._dq]

    def base(self) -> tuple[np.ndarray, np.ndarray]:
        return self._data.qpos[3:7], self._data.qvel[3:6]

    def felt(self) -> tuple[np.ndarray, float]:
        return np.array(self.accelerometer.felt), self.accelerometer.time
