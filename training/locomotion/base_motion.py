"""Motion of the torso from pose and velocity of the floating base, for both engines."""

from __future__ import annotations

from dataclasses import dataclass

import torch

TORSO = 0.65  # [m] height of the torso in the base's frame, whose origin lies between the feet
REST = -0.022  # [m] height of that origin at which the soles of the default posture touch the floor
SOLE_REST = 0.026  # [m] height of a sole's centre when it stands


@dataclass(frozen=True, slots=True)
class BaseMotion:
    """Motion of the torso of n robots.

    Attributes:
        gravity: Unit gravity vector, body frame, shape (n, 3).
        lin_vel: Velocity of the torso [m/s], heading frame, shape (n, 3).
        yaw_rate: [rad/s], shape (n,).
        height: Of the torso above the floor minus that at rest [m], shape (n,).
        cos, sin: Of the heading, shape (n,).
    """

    gravity: torch.Tensor
    lin_vel: torch.Tensor
    yaw_rate: torch.Tensor
    height: torch.Tensor
    cos: torch.Tensor
    sin: torch.Tensor


def base_motion(quat: torch.Tensor, z: torch.Tensor, linear: torch.Tensor, spin_body: torch.Tensor) -> BaseMotion:
    """Motion from the base's orientation (w, x, y, z), height [m], world velocity [m/s] and body rate [rad/s]."""
    w, x, y, k = quat.unbind(-1)
    down = -torch.stack((2 * (x * k - w * y), 2 * (y * k + w * x), 1 - 2 * (x * x + y * y)), -1)
    axis = torch.stack((2 * (x * k + w * y), 2 * (y * k - w * x), 1 - 2 * (x * x + y * y)), -1)
    heading = torch.atan2(2 * (w * k + x * y), 1 - 2 * (y * y + k * k))
    cos, sin = heading.cos(), heading.sin()
    spin = rotate(quat, spin_body)
    at_torso = linear + TORSO * torch.linalg.cross(spin, axis)
    return BaseMotion(
        down,
        torch.cat((planar(at_torso, cos, sin), at_torso[:, 2:]), -1),
        spin[:, 2],
        z - REST + TORSO * (axis[:, 2] - 1.0),
        cos,
        sin,
    )


def planar(v: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """x and y of world vectors in the heading frame, shape (n, 2)."""
    return torch.stack((cos * v[:, 0] + sin * v[:, 1], cos * v[:, 1] - sin * v[:, 0]), -1)


def rotate(quat: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """`v` turned by unit quaternions (w, x, y, z), shape (n, 3)."""
    axis = quat[:, 1:]
    t = 2.0 * torch.linalg.cross(axis, v)
    return v + quat[:, :1] * t + torch.linalg.cross(axis, t)
