"""Rotation matrices of whole runs."""

from __future__ import annotations

import numpy as np


def _quadratic() -> np.ndarray:
    """Contribution of the products of a quaternion's components to its rotation matrix minus the identity, shape (16, 9)."""
    w, x, y, z = 0, 1, 2, 3
    terms = (
        ((-2, y, y), (-2, z, z)), ((2, x, y), (-2, w, z)), ((2, x, z), (2, w, y)),
        ((2, x, y), (2, w, z)), ((-2, x, x), (-2, z, z)), ((2, y, z), (-2, w, x)),
        ((2, x, z), (-2, w, y)), ((2, y, z), (2, w, x)), ((-2, x, x), (-2, y, y)),
    )  # fmt: skip
    found = np.zeros((16, 9))
    for entry, parts in enumerate(terms):
        for factor, i, j in parts:
            found[4 * i + j, entry] = factor
    return found


QUADRATIC = _quadratic()
IDENTITY = np.eye(3)


def rotations(quat: np.ndarray) -> np.ndarray:
    """Rotation matrices of (w, x, y, z) quaternions, body to world, shape (T, 3, 3)."""
    quat = np.asarray(quat, float)
    products = (quat[..., :, None] * quat[..., None, :]).reshape(*quat.shape[:-1], 16)
    return (products @ QUADRATIC).reshape(*quat.shape[:-1], 3, 3) + IDENTITY
