"""Where rays first meet primitive shapes, many rays at once.

In every function `o` is the rays' common origin, shape (3,), and `d` their directions, shape (k, 3), both in the frame
of the shape; `size` is MuJoCo's. Each returns the distance along the ray, shape (k,), inf where it misses, and the
functions with `_normal` the outward normal at points `p`, shape (k, 3), on the surface. A ray that starts inside a
shape misses it.
"""

from __future__ import annotations

import mujoco
import numpy as np

TINY = 1e-12


def ellipsoid(o: np.ndarray, d: np.ndarray, size: np.ndarray) -> np.ndarray:
    o, d = o / size, d / size
    a = np.einsum("ij,ij->i", d, d)
    b = d @ o
    t, _ = quadratic(a, b, o @ o - 1.0)
    return np.where(t > 0.0, t, np.inf)


def ellipsoid_normal(p: np.ndarray, size: np.ndarray) -> np.ndarray:
    return p / (size * size)


def sphere(o: np.ndarray, d: np.ndarray, size: np.ndarray) -> np.ndarray:
    return ellipsoid(o, d, np.repeat(size[:1], 3))


def sphere_normal(p: np.ndarray, size: np.ndarray) -> np.ndarray:
    return p


def cylinder(o: np.ndarray, d: np.ndarray, size: np.ndarray) -> np.ndarray:
    enter, leave = slab(o[2], d[:, 2], size[1])
    round_enter, round_leave = tube(o, d, size[0])
    return first(np.maximum(enter, round_enter), np.minimum(leave, round_leave))


def cylinder_normal(p: np.ndarray, size: np.ndarray) -> np.ndarray:
    end = np.abs(p[:, 2]) / size[1] > np.hypot(p[:, 0], p[:, 1]) / size[0]
    normal = p.copy()
    normal[end, :2] = 0.0
    normal[~end, 2] = 0.0
    return normal


def capsule(o: np.ndarray, d: np.ndarray, size: np.ndarray) -> np.ndarray:
    up = np.array((0.0, 0.0, size[1]), size.dtype)
    ball = np.repeat(size[:1], 3)
    ends = np.minimum(ellipsoid(o - up, d, ball), ellipsoid(o + up, d, ball))
    return np.minimum(ends, cylinder(o, d, size))


def capsule_normal(p: np.ndarray, size: np.ndarray) -> np.ndarray:
    axis = np.clip(p[:, 2], -size[1], size[1])
    return np.column_stack((p[:, 0], p[:, 1], p[:, 2] - axis))


def box(o: np.ndarray, d: np.ndarray, size: np.ndarray) -> np.ndarray:
    enter, leave = slab(o[0], d[:, 0], size[0])
    for axis in (1, 2):
        other_enter, other_leave = slab(o[axis], d[:, axis], size[axis])
        enter, leave = np.maximum(enter, other_enter), np.minimum(leave, other_leave)
    return first(enter, leave)


def box_normal(p: np.ndarray, size: np.ndarray) -> np.ndarray:
    share = np.abs(p) / size
    return np.where(share == share.max(axis=1, keepdims=True), np.sign(p), 0.0)


def slab(o: float, d: np.ndarray, half: float) -> tuple[np.ndarray, np.ndarray]:
    """Distances at which rays enter and leave -half <= x <= half along one axis."""
    inverse = 1.0 / np.where(np.abs(d) < TINY, TINY, d)
    a, b = (-half - o) * inverse, (half - o) * inverse
    return np.minimum(a, b), np.maximum(a, b)


def tube(o: np.ndarray, d: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Distances at which rays enter and leave the endless cylinder around z; (inf, -inf) where they miss."""
    a = np.maximum(d[:, 0] ** 2 + d[:, 1] ** 2, TINY)
    b = d[:, 0] * o[0] + d[:, 1] * o[1]
    return quadratic(a, b, o[0] ** 2 + o[1] ** 2 - radius**2)


def quadratic(a: np.ndarray, b: np.ndarray, c: float) -> tuple[np.ndarray, np.ndarray]:
    """Both roots of a t² + 2 b t + c, the smaller first; (inf, -inf) where there is none."""
    under = b * b - a * c
    root = np.sqrt(np.maximum(under, 0.0))
    miss = under < 0.0
    return np.where(miss, np.inf, (-b - root) / a), np.where(miss, -np.inf, (-b + root) / a)


def first(enter: np.ndarray, leave: np.ndarray) -> np.ndarray:
    """Where rays enter a convex shape that lies between two distances on each."""
    return np.where((enter < leave) & (enter > 0.0), enter, np.inf)


SHAPES = {
    mujoco.mjtGeom.mjGEOM_SPHERE: (sphere, sphere_normal),
    mujoco.mjtGeom.mjGEOM_BOX: (box, box_normal),
    mujoco.mjtGeom.mjGEOM_CAPSULE: (capsule, capsule_normal),
    mujoco.mjtGeom.mjGEOM_CYLINDER: (cylinder, cylinder_normal),
    mujoco.mjtGeom.mjGEOM_ELLIPSOID: (ellipsoid, ellipsoid_normal),
}
