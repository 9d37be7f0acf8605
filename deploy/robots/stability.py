"""Whether motors that compute kp (q* - q) - kd dq at a fixed rate, as real drives do, are stable on a robot.

Between two computations the torque is constant, so that too much damping on too little inertia accelerates a joint instead of
slowing it: for a single joint if kd dt / I is above 2, for coupled joints earlier.
"""

from __future__ import annotations

import mujoco
import numpy as np

from arbiter.robot import RobotModel
from deploy.robots.mjcf import standing_data
from deploy.robots.roles import Roles

MOST = 1.0  # largest growth of a motion in a step


def unstable(mj: mujoco.MjModel, robot: RobotModel, dt: float) -> tuple[str, ...]:
    """Joints whose largest gains are unstable at a motor period of `dt` [s], the worst first; empty where all are stable."""
    inverse = joint_mobility(mj, robot)
    found = []
    for kp, kd in ((robot.kp, robot.kd), (robot.kp_max, robot.kd_max)):
        growth, share = fastest_growth(inverse, kp, kd, dt)
        if growth > MOST + 1e-6:
            found += [robot.joints[i] for i in np.argsort(-share) if share[i] > 0.3 * share.max()]
    return tuple(dict.fromkeys(found))


def joint_mobility(mj: mujoco.MjModel, robot: RobotModel) -> np.ndarray:
    """Accelerations of the joints by torques at them in the default posture [1/(kg m^2)], shape (n, n)."""
    data = standing_data(mj, robot)
    mujoco.mj_makeM(mj, data)
    mass = np.zeros((mj.nv, mj.nv))
    for column, unit in zip(mass, np.eye(mj.nv), strict=True):  # the arguments of mj_fullM changed with MuJoCo
        mujoco.mj_mulM(mj, data, column, unit)
    return np.linalg.inv(mass)[mj.nv - robot.n :, mj.nv - robot.n :]


def fastest_growth(inverse: np.ndarray, kp: np.ndarray, kd: np.ndarray, dt: float) -> tuple[float, np.ndarray]:
    """How much the fastest growing motion grows in a step, and each joint's share of it, shape (n,)."""
    n, eye = len(kp), np.eye(len(kp))
    slow = eye - dt * inverse * kd
    step = np.block([[slow, -dt * inverse * kp], [dt * slow, eye - dt * dt * inverse * kp]])  # velocities, then positions
    values, vectors = np.linalg.eig(step)
    worst = int(np.argmax(np.abs(values)))
    return float(np.abs(values[worst])), np.abs(vectors[:n, worst])


def needed_ankle_stiffness(mj: mujoco.MjModel, robot: RobotModel, roles: Roles) -> float:
    """Stiffness that each ankle needs for a posture that is only held not to tip over [N·m/rad]; 0 without known ankles."""
    ankles = robot.known_body.ankles
    if not len(ankles):
        return 0.0
    data, weight = standing_data(mj, robot), -float(mj.opt.gravity[2]) * float(mj.body_subtreemass[roles.base])
    first = int(roles.free)
    height = data.subtree_com[roles.base, 2] - min(float(data.xanchor[first + i, 2]) for i in ankles)
    return weight * height / len(ankles)
