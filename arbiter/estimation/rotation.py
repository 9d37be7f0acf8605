"""Rotations in plain numbers: for three of them arrays cost several times as much."""

from __future__ import annotations

import math

Vector = tuple[float, float, float]
Quat = tuple[float, float, float, float]
Rows = tuple[Vector, Vector, Vector]
IDENTITY: Rows = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def yaw_of(quat) -> float:
    """Heading of the orientation (w, x, y, z) [rad]."""
    w, x, y, z = quat
    return math.atan2(2.0 * (x * y + w * z), 1.0 - 2.0 * (y * y + z * z))


def rows_of(quat, less: float) -> Rows:
    """Rotation matrix of (w, x, y, z), body to world, its heading less by `less` [rad]."""
    w, x, y, z = quat
    c, s = math.cos(less), math.sin(less)
    a, b, d = 1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)
    e, f, g = 2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x)
    return (
        (c * a + s * e, c * b + s * f, c * d + s * g),
        (c * e - s * a, c * f - s * b, c * g - s * d),
        (2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)),
    )


def turned(quat: Quat, by: Vector) -> Quat:
    """`quat` (w, x, y, z), turned on by a short rotation vector [rad], body frame."""
    x, y, z = by
    square = 0.25 * (x * x + y * y + z * z)
    half = 0.5 - square / 12.0
    x, y, z, r = half * x, half * y, half * z, 1.0 - 0.5 * square
    w, a, b, c = quat
    w, a, b, c = (
        r * w - a * x - b * y - c * z,
        r * a + w * x + b * z - c * y,
        r * b + w * y + c * x - a * z,
        r * c + w * z + a * y - b * x,
    )
    norm = math.sqrt(w * w + a * a + b * b + c * c)
    return w / norm, a / norm, b / norm, c / norm


def turn(rows: Rows, vector: Vector) -> Vector:
    """`vector` turned by the rotation."""
    (a, b, c), (d, e, f), (g, h, i) = rows
    x, y, z = vector
    return a * x + b * y + c * z, d * x + e * y + f * z, g * x + h * y + i * z


def back(rows: Rows, vector: Vector) -> Vector:
    """`vector` turned by its inverse."""
    (a, b, c), (d, e, f), (g, h, i) = rows
    x, y, z = vector
    return a * x + d * y + g * z, b * x + e * y + h * z, c * x + f * y + i * z


def cross(a: Vector, b: Vector) -> Vector:
    """Cross product."""
    x, y, z = a
    p, q, r = b
    return y * r - z * q, z * p - x * r, x * q - y * p
