"""Stretches a motion in time where a robot's joints cannot follow it, and only there."""

from __future__ import annotations

import numpy as np

SPEED_SHARE = 0.5  # of the robot's commanded velocity limit that a retargeted motion may use
ACCELERATION_SHARE = 0.5  # of its commanded acceleration limit
EASE = 0.12  # [s] over which a motion slows down and speeds up again
ROUNDS = 20


def warped(q: np.ndarray, dt: float, velocity: np.ndarray, acceleration: np.ndarray, period: float) -> tuple[np.ndarray, float]:
    """`q` at a new rate, within limits of speed and acceleration.

    Args:
        q: Joint positions [rad], shape (T, n), `dt` [s] apart.
        velocity, acceleration: Limits of each joint [rad/s], [rad/s²], shape (n,).
        period: Between two rows of the result [s].

    Returns:
        Joint positions [rad], shape (T', n), and by what factor the whole became longer.
    """
    most, hardest = SPEED_SHARE * velocity, ACCELERATION_SHARE * acceleration
    steps = np.abs(np.diff(q, axis=0))
    needed = np.maximum(np.max(steps / most, axis=1), dt)  # [s] of each step
    slow = _eased(needed / dt, max(1, round(EASE / dt)))
    for _ in range(ROUNDS):
        played = _played(q, dt * slow, period)
        hard = np.max(np.abs(np.diff(played, 2, axis=0)) / period**2 / hardest, axis=1, initial=0.0)
        if not len(hard) or hard.max() <= 1.0:
            break
        # Where it is too hard, in frames of the source: an acceleration falls with the square of the stretch.
        at = np.searchsorted(np.cumsum(dt * slow), (np.arange(len(hard)) + 1) * period)
        more = np.ones_like(slow)
        np.maximum.at(more, np.minimum(at, len(slow) - 1), np.sqrt(np.maximum(hard, 1.0)))
        slow = np.maximum(slow, _eased(slow * more, max(1, round(EASE / dt))))
    return _played(q, dt * slow, period), float(slow.mean())


def _eased(stretch: np.ndarray, half: int) -> np.ndarray:
    """`stretch`, shape (T,), at least, without steps: the largest nearby, then its mean."""
    padded = np.pad(stretch, 2 * half, mode="edge")
    largest = np.max(np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1), axis=1)
    return np.mean(np.lib.stride_tricks.sliding_window_view(largest, 2 * half + 1), axis=1)


def _played(q: np.ndarray, steps: np.ndarray, period: float) -> np.ndarray:
    """`q`, whose rows are `steps` [s] apart, every `period` [s]."""
    times = np.concatenate(([0.0], np.cumsum(steps)))
    ticks = np.arange(0.0, times[-1] + 1e-9, period)
    return np.stack([np.interp(ticks, times, column) for column in q.T], axis=1)
