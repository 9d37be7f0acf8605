"""Joint velocities that move a hand, seen from the base: damped least squares on the robot's own model."""

from __future__ import annotations

import mujoco
import numpy as np

from arbiter.robot import RobotModel
from deploy.robots.mjcf import open_spec
from deploy.robots.roles import find_roles

DAMPING = 1e-3  # [m²] keeps joint speeds small near a stretched arm


class HandJog:
    """Kinematics of the hands.

    Attributes:
        hands: How many there are.
    """

    def __init__(self, model: RobotModel) -> None:
        self._mj = open_spec(model).compile()
        self._data = mujoco.MjData(self._mj)
        self._hands = find_roles(self._mj, model).hands
        joints = [self._mj.joint(name) for name in model.joints]
        self._places = np.array([joint.qposadr[0] for joint in joints])
        self._speeds = np.array([joint.dofadr[0] for joint in joints])
        self.hands = len(self._hands)

    def velocity(self, hand: int, q: np.ndarray, wanted: np.ndarray, joints: np.ndarray) -> np.ndarray:
        """Joint velocity [rad/s], shape (n,), of the mask `joints` (n,) that moves a hand at `wanted` [m/s], base frame, (3,);
        `q`: posture [rad], shape (n,)."""
        body, point = self._hands[hand]
        data, jacobian = self._data, np.zeros((3, self._mj.nv))
        data.qpos[:] = self._mj.qpos0
        data.qpos[self._places] = q
        mujoco.mj_kinematics(self._mj, data)
        mujoco.mj_comPos(self._mj, data)
        place = data.xpos[body] + data.xmat[body].reshape(3, 3) @ point
        mujoco.mj_jac(self._mj, data, jacobian, None, place, body)
        moved = np.where(joints, jacobian[:, self._speeds], 0.0)
        return moved.T @ np.linalg.solve(moved @ moved.T + DAMPING * np.eye(3), wanted)
