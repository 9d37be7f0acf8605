"""Where the soles are and what they carry: all feet at once, from the IMU, in the axes of the odometry frame."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from arbiter.body import Body, Limb
from arbiter.estimation.rotation import Rows

TWIST = np.array((6, 8, 1, 12, 13, 14))  # where moment and direction of a line stand among its 4 x 4 coordinates
DAMPING = 1e-5  # [m²] against a straight knee, which carries without torque


class LegPosture(NamedTuple):
    """The legs in one posture.

    Attributes:
        corners: Lowest points of each sole [m], feet times points times (x, y, z).
        forces: Upward force of the floor on each foot [N] by the torques of its joints.
        twists: Velocity at the IMU [m/s] and angular velocity [rad/s] of what lies beyond each joint, where it turns at 1 rad/s,
            in the axes of `corners`, shape (j, feet, 6).
        soles: The corners [m], shape (feet, 3, points).
    """

    corners: list
    forces: list[float]
    twists: np.ndarray
    soles: np.ndarray


class Legs:
    """Forward kinematics of all legs. A leg with fewer joints than another begins with some that do not turn.

    A joint's axis is a line through the points o and o + a: o a' - a o' in homogeneous coordinates, which a motion T turns into
    T (o a' - a o') T'. Among the 16 numbers are its moment o x a and its direction a: what the joint does to the foot.

    Attributes:
        joints: Index of each joint from the base outwards, robot order, shape (feet, j), j even.
    """

    def __init__(self, body: Body) -> None:
        feet = body.feet
        count = max(len(foot.joints) for foot in feet)
        count += count % 2
        self.joints = np.array([[0] * (count - len(foot.joints)) + foot.joints.tolist() for foot in feet])
        self._across = np.ascontiguousarray(self.joints.T)
        basis, self._lines = (
            np.stack(part, axis=1) for part in zip(*(_turns(foot, count, body.imu) for foot in feet), strict=True)
        )
        # A joint's turn is (I + C) + sin a S - cos a C, for column vectors (x, y, z, 1).
        self._basis = np.ascontiguousarray(basis.reshape(count, len(feet), 3, 16))
        points = np.array([foot.points for foot in feet]) - body.imu
        self._points = np.concatenate((points, np.ones((*points.shape[:2], 1))), axis=2).swapaxes(1, 2)  # (feet, 4, p)
        self._weights, self._turns = np.ones((count, len(feet), 1, 3)), np.empty((count, len(feet), 1, 16))
        self._sines, self._cosines = self._weights[:, :, 0, 1], self._weights[:, :, 0, 2]
        turns, self._links = self._turns.reshape(count, len(feet), 4, 4), np.empty((count, len(feet), 4, 4))
        self._even, self._odd, self._upper, self._lower = turns[::2], turns[1::2], self._links[::2], self._links[1::2]
        self._across_links = self._links.swapaxes(2, 3)
        self._base, self._damping = np.eye(4), DAMPING * np.eye(6)

    def at(self, joint_pos: np.ndarray, torque: np.ndarray, turned: Rows) -> LegPosture:
        """Positions [rad] and torques [N·m] of all joints, shape (n,); `turned`: rotation from body to odometry frame."""
        soles = self._place(joint_pos.take(self._across), turned)
        lines = self._links @ self._lines @ self._across_links
        jacobian = lines.reshape(*lines.shape[:2], 16).take(TWIST, 2)  # (j, feet, 6)
        across = jacobian.transpose(1, 2, 0)
        normal = across @ jacobian.swapaxes(0, 1) + self._damping
        wrenches = np.linalg.solve(normal, across @ torque.take(self.joints)[..., None])
        return LegPosture(soles.swapaxes(1, 2).tolist(), (-wrenches[:, 2, 0]).tolist(), jacobian, soles)

    def motion(self, joint_vel: np.ndarray) -> float:
        """Mean square of the legs' `joint_vel` [rad/s], shape (n,)."""
        rates = joint_vel.take(self.joints).ravel()
        return float(rates @ rates) / len(rates)

    def _place(self, angles: np.ndarray, turned: Rows) -> np.ndarray:
        """Turns the links by `angles` [rad], shape (j, feet). Returns the points of the soles [m], shape (feet, 3, p)."""
        np.sin(angles, out=self._sines)
        np.cos(angles, out=self._cosines)
        np.matmul(self._weights, self._basis, out=self._turns)
        base = link = self._base
        base[:3, :3] = turned
        for upper, pair in zip(self._upper, self._even @ self._odd, strict=True):
            upper[:] = link
            link = link @ pair
        np.matmul(self._upper, self._even, out=self._lower)
        return (link @ self._points)[:, :3]


def _turns(limb: Limb, count: int, origin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What 1, sin a and cos a of each joint are multiplied by, shape (count, 3, 4, 4), and its axis as a line, shape
    (count, 4, 4), from `origin`."""
    basis, lines = np.zeros((count, 3, 4, 4)), np.zeros((count, 4, 4))
    basis[:, 0] = np.eye(4)
    first, chain = count - len(limb.joints), limb.chain
    for i, (cross, twice, anchor) in enumerate(zip(chain.cross, chain.twice, chain.anchors - origin, strict=True), first):
        for k, sign, part in ((0, 1.0, twice.T), (1, 1.0, cross.T), (2, -1.0, twice.T)):
            basis[i, k, :3, :3] += sign * part
            basis[i, k, :3, 3] -= sign * part @ anchor
        point, direction = np.append(anchor, 1.0), np.array((cross[1, 2], cross[2, 0], cross[0, 1], 0.0))
        lines[i] = np.outer(point, direction) - np.outer(direction, point)
    return basis, lines
