"""Forward kinematics of a limb: product of exponentials, for one posture or a whole run of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def _cross(axis) -> np.ndarray:
    x, y, z = axis
    return np.array(((0.0, -z, y), (z, 0.0, -x), (-y, x, 0.0)))


@dataclass(frozen=True, slots=True)
class Chain:
    """A limb in the posture of all joints at zero, base frame.

    Attributes:
        cross: Transposed cross-product matrix of each joint's axis, shape (j, 3, 3), from the base outwards.
        twice: Its square, shape (j, 3, 3).
        anchors: A point on each axis [m], shape (j, 3).
    """

    cross: np.ndarray
    twice: np.ndarray
    anchors: np.ndarray

    def carry(self, points: np.ndarray, angles: np.ndarray) -> np.ndarray:
        """Where points of one link go.

        Args:
            points: At zero [m], base frame, shape (p, 3).
            angles: Joint angles [rad], shape (..., k); k < j: the points belong to link k.

        Returns:
            The points [m], base frame, shape (..., p, 3).
        """
        k, out = angles.shape[-1], points
        turn = angles[..., None, None]
        turned = np.sin(turn) * self.cross[:k] + (1.0 - np.cos(turn)) * self.twice[:k]
        for i in reversed(range(k)):
            away = out - self.anchors[i]
            out = out + away @ turned[..., i, :, :]
        return out


def chain(axes, anchors) -> Chain:
    """A chain of `axes`, unit vectors, shape (j, 3), through `anchors` [m], shape (j, 3)."""
    cross = np.array([_cross(axis).T for axis in axes])
    return Chain(cross, cross @ cross, np.array(anchors, float))
