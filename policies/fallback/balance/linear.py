"""A standing biped near a posture, as a linear system in the six degrees of freedom of its base.

With both feet flat on the floor the legs follow from the base pose, so the state is the base's displacement z
(x, y, z [m], rotation vector [rad], world frame) and its rate. Needs MuJoCo; runs when gains are made, never in a tick.

The change of the carried leg torques' moment arms with the posture (geometric stiffness) is left out. With it the system agrees
with MuJoCo's own linearisation (`mjd_transitionFD`, feet welded to the floor) within 1.5 %, and the gains differ by up to a fifth
from those that ship, whose cost weights were chosen with this model.
"""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

GRAVITY = 9.81


@dataclass(frozen=True, slots=True)
class Linearised:
    """M z̈ + kd AᵀA ż + (kp AᵀA + H) z = kp Aᵀ u, u: change of the leg targets [rad].

    Attributes:
        legs: Change of the leg angles with z, shape (legs, 6).
        stiffness: H, Hessian of the potential energy, shape (6, 6).
        mass: M, shape (6, 6).
    """

    legs: np.ndarray
    stiffness: np.ndarray
    mass: np.ndarray


class Standing:
    """Kinematics of a robot whose feet stay where they are.

    Args:
        mj: The robot's MuJoCo model; its feet are flat when all joints are zero and the base is upright.
        joints: Joint names, robot order.
        legs: Indices of the leg joints in `joints`.
        feet: Names of the two foot bodies.
    """

    def __init__(self, mj: mujoco.MjModel, joints: tuple[str, ...], legs: np.ndarray, feet: tuple[str, str]) -> None:
        self._mj, self._data = mj, mujoco.MjData(mj)
        self._qpos = np.array([mj.joint(name).qposadr[0] for name in joints])
        self._dofs = np.array([mj.joint(joints[i]).dofadr[0] for i in legs])
        self._leg_qpos = self._qpos[legs]
        self._feet = [mj.body(name).id for name in feet]
        self._pose(np.array((0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)), np.zeros(len(joints)))
        self._flat = [self._data.xmat[foot].reshape(3, 3).copy() for foot in self._feet]

    def _pose(self, base: np.ndarray, q: np.ndarray) -> None:
        self._data.qpos[:7] = base
        self._data.qpos[self._qpos] = q
        self._forward()

    def _forward(self) -> None:
        mujoco.mj_kinematics(self._mj, self._data)
        mujoco.mj_comPos(self._mj, self._data)

    def place(self, q: np.ndarray) -> np.ndarray:
        """Puts the robot on its flat left foot in posture `q` [rad]; the base pose, shape (7,)."""
        base = np.array((0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0))
        self._pose(base, q)
        turn = self._flat[0] @ self._data.xmat[self._feet[0]].reshape(3, 3).T
        mujoco.mju_mat2Quat(base[3:], turn.ravel())
        self._pose(base, q)
        return base

    def _error(self, targets: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        """How far the feet are from `targets` (position, orientation), shape (12,)."""
        error, quat = np.zeros(12), np.zeros(4)
        for i, (foot, (position, matrix)) in enumerate(zip(self._feet, targets, strict=True)):
            error[6 * i : 6 * i + 3] = position - self._data.xpos[foot]
            mujoco.mju_mat2Quat(quat, (matrix @ self._data.xmat[foot].reshape(3, 3).T).ravel())
            mujoco.mju_quat2Vel(error[6 * i + 3 : 6 * i + 6], quat, 1.0)
        return error

    def _reach(self, targets: list[tuple[np.ndarray, np.ndarray]], steps: int = 20) -> None:
        """Bends the legs until the feet are at `targets`."""
        jacobian, both = np.zeros((12, self._mj.nv)), np.zeros((6, self._mj.nv))
        for _ in range(steps):
            error = self._error(targets)
            if np.abs(error).max() < 1e-11:
                return
            for i, foot in enumerate(self._feet):
                mujoco.mj_jacBody(self._mj, self._data, both[:3], both[3:], foot)
                jacobian[6 * i : 6 * i + 6] = both
            self._data.qpos[self._leg_qpos] += np.linalg.solve(jacobian[:, self._dofs], error)
            self._forward()

    def carry(self, q: np.ndarray) -> np.ndarray:
        """Leg torques [N·m] that carry posture `q` when each foot bears half the weight, straight up: the feet need no
        friction, so they do not creep. Shape (legs,)."""
        self.place(q)
        mujoco.mj_forward(self._mj, self._data)
        torque = self._data.qfrc_bias.copy()
        half = 0.5 * GRAVITY * float(self._mj.body_mass.sum())
        jacobian = np.zeros((3, self._mj.nv))
        for foot in self._feet:
            point = np.array((self._data.subtree_com[0, 0], *self._data.xpos[foot, 1:]))
            mujoco.mj_jac(self._mj, self._data, jacobian, None, point, foot)
            torque -= half * jacobian[2]
        return torque[self._dofs]

    def linearise(self, q: np.ndarray, eps: float = 1e-3) -> Linearised:
        """The linear system about posture `q` [rad], by central differences over the base pose."""
        base = self.place(q)
        targets = [(self._data.xpos[f].copy(), self._data.xmat[f].reshape(3, 3).copy()) for f in self._feet]
        weight = float(self._mj.body_mass.sum()) * GRAVITY

        def energy(z: np.ndarray) -> tuple[float, np.ndarray]:
            moved = base.copy()
            moved[:3] += z[:3]
            size = np.linalg.norm(z[3:])
            if size > 0.0:
                turn = np.zeros(4)
                mujoco.mju_axisAngle2Quat(turn, z[3:] / size, size)
                mujoco.mju_mulQuat(moved[3:], turn, base[3:])
            self._pose(moved, q)
            self._reach(targets)
            return weight * self._data.subtree_com[0, 2], self._data.qpos[self._leg_qpos].copy()

        steps = eps * np.eye(6)
        middle = energy(np.zeros(6))[0]
        legs, stiffness = np.zeros((len(self._dofs), 6)), np.zeros((6, 6))
        for i in range(6):
            (up, q_up), (down, q_down) = energy(steps[i]), energy(-steps[i])
            legs[:, i] = (q_up - q_down) / (2.0 * eps)
            stiffness[i, i] = (up - 2.0 * middle + down) / eps**2
            for j in range(i):
                both = sum(
                    s * energy(a * steps[i] + b * steps[j])[0] for a, b, s in ((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1))
                )
                stiffness[i, j] = stiffness[j, i] = both / (4.0 * eps**2)
        return Linearised(legs, stiffness, self._mass(base, q, legs))

    def _mass(self, base: np.ndarray, q: np.ndarray, legs: np.ndarray) -> np.ndarray:
        self._pose(base, q)
        mujoco.mj_forward(self._mj, self._data)
        rates = np.zeros((self._mj.nv, 6))
        rates[:3, :3] = np.eye(3)
        rotation = np.zeros(9)
        mujoco.mju_quat2Mat(rotation, base[3:])
        rates[3:6, 3:] = rotation.reshape(3, 3).T
        rates[self._dofs] = legs
        moved = np.zeros((self._mj.nv, 6))
        for i in range(6):
            column = np.zeros(self._mj.nv)
            mujoco.mj_mulM(self._mj, self._data, column, np.ascontiguousarray(rates[:, i]))
            moved[:, i] = column
        return rates.T @ moved
