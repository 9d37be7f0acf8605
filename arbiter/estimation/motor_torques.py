"""Torques of the motors by what they were told."""

from __future__ import annotations

from collections import deque

import numpy as np

from arbiter.types import SafeCommand

KEPT = 4  # commands: readings are that many ticks old at most


class MotorTorques:
    """Keeps the last commands, with the stamp of the reading after which each was sent [s]."""

    def __init__(self, effort: np.ndarray) -> None:
        """`effort`: limits [N·m], shape (n,)."""
        self._least, self._most = -effort, effort
        self._torque, self._damping = np.zeros(len(effort)), np.zeros(len(effort))
        self._sent: deque[tuple[float, SafeCommand]] = deque(maxlen=KEPT)

    def send(self, command: SafeCommand, stamp: float) -> None:
        """A command that holds from the reading at `stamp` [s] on."""
        self._sent.appendleft((stamp, command))

    def at(self, time: float, joint_pos: np.ndarray, joint_vel: np.ndarray) -> np.ndarray:
        """[N·m], shape (n,), at `time` [s] and the joint positions [rad] and velocities [rad/s] of then; holds until it is asked
        for the next ones."""
        torque, damping = self._torque, self._damping
        for since, command in self._sent:
            if since < time:
                np.subtract(command.q, joint_pos, torque)
                torque *= command.kp
                np.multiply(command.kd, joint_vel, damping)
                torque -= damping
                np.maximum(torque, self._least, torque)
                return np.minimum(torque, self._most, torque)
        torque.fill(0.0)
        return torque
