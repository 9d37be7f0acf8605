"""What a robot in the arena senses: readings of a physics state, with the estimate of where its base is."""

from __future__ import annotations

from dataclasses import replace

import mujoco
import numpy as np

from arbiter.estimation.estimator import BaseEstimator
from arbiter.robot import RobotModel
from arbiter.types import Mode, RobotState, SafeCommand, frozen

ACCELEROMETER = slice(7, 10)  # in the sensor vector: after a quaternion and the gyroscope
UP = np.array((0.0, 0.0, 9.81))


class ArenaSenses:
    """The sensors of one robot, and the estimator where its policy observes the base's velocity.

    Args:
        model: The robot.
        noise: Factor on the sensors' noise.
        rng: Of the noise.
        estimates: Whether readings have an estimate.
    """

    def __init__(self, model: RobotModel, noise: float, rng: np.random.Generator, *, estimates: bool) -> None:
        self._model, self._noise, self._rng = model, noise, rng
        self._estimator = BaseEstimator(model) if estimates else None
        self._felt = UP

    def feel(self, sensors: np.ndarray) -> None:
        """What the sensors said in the physics steps of a tick, shape (steps, size)."""
        self._felt = sensors[:, ACCELEROMETER].mean(0)

    def read(self, row: np.ndarray, now: float, jump: np.ndarray) -> RobotState:
        """A reading of a physics state after the base's velocity jumped by `jump` [m/s], shape (3,), world axes."""
        state = reading(row, self._model, now, self._rng if self._noise else None, self._noise)
        if self._estimator is None:
            return state
        felt, shaken = self._felt.copy(), np.zeros(3)
        mujoco.mju_rotVecQuat(shaken, jump, row[4:8] * (1.0, -1.0, -1.0, -1.0))
        felt += shaken / self._model.dt + 0.1 * self._noise * self._rng.standard_normal(3)
        state = replace(state, acceleration=frozen(felt))
        return replace(state, estimate=self._estimator.step(state))

    def sent(self, now: float, targets: np.ndarray) -> None:
        """What the motors are told [rad], shape (n,)."""
        if self._estimator is not None:
            self._estimator.sent(SafeCommand(now, targets, self._model.kp, self._model.kd, Mode.RUN))


def reading(row: np.ndarray, model: RobotModel, now: float, rng: np.random.Generator | None, noise: float = 0.0) -> RobotState:
    """What the sensors say of a physics state."""
    n = model.n
    quat, pos, spin, vel = row[4:8], row[8 : 8 + n], row[8 + n + 3 : 8 + n + 6], row[8 + n + 6 : 8 + 2 * n + 6]
    if rng is not None:
        turn = np.concatenate(([1.0], 0.5 * 0.02 * noise * rng.standard_normal(3)))
        product = np.zeros(4)
        mujoco.mju_mulQuat(product, quat, turn / np.linalg.norm(turn))
        quat = product
        pos = pos + 0.01 * noise * rng.standard_normal(n)
        vel = vel + 0.4 * noise * rng.standard_normal(n)
        spin = spin + 0.1 * noise * rng.standard_normal(3)
    return RobotState(now, frozen(pos), frozen(vel), frozen(quat), frozen(spin), np.zeros(n))
