"""Makes the balance gains of a robot from its MuJoCo model: a linear-quadratic regulator at several knee angles.

    python -m policies.fallback.balance.gains MODEL.xml ROBOT [--out FILE.json]

The robot's file (MJCF) must have its joints in robot order, legs named `leg_<side>_<joint>_joint`.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from pathlib import Path

import mujoco
import numpy as np

from arbiter.extras import needed
from policies.fallback.balance.linear import Standing
from policies.fallback.balance.stance import SagittalChain, Segment

KNEES = (0.2, 0.4, 0.7, 1.0, 1.3)  # [rad]
TICK = 0.02  # [s]
KP, KD = 20.0, 2.0
# Cost weights of the base's displacement (x, y, z, rotation vector) and its rate, per radian² of correction: the best of some
# hundred random samples, by the hardest push survived with sensor noise and one tick of delay.
COST_POSE = (5.0e4, 90.0, 7.0e2, 7.0e4, 1.7e5, 4.0e3)
COST_RATE = (2.3e3, 22.0, 80.0, 2.7e3, 160.0, 20.0)
IMU_WEIGHT = 2.0  # of the orientation against one leg angle, in the least-squares estimate of the base's displacement


def chain(mj: mujoco.MjModel) -> SagittalChain:
    """Masses and lengths in the sagittal plane, all joints zero, both sides together."""
    data = mujoco.MjData(mj)
    data.qpos[3] = 1.0
    mujoco.mj_kinematics(mj, data)
    joints = {
        part: [mj.joint(f"leg_{side}_{part}_pitch_joint") for side in ("left", "right")] for part in ("ankle", "knee", "hip")
    }
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
        segments.append(Segment(float(mass.sum()), tuple(map(float, com)), tuple(map(float, link))))
    return SagittalChain(*segments)


def regulator(f: np.ndarray, g: np.ndarray, q: np.ndarray, r: np.ndarray) -> np.ndarray:
    """Gain K of the linear-quadratic regulator u = −K x for x' = f x + g u with the cost xᵀ q x + uᵀ r u per step."""
    from scipy.linalg import solve_discrete_are

    p = solve_discrete_are(f, g, q, r)
    return np.linalg.solve(r + g.T @ p @ g, g.T @ p @ f)


def knot(standing: Standing, q: np.ndarray) -> dict[str, np.ndarray]:
    """Gains at posture `q`: of leg angles, leg rates, tilt (roll, pitch) and its rate, on the leg targets."""
    lin = standing.linearise(q)
    n = len(lin.legs)
    inverse = np.linalg.inv(lin.mass)
    gram = lin.legs.T @ lin.legs
    system = np.zeros((12 + n, 12 + n))
    system[:6, 6:12] = np.eye(6)
    system[6:12, :6] = -inverse @ (KP * gram + lin.stiffness)
    system[6:12, 6:12] = -inverse @ (KD * gram)
    system[6:12, 12:] = inverse @ (KP * lin.legs.T)
    from scipy.linalg import expm

    step = expm(system * TICK)
    k = regulator(step[:12, :12], step[:12, 12:], np.diag(COST_POSE + COST_RATE), KP**2 / 3.6 * np.eye(n))
    # The base's displacement, by least squares from the leg angles and the orientation.
    seen = np.linalg.pinv(np.vstack((lin.legs, IMU_WEIGHT * np.eye(6)[3:5])))
    seen[:, n:] *= IMU_WEIGHT
    by_pos, by_rate = k[:, :6] @ seen, k[:, 6:] @ seen
    return {"pos": by_pos[:, :n], "tilt": by_pos[:, n:], "vel": by_rate[:, :n], "rate": by_rate[:, n:]}


def make(path: str | Path, robot: str) -> dict:
    """Gains and sagittal model of a robot as the balance reflex reads them, ready for JSON."""
    mj = mujoco.MjModel.from_xml_path(str(path))
    names = tuple(mj.actuator(i).name for i in range(mj.nu))
    legs = np.array([i for i, name in enumerate(names) if name.startswith("leg_")])
    body = chain(mj)
    feet = tuple(mj.body(int(mj.joint(f"leg_{side}_ankle_roll_joint").bodyid[0])).name for side in ("left", "right"))
    standing = Standing(mj, names, legs, feet)
    knots = []
    for knee in KNEES:
        stance = body.balanced(-0.5 * knee, knee, -0.5 * knee)
        q = np.zeros(len(names))
        for side in ("left", "right"):
            for part in ("hip", "knee", "ankle"):
                q[names.index(f"leg_{side}_{part}_pitch_joint")] = getattr(stance, part)
        gains = {key: np.round(value, 5).tolist() for key, value in knot(standing, q).items()}
        carried = np.where(["_pitch_" in names[i] for i in legs], 0.0, standing.carry(q))  # pitch: SagittalChain
        knots.append({"knee": knee, "carry": np.round(carried, 5).tolist(), **gains})
    segments = {
        key: {"mass": part.mass, "com": part.com, "upper": part.upper}
        for key, part in (("shank", body.shank), ("thigh", body.thigh), ("trunk", body.trunk))
    }
    return {"format": 1, "robot": robot, "legs": [names[i] for i in legs], "chain": segments, "knots": knots}


def main() -> None:
    parser = argparse.ArgumentParser(description="Computes the balance gains of a robot from its MuJoCo model.")
    parser.add_argument("model", help="the robot's MJCF file")
    parser.add_argument("robot", help="its name, as in robot.yaml")
    parser.add_argument("--out", help="JSON file to write (default: ROBOT.json beside this module, where the reflex looks)")
    args = parser.parse_args()
    if importlib.util.find_spec("scipy") is None:
        sys.exit(f"error: this command {needed('scipy')}")
    out = Path(args.out) if args.out else Path(__file__).parent / f"{args.robot}.json"
    out.write_text(json.dumps(make(args.model, args.robot)) + "\n")
    print(f"{out}: gains at knee angles of {', '.join(map(str, KNEES))} rad")


if __name__ == "__main__":
    main()
