"""Simulated motors of the real kind: torque = kp (q* − q) − kd q̇, clamped, with a watchdog, damping and off."""

from __future__ import annotations

import mujoco
import numpy as np

from arbiter.errors import RobotError
from arbiter.robot import RobotModel
from arbiter.safety import is_safe
from arbiter.types import Mode, SafeCommand


class Motors:
    """Keeps the last command and turns it into torques at the motors' own rate.

    A motor that is driving (kp above zero) and hears nothing for `watchdog` seconds falls to damping and stays there
    until `clear`: this is how the real motors are assumed to behave.

    Attributes:
        expired: True once the watchdog fell.
        driving: True while position gains act.
    """

    def __init__(self, model: RobotModel, watchdog: float) -> None:
        self._model = model
        self._watchdog = watchdog
        self._q = np.zeros(model.n)
        self._kp = np.zeros(model.n)
        self._kd = np.zeros(model.n)
        self._buffer = np.zeros(model.n)
        self._fed_at = 0.0
        self.expired = False
        self.driving = False
        self.damp()

    def damp(self) -> None:
        """No position gain, nominal kd."""
        self._kp[:] = 0.0
        self._kd[:] = self._model.kd
        self.driving = False

    def clear(self) -> None:
        """Forgets a fallen watchdog; the motors stay in damping until the next command."""
        self.expired = False
        self.damp()

    def take(self, command: SafeCommand, time: float) -> None:
        """The command that holds from `time` [s] on. Raises RobotError unless the safety layer made it, for these joints."""
        if not is_safe(command):
            raise RobotError(
                f"simulated robot: {type(command).__name__} did not come from the safety layer; "
                "only arbiter.safety makes commands"
            )
        for name, values in (("q", command.q), ("kp", command.kp), ("kd", command.kd)):
            if np.shape(values) != (self._model.n,):
                raise RobotError(
                    f"simulated robot: {name} of the command has the shape {np.shape(values)}; ({self._model.n},) is expected"
                )
            broken = np.flatnonzero(~np.isfinite(values))
            if broken.size:
                raise RobotError(
                    f"simulated robot: {name} of the command is {values[broken[0]]} for "
                    f"{self._model.joints[broken[0]]}; a finite number is expected"
                )
        self._fed_at = time
        if self.expired:
            return
        self._q[:] = command.q
        if command.mode is Mode.OFF:
            self._kp[:] = 0.0
            self._kd[:] = 0.0
        else:
            self._kp[:] = command.kp
            self._kd[:] = command.kd
        self.driving = bool(self._kp.any())

    def drive(self, q: np.ndarray, dq: np.ndarray, time: float, out: np.ndarray, torqueless: list[int]) -> None:
        """Writes what the motors are given at positions `q` [rad] and velocities `dq` [rad/s] into `out`, shape (n,): torques
        [N·m], none of the joints in `torqueless`."""
        self.torque(q, dq, time, out)
        if torqueless:
            out[torqueless] = 0.0

    def torque(self, q: np.ndarray, dq: np.ndarray, time: float, out: np.ndarray) -> None:
        """Writes the torques [N·m], shape (n,), at positions `q` [rad] and velocities `dq` [rad/s] into `out`."""
        self._watch(time)
        np.subtract(self._q, q, out=out)
        np.multiply(self._kp, out, out=out)
        np.multiply(self._kd, dq, out=self._buffer)
        np.subtract(out, self._buffer, out=out)
        np.minimum(out, self._model.effort, out=out)
        np.maximum(out, -self._model.effort, out=out)

    def _watch(self, time: float) -> None:
        """The watchdog: damping, where nothing was heard for too long."""
        if self.driving and time - self._fed_at > self._watchdog:
            self.expired = True
            self.damp()


class ImplicitMotors(Motors):
    """The same law, but solved by MuJoCo together with the motion: stable for any damping. The model's motors become position
    motors whose gains are set as commands come."""

    def __init__(self, model: RobotModel, watchdog: float, mj: mujoco.MjModel) -> None:
        self._mj = mj
        mj.opt.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
        mj.actuator_biastype[:] = mujoco.mjtBias.mjBIAS_AFFINE
        mj.actuator_forcelimited[:] = 1
        mj.actuator_forcerange[:] = np.column_stack((-model.effort, model.effort))
        mj.actuator_ctrllimited[:] = 0
        super().__init__(model, watchdog)

    def drive(self, q: np.ndarray, dq: np.ndarray, time: float, out: np.ndarray, torqueless: list[int]) -> None:
        """Writes the targets [rad] into `out`, shape (n,), and the gains into the model."""
        self._watch(time)
        out[:] = self._q
        gains, bias = self._mj.actuator_gainprm, self._mj.actuator_biasprm
        gains[:, 0] = self._kp
        bias[:, 1], bias[:, 2] = -self._kp, -self._kd
        if torqueless:
            gains[torqueless, 0] = bias[torqueless, 1] = bias[torqueless, 2] = 0.0
