"""Where the soles are and how they move, all feet at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arbiter.body import Body, Limb

NEXT, AFTER = np.array((1, 2, 0)), np.array((2, 0, 1))  # of the axes, for cross products


@dataclass(frozen=True, slots=True)
class LegMotion:
    """The legs in one posture, base frame, from the IMU.

    Attributes:
        corners: Lowest points of the soles [m], shape (feet, 3, p).
        turning: Angular velocity of each foot [rad/s], shape (feet, 3). moving: Velocity of its point at the IMU [m/s], likewise.
        axes: Direction of each joint's axis, shape (feet, j, 3). moments: Its moment about the IMU [m], likewise.
    """

    corners: np.ndarray
    turning: np.ndarray
    moving: np.ndarray
    axes: np.ndarray
    moments: np.ndarray


class Legs:
    """Forward kinematics of all legs. A leg with fewer joints than another begins with some that do not turn.

    Attributes:
        joints: Index of each joint from the base outwards, robot order, shape (feet, j).
        real: Which of them are there, 1 or 0, shape (feet, j).
    """

    def __init__(self, body: Body) -> None:
        count = max(len(foot.joints) for foot in body.feet)
        pads = [count - len(foot.joints) for foot in body.feet]
        self.joints = np.array([[0] * pad + foot.joints.tolist() for pad, foot in zip(pads, body.feet, strict=True)])
        self.real = np.array([[0.0] * pad + [1.0] * (count - pad) for pad in pads])
        # A joint's turn is I + sin a S + (1 - cos a) C, for column vectors (x, y, z, 1).
        self._sine, self._cosine, self._screws = (
            np.stack(part, axis=1) for part in zip(*(_turns(foot, count, body.imu) for foot in body.feet), strict=True)
        )
        points = np.array([foot.points for foot in body.feet]) - body.imu
        self._points = np.concatenate((points, np.ones((*points.shape[:2], 1))), axis=2).swapaxes(1, 2)  # (feet, 4, p)
        self._links = np.empty((count + 1, len(body.feet), 4, 4))
        self._links[0] = np.eye(4)

    def at(self, joint_pos: np.ndarray, joint_vel: np.ndarray) -> LegMotion:
        """`joint_pos` [rad], `joint_vel` [rad/s], shape (n,)."""
        angles = joint_pos[self.joints].T[:, :, None, None]
        turned = np.sin(angles) * self._sine
        turned += (1.0 - np.cos(angles)) * self._cosine
        turned += self._links[0]
        links = self._links
        for i in range(len(turned)):
            np.matmul(links[i], turned[i], out=links[i + 1])
        screws = (links[:-1] @ self._screws).swapaxes(0, 1)  # (feet, j, 4, 2): axis, point on it
        axes, anchors = screws[:, :, :3, 0], screws[:, :, :3, 1]
        moments = anchors[..., NEXT] * axes[..., AFTER] - anchors[..., AFTER] * axes[..., NEXT]
        rates = (joint_vel[self.joints] * self.real)[:, None]
        return LegMotion((links[-1] @ self._points)[:, :3], (rates @ axes)[:, 0], (rates @ moments)[:, 0], axes, moments)


def _turns(limb: Limb, count: int, origin: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What sin a and 1 - cos a of each joint are multiplied by, shape (count, 4, 4); axis and a point on it,
    shape (count, 4, 2); from `origin`."""
    sine, cosine, screws = np.zeros((count, 4, 4)), np.zeros((count, 4, 4)), np.zeros((count, 4, 2))
    first, chain = count - len(limb.joints), limb.chain
    for i, (cross, twice, anchor) in enumerate(zip(chain.cross, chain.twice, chain.anchors - origin, strict=True), first):
        for matrix, part in ((sine, cross.T), (cosine, twice.T)):
            matrix[i, :3, :3], matrix[i, :3, 3] = part, -part @ anchor
        screws[i, :3, 0] = cross[1, 2], cross[2, 0], cross[0, 1]
        screws[i, :3, 1], screws[i, 3, 1] = anchor, 1.0
    return sine, cosine, screws
