"""Where the soles are and what they carry: all feet at once, from the IMU, in the axes of the odometry frame."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy import matmul

from arbiter.body import Body, Limb
from arbiter.estimation.rotation import Rows
from arbiter.estimation.static_force import upward_force

# Where moment and direction of a line stand among its 4 x 4 coordinates; after them room for the torque of the joint.
TWIST = np.array((6, 8, 1, 12, 13, 14, 0))


class LegPosture(NamedTuple):
    """The legs in one posture. Its arrays are those of `Legs`: they hold until it is asked for the next one.

    Attributes:
        corners: Lowest points of each sole [m], feet times points times (x, y, z).
        forces: Upward force of the floor on each foot [N] by the torques of its joints.
        twists: Velocity at the IMU [m/s] and angular velocity [rad/s] of what lies beyond each joint, where it turns at 1 rad/s,
            in the axes of `corners`, shape (j, feet, 6).
        soles: The corners [m], shape (feet, points, 3).
    """

    corners: list
    forces: list[float]
    twists: np.ndarray
    soles: np.ndarray


class Links:
    """Forward kinematics of all legs at once, in arrays of its own that each call fills anew.

    Attributes:
        before: Motion of what each joint turns, before it turns, shape (j, feet, 4, 4).
    """

    def __init__(self, basis: np.ndarray, points: np.ndarray) -> None:
        """`basis`: what 1, sin a and -cos a of each joint are multiplied by, shape (j, feet, 3, 4, 4), j even. `points`: of the
        soles [m], shape (feet, p, 3)."""
        count, feet = basis.shape[:2]
        self._basis = np.ascontiguousarray(basis.reshape(count, feet, 3, 16))
        self._weights, self._turns = np.ones((count, feet, 1, 3)), np.empty((count, feet, 1, 16))
        self._sines, self._cosines = self._weights[:, :, 0, 1], self._weights[:, :, 0, 2]
        turns, motions = self._turns.reshape(count, feet, 4, 4), np.zeros((count + 1, feet, 4, 4))
        motions[0, :, 3, 3] = 1.0
        self._even, self._odd, self._pairs = turns[::2], turns[1::2], np.empty((count // 2, feet, 4, 4))
        self._steps = list(zip(motions[:-1:2], self._pairs, motions[2::2], strict=True))
        self._base, self._upper, self._lower = motions[0, :, :3, :3], motions[:-1:2], motions[1::2]
        self.before, self._end = motions[:-1], motions[-1, :, :3].swapaxes(1, 2)
        self._points = np.concatenate((points, np.ones((*points.shape[:2], 1))), axis=2)

    def turn(self, angles: np.ndarray, turned: Rows) -> np.ndarray:
        """Turns each joint by `angles` [rad], shape (j, feet), and the base by `turned`. Returns the points of the soles [m],
        shape (feet, p, 3)."""
        np.sin(angles, self._sines)
        np.cos(angles, self._cosines)
        matmul(self._weights, self._basis, self._turns)
        matmul(self._even, self._odd, self._pairs)
        self._base[:] = turned
        for motion, pair, following in self._steps:
            matmul(motion, pair, following)
        matmul(self._upper, self._even, self._lower)
        return matmul(self._points, self._end)


class Legs:
    """What all legs reach and carry. A leg with fewer joints than another begins with some that do not turn.

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
        self._links = Links(basis, np.array([foot.points for foot in feet]) - body.imu)
        self._before, self._across_before = self._links.before, self._links.before.swapaxes(2, 3)
        self._halfway, self._moved = np.empty_like(self._before), np.empty_like(self._before)
        self._coordinates, self._known = self._moved.reshape(count, len(feet), 16), np.empty((count, len(feet), 7))
        self._twists, self._torques = self._known[..., :6], self._known[..., 6]
        self._along, self._beside = self._twists.transpose(1, 2, 0), self._known.swapaxes(0, 1)
        self._equations = np.empty((len(feet), 6, 7))

    def at(self, joint_pos: np.ndarray, torque: np.ndarray, turned: Rows) -> LegPosture:
        """Positions [rad] and torques [N·m] of all joints, shape (n,); `turned`: rotation from body to odometry frame."""
        soles = self._links.turn(joint_pos.take(self._across), turned)
        matmul(self._before, self._lines, self._halfway)
        matmul(self._halfway, self._across_before, self._moved)
        self._coordinates.take(TWIST, 2, self._known, "clip")
        self._torques[:] = torque.take(self._across)
        equations = matmul(self._along, self._beside, self._equations)  # J J' wrench = J torque
        forces = [-upward_force(each) for each in equations.tolist()]
        return LegPosture(soles.tolist(), forces, self._twists, soles)

    def motion(self, joint_vel: np.ndarray) -> float:
        """Mean square of the legs' `joint_vel` [rad/s], shape (n,)."""
        rates = joint_vel.take(self.joints).ravel()
        return float(rates @ rates) / len(rates)


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
