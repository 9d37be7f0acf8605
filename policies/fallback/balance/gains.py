"""Makes the balance gains of a robot from its MuJoCo model: a linear-quadratic regulator at several knee angles.

    python -m deploy.robot balance FOLDER

The robot is a biped whose hips, knees and ankles pitch about its y axis, on feet that are flat when all joints are zero.
"""

from __future__ import annotations

import mujoco
import numpy as np

from arbiter.body import Body
from arbiter.errors import ConfigError
from arbiter.robot import RobotModel
from policies.fallback.balance.linear import Standing
from policies.fallback.balance.stance import SagittalChain, Segment

KNEES = (0.2, 0.4, 0.7, 1.0, 1.3)  # [rad]
TICK = 0.02  # [s]
# Cost weights of the base's displacement (x, y, z, rotation vector) and its rate, per radian² of correction: the best of some
# hundred random samples, by the hardest push survived with sensor noise and one tick of delay.
COST_POSE = (5.0e4, 90.0, 7.0e2, 7.0e4, 1.7e5, 4.0e3)
COST_RATE = (2.3e3, 22.0, 80.0, 2.7e3, 160.0, 20.0)
IMU_WEIGHT = 2.0  # of the orientation against one leg angle, in the least-squares estimate of the base's displacement


def chain(mj: mujoco.MjModel, robot: RobotModel, shape: Body) -> SagittalChain:
    """Masses and lengths in the sagittal plane, all joints zero, both sides together."""
    data = mujoco.MjData(mj)
    data.qpos[3] = 1.0
    mujoco.mj_kinematics(mj, data)
    parts = {"ankle": shape.ankles, "knee": shape.knees, "hip": shape.hips}
    joints = {part: [mj.joint(robot.joints[i]) for i in indices] for part, indices in parts.items()}
    anchor = {part: np.mean([data.xanchor[j.id] for j in both], axis=0)[[0, 2]] for part, both in joints.items()}
    level = np.zeros(mj.nbody, dtype=int)  # 0 trunk, 1 thigh, 2 shank, 3 foot
    for depth, part in enumerate(("hip", "knee", "ankle"), start=1):
        roots = {int(j.bodyid[0]) for j in joints[part]}
        for body in range(mj.nbody):
            up = body
            while up and up not in roots:
                up = int(mj.body_parentid[up])
            if up:
                level[body] = depth
    segments = []
    for depth, lower, upper in ((2, "ankle", "knee"), (1, "knee", "hip"), (0, "hip", "hip")):
        bodies = np.flatnonzero(level == depth)
        mass = mj.body_mass[bodies]
        com = mass @ data.xipos[bodies][:, [0, 2]] / mass.sum() - anchor[lower]
        link = anchor[upper] - anchor[lower]
        segments.append(Segment(float(mass.sum()), (float(com[0]), float(com[1])), (float(link[0]), float(link[1]))))
    return SagittalChain(*segments)


def regulator(f: np.ndarray, g: np.ndarray, q: np.ndarray, r: np.ndarray) -> np.ndarray:
    """Gain K of the linear-quadratic regulator u = −K x for x' = f x + g u with the cost xᵀ q x + uᵀ r u per step."""
    from scipy.linalg import solve_discrete_are

    p = solve_discrete_are(f, g, q, r)
    return np.linalg.solve(r + g.T @ p @ g, g.T @ p @ f)


def knot(standing: Standing, q: np.ndarray, kp: float, kd: float) -> dict[str, np.ndarray]:
    """Gains at posture `q`: of leg angles, leg rates, tilt (roll, pitch) and its rate, on the leg targets.

    Args:
        kp, kd: Of the legs' motors [N·m/rad], [N·m·s/rad].
    """
    lin = standing.linearise(q)
    n = len(lin.legs)
    inverse = np.linalg.inv(lin.mass)
    gram = lin.legs.T @ lin.legs
    system = np.zeros((12 + n, 12 + n))
    system[:6, 6:12] = np.eye(6)
    system[6:12, :6] = -inverse @ (kp * gram + lin.stiffness)
    system[6:12, 6:12] = -inverse @ (kd * gram)
    system[6:12, 12:] = inverse @ (kp * lin.legs.T)
    from scipy.linalg import expm

    step = expm(system * TICK)
    k = regulator(step[:12, :12], step[:12, 12:], np.diag(COST_POSE + COST_RATE), kp**2 / 3.6 * np.eye(n))
    # The base's displacement, by least squares from the leg angles and the orientation.
    seen = np.linalg.pinv(np.vstack((lin.legs, IMU_WEIGHT * np.eye(6)[3:5])))
    seen[:, n:] *= IMU_WEIGHT
    by_pos, by_rate = k[:, :6] @ seen, k[:, 6:] @ seen
    return {"pos": by_pos[:, :n], "tilt": by_pos[:, n:], "vel": by_rate[:, :n], "rate": by_rate[:, n:]}


def make(mj: mujoco.MjModel, robot: RobotModel, feet: tuple[str, str]) -> dict:
    """All that the reflex must know of a robot, ready for JSON.

    Args:
        mj: Its MuJoCo model.
        robot: Its figures.
        feet: Names of the two bodies of the soles.
    """
    shape = _biped(robot)
    names, legs = robot.joints, np.flatnonzero(robot.groups["legs"])
    body, standing = chain(mj, robot, shape), Standing(mj, names, legs, feet)
    pitch = {"hip": shape.hips, "knee": shape.knees, "ankle": shape.ankles}
    lateral = np.isin(legs, np.concatenate(list(pitch.values())))
    kp, kd = float(np.mean(robot.kp[legs])), float(np.mean(robot.kd[legs]))
    knots = []
    for knee in KNEES:
        stance = body.balanced(-0.5 * knee, knee, -0.5 * knee)
        q = np.zeros(len(names))
        for part, indices in pitch.items():
            q[indices] = getattr(stance, part)
        gains = {key: np.round(value, 5).tolist() for key, value in knot(standing, q, kp, kd).items()}
        carried = np.where(lateral, 0.0, standing.carry(q))  # pitch: SagittalChain
        knots.append({"knee": knee, "carry": np.round(carried, 5).tolist(), **gains})
    segments = {
        key: {"mass": part.mass, "com": part.com, "upper": part.upper}
        for key, part in (("shank", body.shank), ("thigh", body.thigh), ("trunk", body.trunk))
    }
    return {"format": 1, "robot": robot.name, "legs": [names[i] for i in legs], "chain": segments, "knots": knots}


def _biped(robot: RobotModel) -> Body:
    """The robot's shape. Raises ConfigError unless it has two legs of which hips, knees and ankles pitch."""
    body = robot.body
    if body is None or len(signs := (*body.hip_signs, *body.knee_signs, *body.ankle_signs)) != 6 or min(signs) < 0.0:
        raise ConfigError(
            f"robot {robot.name}: the balance reflex is for two legs whose hips, knees and ankles pitch about the body's y axis; "
            "let a policy stand: `stand:` in its robot.yaml"
        )
    return body
