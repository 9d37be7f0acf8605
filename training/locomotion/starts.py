"""Where an episode starts: near the default posture, soles near the floor, any heading."""

from __future__ import annotations

import numpy as np

from training.locomotion.kinematics import REST

LEAN = 0.1  # [rad] of the base at which the soles of the default posture are level
TIME, POSE = 1, 7  # the state starts with the simulation's time, the positions with the base's pose


def start_rows(rng: np.random.Generator, joints: np.ndarray, width: int, velocity: np.ndarray | None = None) -> np.ndarray:
    """Full physics states for joint positions [rad], shape (n, m): a little off level, in motion and above the floor.

    Args:
        rng: Draws heading, lean, height and velocity.
        joints: Joint positions [rad], shape (n, m).
        width: Of a state.
        velocity: Of the base along its own x and y [m/s], shape (n, 2); None: at rest.
    """
    n, m = joints.shape
    yaw, lean = rng.uniform(-np.pi, np.pi, n) / 2.0, (LEAN + 0.04 * rng.standard_normal(n)) / 2.0
    rows = np.zeros((n, width))
    rows[:, TIME + 2] = REST + rng.uniform(0.0, 0.01, n)
    turned = (
        np.cos(yaw) * np.cos(lean),
        -np.sin(yaw) * np.sin(lean),
        np.cos(yaw) * np.sin(lean),
        np.sin(yaw) * np.cos(lean),
    )
    rows[:, TIME + 3 : TIME + POSE] = np.stack(turned, -1)
    rows[:, TIME + POSE : TIME + POSE + m] = joints
    rows[:, TIME + POSE + m : TIME + POSE + m + 6] = 0.1 * rng.standard_normal((n, 6))
    if velocity is not None:
        cos, sin = np.cos(2.0 * yaw), np.sin(2.0 * yaw)
        rows[:, TIME + POSE + m] += cos * velocity[:, 0] - sin * velocity[:, 1]
        rows[:, TIME + POSE + m + 1] += sin * velocity[:, 0] + cos * velocity[:, 1]
    return rows
