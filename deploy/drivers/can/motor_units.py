"""Between the robot's terms and those of its motors and battery: commands, and the state of charge."""

from __future__ import annotations

import numpy as np

from arbiter.robot import RobotModel
from arbiter.types import Mode, SafeCommand
from deploy.drivers.can.bus_cycle import MotorCommand
from deploy.drivers.can.calibration import Calibration
from deploy.drivers.can.motor_protocol import MotorMode

MOTOR_MODES = {
    Mode.PASSIVE: MotorMode.DAMPING,
    Mode.RUN: MotorMode.POSITION,
    Mode.HOLD: MotorMode.POSITION,
    Mode.SETTLE: MotorMode.POSITION,
    Mode.DAMP: MotorMode.DAMPING,
    Mode.OFF: MotorMode.IDLE,
}
CELLS, CELL_EMPTY, CELL_FULL = 6, 3.3, 4.2  # lithium cells of the battery, [V] each


class ToMotors:
    """A command of the safety layer in the motors' terms.

    Args:
        model: Figures of the joints.
        feedforward: Share of the targets' own velocity that the motors are told.
    """

    def __init__(self, model: RobotModel, feedforward: float) -> None:
        self._model, self._share = model, feedforward
        self._last_q: np.ndarray | None = None  # of the last command with a position; [rad], shape (n,)

    def __call__(self, command: SafeCommand, calibration: Calibration, at: float) -> MotorCommand:
        """The same for the motors, given at `at` [s]."""
        mode = MOTOR_MODES[command.mode]
        if mode == MotorMode.POSITION and not command.kp.any():
            mode = MotorMode.DAMPING  # no position gain at all is damping
        velocity = self._velocity(command.q) if mode == MotorMode.POSITION else np.zeros(self._model.n)
        self._last_q = command.q if mode == MotorMode.POSITION else None
        return MotorCommand(
            at,
            mode,
            calibration.to_motor(command.q).tolist(),
            (velocity * calibration.direction).tolist(),
            command.kp.tolist(),
            command.kd.tolist(),
        )

    def _velocity(self, q: np.ndarray) -> np.ndarray:
        """Feedforward [rad/s], shape (n,)."""
        if self._last_q is None or not self._share:
            return np.zeros(self._model.n)
        rate = (q - self._last_q) / self._model.dt
        return self._share * np.clip(rate, -self._model.velocity, self._model.velocity)


def charge(voltage: float) -> float:
    """State of charge 0..1 of the battery, about, from its voltage [V]; nan for nan."""
    return float(np.clip((voltage / CELLS - CELL_EMPTY) / (CELL_FULL - CELL_EMPTY), 0.0, 1.0))
