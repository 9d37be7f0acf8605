"""The simulation's true state, for tests and reports, and the pose for pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Truth:
    """The true state of the simulation, without sensors: for tests, reports and pictures.

    Attributes:
        time: Simulated time [s].
        base_pos: Position of the base frame [m], world, shape (3,).
        base_quat: Its orientation (w, x, y, z), shape (4,).
        base_vel: Its velocity [m/s], world, shape (3,).
        base_ang_vel: Its angular velocity [rad/s], body frame, shape (3,).
        torso_height: Height of the base's centre of mass [m].
        joint_pos, joint_vel: Without noise or failures [rad], [rad/s], shape (n,).
        joint_torque: What the motors gave last [N·m], shape (n,).
        foot_force: Normal force on each foot [N], left first, shape (feet,).
        foot_contact: Whether each foot touches something, left first.
        hands: Position of the left and right hand [m], world, shape (hands, 3).
        balls: Centre of each ball [m], world, by colour.
        supported: 1 hanging in the harness, 0 free.
    """

    time: float
    base_pos: np.ndarray
    base_quat: np.ndarray
    base_vel: np.ndarray
    base_ang_vel: np.ndarray
    torso_height: float
    joint_pos: np.ndarray
    joint_vel: np.ndarray
    joint_torque: np.ndarray
    foot_force: np.ndarray
    foot_contact: tuple[bool, ...]
    hands: np.ndarray
    balls: dict[str, np.ndarray]
    supported: float

    @property
    def yaw(self) -> float:
        """Heading of the base [rad]."""
        w, x, y, z = self.base_quat
        return float(np.arctan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z)))


@dataclass(frozen=True, slots=True)
class Pose:
    """All that a picture needs. Cheap to take on the tick's thread, drawn on another.

    Attributes:
        time: Simulated time [s].
        qpos: MuJoCo's generalised positions, shape (7 + n,).
        mocap_pos: Centres of the balls [m], shape (balls, 3).
    """

    time: float
    qpos: np.ndarray
    mocap_pos: np.ndarray
