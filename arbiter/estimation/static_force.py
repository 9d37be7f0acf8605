"""The force of the floor on a foot by the torques of its joints: the last unknown of six equations, in plain numbers.

For two feet a solver for arrays costs twice as much, most of it before and after it solves.
"""

from __future__ import annotations

DAMPING = 1e-5  # [m²] against a straight knee, which carries without torque


def upward_force(equations: list[list[float]]) -> float:
    """z of the wrench (force x, y, z, moment u, v, w) that solves (A + DAMPING) wrench = b, by Gaussian elimination.

    `equations`: rows of A, symmetric and positive semidefinite, each with its element of b, 6 times 7.
    """
    (
        (xx, xy, xz, ux, vx, wx, x),
        (_, yy, yz, uy, vy, wy, y),
        (_, _, zz, uz, vz, wz, z),
        (_, _, _, uu, uv, uw, u),
        (_, _, _, _, vv, vw, v),
        (_, _, _, _, _, ww, w),
    ) = equations
    xx += DAMPING
    yy += DAMPING
    zz += DAMPING
    uu += DAMPING
    vv += DAMPING
    ww += DAMPING
    f = uv / uu
    vv, vw, vx, vy, vz, v = vv - f * uv, vw - f * uw, vx - f * ux, vy - f * uy, vz - f * uz, v - f * u
    f = uw / uu
    ww, wx, wy, wz, w = ww - f * uw, wx - f * ux, wy - f * uy, wz - f * uz, w - f * u
    f = ux / uu
    xx, xy, xz, x = xx - f * ux, xy - f * uy, xz - f * uz, x - f * u
    f = uy / uu
    yy, yz, y = yy - f * uy, yz - f * uz, y - f * u
    f = uz / uu
    zz, z = zz - f * uz, z - f * u
    f = vw / vv
    ww, wx, wy, wz, w = ww - f * vw, wx - f * vx, wy - f * vy, wz - f * vz, w - f * v
    f = vx / vv
    xx, xy, xz, x = xx - f * vx, xy - f * vy, xz - f * vz, x - f * v
    f = vy / vv
    yy, yz, y = yy - f * vy, yz - f * vz, y - f * v
    f = vz / vv
    zz, z = zz - f * vz, z - f * v
    f = wx / ww
    xx, xy, xz, x = xx - f * wx, xy - f * wy, xz - f * wz, x - f * w
    f = wy / ww
    yy, yz, y = yy - f * wy, yz - f * wz, y - f * w
    f = wz / ww
    zz, z = zz - f * wz, z - f * w
    f = xy / xx
    yy, yz, y = yy - f * xy, yz - f * xz, y - f * x
    f = xz / xx
    zz, z = zz - f * xz, z - f * x
    f = yz / yy
    zz, z = zz - f * yz, z - f * y
    return z / zz
