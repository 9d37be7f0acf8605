"""Initial states of an episode: near the default posture, soles near the floor, any heading."""

from __future__ import annotations

import numpy as np

from training.locomotion.base_motion import REST

LEAN = 0.1  # [rad] of the base at which the soles of the default posture are level
JOINT_NOISE, LEAN_NOISE, TWIST_NOISE = 0.03, 0.02, 0.05  # standard deviations [rad], [rad], [m/s and rad/s]
TIME, POSE = 1, 7  # the state starts with the simulation's time, the positions with the base's pose


def start_rows(
    rng: np.random.Generator, joints: np.ndarray, width: int, lean: np.ndarray | float = LEAN, rough: np.ndarray | float = 1.0
) -> np.ndarray:
    """Full physics states for joint positions [rad], shape (n, m): a little off level, in motion and above the floor.

    Args:
        rng: Samples heading, lean, height and velocity.
        joints: Joint positions [rad], shape (n, m).
        width: Length of a physics state.
        lean: Lean of the base [rad], shape (n,).
        rough: Factor on the deviations, shape (n,).
    """
    n, m = joints.shape
    yaw, lean = rng.uniform(-np.pi, np.pi, n) / 2.0, (lean + rough * LEAN_NOISE * rng.standard_normal(n)) / 2.0
    rows = np.zeros((n, width))
    rows[:, TIME + 2] = REST + rng.uniform(0.0, 0.01, n)
    turned = (np.cos(yaw) * np.cos(lean), -np.sin(yaw) * np.sin(lean), np.cos(yaw) * np.sin(lean), np.sin(yaw) * np.cos(lean))
    rows[:, TIME + 3 : TIME + POSE] = np.stack(turned, -1)
    rows[:, TIME + POSE : TIME + POSE + m] = joints
    rows[:, TIME + POSE + m : TIME + POSE + m + 6] = (rough * TWIST_NOISE * rng.standard_normal((6, n))).T
    return rows
