"""Kinematics and gravity of the upper body on a fixed base, and inverse kinematics of a hand with mink."""

from __future__ import annotations

import mink
import mujoco
import numpy as np

from arbiter.robot import RobotModel
from training.common.mujoco_world import fixed_base

SIDES = ("left", "right")
SOLVER = "daqp"
IK_STEPS = 60
IK_DT = 0.05  # [s] of the differential inverse kinematics; only sets the size of its steps
SETTLED = 1e-4  # [rad] change of a step below which the inverse kinematics is done
DAMPING = 1e-3  # [m²] of the jog: keeps joint speeds small near a stretched arm
POSTURE_COST = 2e-3  # against a position cost of 1: chooses among equal solutions, moves the hand by under 2 mm


class UpperBody:
    """Kinematics of the arms in the base frame; the base is fixed at the origin.

    All joint arrays are shape (n,), robot order [rad]; positions are in the base frame [m].

    Attributes:
        model: Figures and limits.
        arm: Mask of the joints of the "left" and the "right" arm, shape (n,).
    """

    def __init__(self, model: RobotModel) -> None:
        self.model = model
        self._mj = fixed_base(model)
        self._data = mujoco.MjData(self._mj)
        self._torque = np.zeros(self._mj.nv)
        self._hands = [self._mj.site(f"hand_{side}").id for side in SIDES]
        self._elbows = [self._mj.body(f"arm_{side}_elbow_pitch").id for side in SIDES]
        self._arms = model.groups["arms"]
        self.arm = {side: np.array([f"arm_{side}_" in name for name in model.joints]) for side in SIDES}

    def hands(self, q: np.ndarray) -> np.ndarray:
        """Position of the left and the right hand [m], shape (2, 3)."""
        self._data.qpos[:] = q
        mujoco.mj_kinematics(self._mj, self._data)
        return self._data.site_xpos[self._hands].copy()

    def forearms(self, q: np.ndarray) -> np.ndarray:
        """Direction from the elbow to the hand, left and right, unit vectors, shape (2, 3)."""
        along = self.hands(q) - self._data.xpos[self._elbows]
        return along / np.linalg.norm(along, axis=1, keepdims=True)

    def gravity(self, q: np.ndarray) -> np.ndarray:
        """Torque that holds the arms at rest at `q` on an upright base [N·m], shape (n,); zero for the legs."""
        self._data.qpos[:] = q
        self._data.qvel[:] = 0.0
        mujoco.mj_kinematics(self._mj, self._data)
        mujoco.mj_comPos(self._mj, self._data)
        mujoco.mj_comVel(self._mj, self._data)
        mujoco.mj_rne(self._mj, self._data, 0, self._torque)
        return np.where(self._arms, self._torque, 0.0)

    def jog(self, side: str, q: np.ndarray, velocity: np.ndarray) -> np.ndarray:
        """Joint velocity that moves a hand at `velocity` [m/s], base frame, shape (3,): damped least squares, shape (n,)."""
        self._data.qpos[:] = q
        mujoco.mj_kinematics(self._mj, self._data)
        mujoco.mj_comPos(self._mj, self._data)
        jacobian = np.zeros((3, self._mj.nv))
        mujoco.mj_jacSite(self._mj, self._data, jacobian, None, self._hands[SIDES.index(side)])
        jacobian[:, ~self.arm[side]] = 0.0
        return jacobian.T @ np.linalg.solve(jacobian @ jacobian.T + DAMPING * np.eye(3), velocity)

    def reach(self, side: str, point: np.ndarray, nominal: np.ndarray) -> tuple[np.ndarray, float]:
        """Joint positions that bring a hand to a point, found from `nominal`: the same point gives the same posture.

        Args:
            side: "left" or "right".
            point: Where the hand should be [m], base frame, shape (3,).
            nominal: Posture to start from and to stay near [rad], shape (n,).

        Returns:
            Joint positions [rad], shape (n,), equal to `nominal` outside that arm, and the distance that is left [m].
        """
        configuration = mink.Configuration(self._mj, q=np.array(nominal, float))
        hand = mink.FrameTask(f"hand_{side}", "site", position_cost=1.0, orientation_cost=0.0, lm_damping=1e-3)
        hand.set_target(mink.SE3.from_translation(np.asarray(point, float)))
        posture = mink.PostureTask(self._mj, cost=POSTURE_COST)
        posture.set_target(np.array(nominal, float))
        limits = [mink.ConfigurationLimit(self._mj, gain=0.9)]
        freeze = [mink.DofFreezingTask(self._mj, dof_indices=np.flatnonzero(~self.arm[side]).tolist())]
        for _ in range(IK_STEPS):
            velocity = mink.solve_ik(configuration, [hand, posture], IK_DT, SOLVER, limits=limits, constraints=freeze)
            configuration.integrate_inplace(velocity, IK_DT)
            if np.abs(velocity).max() * IK_DT < SETTLED:
                break
        q = np.where(self.arm[side], np.clip(configuration.q, self.model.lower, self.model.upper), nominal)
        return q, float(np.linalg.norm(self.hands(q)[SIDES.index(side)] - point))
