"""The flow of π0 from noise to a chunk, with real-time chunking, in numpy.

Real-time chunking (Black et al. 2025, arXiv:2506.07339) pulls the new chunk onto the part of the old one that will
still be played while it is computed. LeRobot 0.6.1 takes the guidance's Jacobian for the identity, so that no gradient
through the network is needed; the same is done here (a test compares the two).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from arbiter.errors import ConfigError


def prefix_weights(committed: int, horizon: int, length: int) -> np.ndarray:
    """How strongly each row is held to the previous chunk, shape (length,).

    1 for the `committed` rows, falling linearly to 0 at row `horizon`.
    """
    committed, horizon = min(committed, horizon), min(horizon, length)
    weights = np.zeros(length, np.float32)
    weights[:committed] = 1.0
    if horizon > committed:
        weights[committed:horizon] = np.linspace(1.0, 0.0, horizon - committed + 2)[1:-1]
    return weights


def guidance(time: float, most: float) -> float:
    """Weight of the pull at flow time `time` (1: noise, 0: done), at most `most`."""
    done = 1.0 - time
    if done <= 0.0:
        return most
    left = time * time
    return most if left == 0.0 else min(time / done * (left + done * done) / left, most)


def sample(
    velocity: Callable[[np.ndarray, float], np.ndarray],
    noise: np.ndarray,
    steps: int,
    *,
    previous: np.ndarray | None = None,
    committed: int = 0,
    horizon: int = 10,
    most: float = 10.0,
) -> np.ndarray:
    """Integrates the flow from `noise`.

    Args:
        velocity: Predicted velocity of the flow at (x, time), shape of `noise`.
        noise: Standard normal, shape (1, rows, width), float32.
        steps: Euler steps.
        previous: What the robot goes on following, normalised, shape (k, m); row 0 is this chunk's row 0.
        committed: Rows of `previous` that are played before this chunk arrives.
        horizon: Rows that are pulled towards `previous` at all.
        most: Largest weight of the pull.

    Returns: The normalised chunk, shape of `noise`.
    """
    x = noise
    target = weights = None
    if previous is not None and len(previous):
        rows, width = min(len(previous), x.shape[1]), previous.shape[1]
        target = np.zeros_like(x)
        target[0, :rows, :width] = previous[:rows]
        weights = prefix_weights(committed, min(horizon, rows), x.shape[1])[None, :, None]
    for step in range(steps):
        time = 1.0 - step / steps
        flow = velocity(x, time)
        if target is not None:
            final = x - np.float32(time) * flow
            flow = flow - np.float32(guidance(time, most)) * (target - final) * weights
        x = x - np.float32(1.0 / steps) * flow
    return x


def check_smooth(spread: float, folder) -> float:
    """`spread` if chunks of the policy in `folder` can be smoothed by it, see `smooth`. Raises ConfigError."""
    if not 0.0 <= spread <= 10.0:
        raise ConfigError(f"π0 {folder}: smooth {spread} rows; 0 (none) to 10 is possible")
    return spread


def smooth(rows: np.ndarray, spread: float) -> np.ndarray:
    """`rows` (k, m) averaged over time with Gaussian weights of standard deviation `spread` [rows]; the ends hold.

    A small network leaves some of the sampling noise in its chunks: every row a little off for itself. The average takes
    most of that away and delays nothing, since a chunk tells its own future.
    """
    if spread <= 0.0:
        return rows
    reach = min(int(np.ceil(3.0 * spread)), len(rows) - 1)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / spread) ** 2)
    held = np.pad(rows, ((reach, reach), (0, 0)), mode="edge")
    return np.lib.stride_tricks.sliding_window_view(held, len(weights), axis=0) @ (weights / weights.sum())
