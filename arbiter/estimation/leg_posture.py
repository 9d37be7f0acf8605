"""Where the soles are and what they carry: all feet at once, from the IMU, in the axes of the odometry frame."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from arbiter.body import Body, Limb
from arbiter.estimation.rotation import Rows

NEXT, AFTER = np.array((1, 2, 0)), np.array((2, 0, 1))  # of the axes, for cross products
STILL = 0.12  # [rad/s] rms of the joints of legs at rest, noise included
DAMPING = 1e-5  # [m²] against a straight knee, which carries without torque


class LegPosture(NamedTuple):
    """The legs in one posture.

    Attributes:
        corners: Lowest points of each sole and then their middle [m], feet times (points + 1) times (x, y, z).
        forces: Upward force of the floor on each foot [N] by the torques of its joints.
    """

    corners: list
    forces: list[float]


class Legs:
    """Forward kinematics of all legs. A leg with fewer joints than another begins with some that do not turn.

    Attributes:
        joints: Index of each joint from the base outwards, robot order, shape (feet, j), j even.
    """

    def __init__(self, body: Body) -> None:
        feet = body.feet
        count = max(len(foot.joints) for foot in feet)
        count += count % 2
        pads = [count - len(foot.joints) for foot in feet]
        self.joints = np.array([[0] * pad + foot.joints.tolist() for pad, foot in zip(pads, feet, strict=True)])
        self._across = np.ascontiguousarray(self.joints.T)
        real = np.array([[0.0] * pad + [1.0] * (count - pad) for pad in pads])
        self._real = None if real.all() else real
        # A joint's turn is I + sin a S + (1 - cos a) C, for column vectors (x, y, z, 1).
        parts = [_turns(foot, count, body.imu) for foot in feet]
        basis, self._screws = (np.stack(part, axis=1) for part in zip(*parts, strict=True))
        self._basis = np.ascontiguousarray(basis.reshape(count, len(feet), 3, 16))
        points = np.array([foot.points for foot in feet]) - body.imu
        points = np.concatenate((points, points.mean(axis=1, keepdims=True)), axis=1)  # the last one is the middle
        self._points = np.concatenate((points, np.ones((*points.shape[:2], 1))), axis=2).swapaxes(1, 2)  # (feet, 4, p + 1)
        self._coefficients = np.ones((count, len(feet), 1, 3))
        self._links = np.empty((count, len(feet), 4, 4))
        # Of each joint, by a force or moment along each axis, and in truth, shape (feet, j, 6 + 1).
        self._torques = np.empty((len(feet), count, 7))
        self._base, self._damping = np.eye(4), DAMPING * np.eye(6)

    def at(self, joint_pos: np.ndarray, torque: np.ndarray, turned: Rows) -> LegPosture:
        """Positions [rad] and torques [N·m] of all joints, shape (n,); `turned`: rotation from body to odometry frame."""
        axes, anchors, points = self._place(joint_pos.take(self._across), turned)
        away, torques = points[:, None, :, -1] - anchors, self._torques  # the wrench on a foot turns about its middle
        np.subtract(axes.take(NEXT, 2) * away.take(AFTER, 2), axes.take(AFTER, 2) * away.take(NEXT, 2), out=torques[..., :3])
        torques[..., 3:6] = axes
        torques[..., 6] = torque.take(self.joints)
        if self._real is not None:
            torques *= self._real[..., None]
        normal = torques[..., :6].swapaxes(1, 2) @ torques
        wrenches = np.linalg.solve(normal[..., :6] + self._damping, normal[..., 6:])
        return LegPosture(points.swapaxes(1, 2).tolist(), (-wrenches[:, 2, 0]).tolist())

    def still(self, joint_vel: np.ndarray) -> bool:
        """Whether no leg moves; `joint_vel` [rad/s], shape (n,)."""
        rates = joint_vel.take(self.joints).ravel()
        return float(rates @ rates) < STILL**2 * len(rates)

    def _place(self, angles: np.ndarray, turned: Rows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Axis of each joint and a point on it, shape (feet, j, 3), and the points of the soles, shape (feet, 3, p + 1)."""
        weights, links, base = self._coefficients, self._links, self._base
        weights[:, :, 0, 1] = np.sin(angles)
        weights[:, :, 0, 2] = 1.0 - np.cos(angles)
        turns = (weights @ self._basis).reshape(links.shape)
        pairs = turns[::2] @ turns[1::2]
        base[0, :3], base[1, :3], base[2, :3] = turned
        link = base
        for i, pair in enumerate(pairs):
            links[2 * i] = link
            link = link @ pair
        np.matmul(links[::2], turns[::2], out=links[1::2])
        screws = links @ self._screws  # (j, feet, 4, 2)
        screws = screws.swapaxes(0, 1)
        return screws[:, :, :3, 0], screws[:, :, :3, 1], (link @ self._points)[:, :3]


def _turns(limb: Limb, count: int, origin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What 1, sin a and 1 - cos a of each joint are multiplied by, shape (count, 3, 4, 4); axis and a point on it from `origin`,
    shape (count, 4, 2)."""
    basis, screws = np.zeros((count, 3, 4, 4)), np.zeros((count, 4, 2))
    basis[:, 0] = np.eye(4)
    first, chain = count - len(limb.joints), limb.chain
    for i, (cross, twice, anchor) in enumerate(zip(chain.cross, chain.twice, chain.anchors - origin, strict=True), first):
        for matrix, part in ((basis[i, 1], cross.T), (basis[i, 2], twice.T)):
            matrix[:3, :3], matrix[:3, 3] = part, -part @ anchor
        screws[i, :3, 0] = cross[1, 2], cross[2, 0], cross[0, 1]
        screws[i, :3, 1], screws[i, 3, 1] = anchor, 1.0
    return basis, screws
