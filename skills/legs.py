"""Leg odometry: the displacement of the base from joints and IMU.

The loaded sole is taken to be fixed to the floor, so that the base moves opposite to it. A sole that lands slides and sinks in
before it carries, so the change of the loaded sole is assumed late: when the other one is clearly off the floor.
In simulation, on a flat floor with encoder noise: an error of 1.6 % (median), at most 4 % (docs/how-to/add-a-skill.md).
"""

from __future__ import annotations

import numpy as np

from arbiter.body import Body, Limb

EDGE = 0.001  # [m] height over which a sole's load moves from one corner to the next
OFF = 0.005  # [m] above the lowest one at which a sole no longer carries: as deep as one that lands sinks in


def odometry(body: Body, joint_pos: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """Way of the base frame's origin over the floor, x, y [m], from the first posture on, shape (T, 2).

    Args:
        body: The robot's shape.
        joint_pos: Tick by tick [rad], shape (T, n). rotation: Of the base, body to world, shape (T, 3, 3).
    """
    return np.vstack((np.zeros(2), Odometer(body, joint_pos[0], rotation[0]).step(joint_pos[1:], rotation[1:])))


class Soles:
    """Where the corners of all soles are from the torso's centre of mass, in base axes.

    A joint's turn is I + sin a S + (1 - cos a) C with constant 4 x 4 matrices, for row vectors (x, y, z, 1): all joints of all
    legs, and of several postures, are turned at once. A leg with fewer joints begins with some that do not turn.

    Attributes:
        joints: Index of each joint from the hip outwards, shape (feet, j), j even.
    """

    def __init__(self, body: Body) -> None:
        count = max(len(foot.joints) for foot in body.feet)
        count += count % 2
        self.joints = np.array([[0] * (count - len(foot.joints)) + foot.joints.tolist() for foot in body.feet])
        self._sine, self._cosine = np.stack([_turns(foot, count) for foot in body.feet], axis=1)  # (feet, j, 4, 4)
        self._rest = np.tile(np.eye(4), (count, 1, 1))
        self._rest[0, 3, :3] = -body.torso
        points = np.array([foot.points for foot in body.feet])
        self._points = np.concatenate((points, np.ones((*points.shape[:2], 1))), axis=2)

    def corners(self, joint_pos: np.ndarray) -> np.ndarray:
        """[m], shape (k, feet, p, 3); `joint_pos` [rad], shape (k, n)."""
        angles = joint_pos[:, self.joints, None, None]
        turned = np.sin(angles) * self._sine
        turned += (1.0 - np.cos(angles)) * self._cosine
        turned += self._rest
        pairs, out = turned[:, :, 1::2] @ turned[:, :, ::2], self._points
        for i in reversed(range(pairs.shape[2])):
            out = out @ pairs[:, :, i]
        return out[..., :3]


def _turns(limb: Limb, count: int) -> np.ndarray:
    """What sin a and 1 - cos a of each joint are multiplied by, see Soles, shape (2, count, 4, 4)."""
    found = np.zeros((2, count, 4, 4))
    for matrices, parts in zip(found, (limb.chain.cross, limb.chain.twice), strict=True):
        for matrix, part, anchor in zip(matrices[count - len(parts) :], parts, limb.chain.anchors, strict=True):
            matrix[:3, :3], matrix[3, :3] = part, -anchor @ part
    return found


class Odometer:
    """Leg odometry in steps of several ticks, which cost little more than one.

    Attributes:
        torso: Way of the torso's centre of mass over the floor since the first posture, x, y [m], shape (2,).
    """

    def __init__(self, body: Body, joint_pos: np.ndarray, rotation: np.ndarray) -> None:
        """`joint_pos` [rad], shape (n,); `rotation` of the base, body to world, shape (3, 3)."""
        self._soles, self._centre, self.torso = Soles(body), body.torso, np.zeros(2)
        self._corners = self._see(joint_pos[None], rotation[None])  # of the last tick, world axes, shape (1, feet, p, 3)
        self._foot = int(self._corners[0, ..., 2].min(axis=1).argmin())
        self._from, self._lever = self._middle(), (rotation @ self._centre)[:2]

    @property
    def place(self) -> np.ndarray:
        """Displacement of the middle between the feet since the first posture, x, y [m], shape (2,): the robot comes to rest
        over it, while the torso sways."""
        return self.torso + self._middle() - self._from

    def _middle(self) -> np.ndarray:
        """Middle of the soles from the torso, world axes, x, y [m], shape (2,)."""
        corners = self._corners.reshape(-1, 3)
        return np.add.reduce(corners)[:2] / len(corners)

    def _see(self, joint_pos: np.ndarray, rotation: np.ndarray) -> np.ndarray:
        return self._soles.corners(joint_pos) @ rotation.swapaxes(1, 2)[:, None]

    def step(self, joint_pos: np.ndarray, rotation: np.ndarray) -> np.ndarray:
        """The postures of the next k ticks [rad], shape (k, n), and `rotation`, shape (k, 3, 3). Returns the way of the base
        frame's origin since the first posture at each of them, x, y [m], shape (k, 2)."""
        corners = np.concatenate((self._corners, self._see(joint_pos, rotation)))
        self._corners = corners[-1:]
        height = corners[..., 2]
        low = height.min(axis=2, keepdims=True)
        load = np.exp((low - height) / EDGE)
        feet = self._carrying(low[..., 0])
        ticks = np.arange(len(feet))
        share = load[1:][ticks, feet] + load[:-1][ticks, feet]
        moved = (corners[1:] - corners[:-1])[ticks, feet, :, :2]
        back = (share[:, None] @ moved)[:, 0] / share.sum(axis=1, keepdims=True)
        way = self.torso - back.cumsum(axis=0)
        self.torso = way[-1] if len(way) else self.torso
        return way - (rotation[:, :2] @ self._centre - self._lever)

    def _carrying(self, low: np.ndarray) -> list[int]:
        """Which foot carries between every two ticks; `low`: heights of the soles [m], shape (k + 1, feet)."""
        found, foot = [], self._foot
        for heights in (0.5 * (low[1:] + low[:-1])).tolist():
            lowest = min(heights)
            if heights[foot] - lowest > OFF:
                foot = heights.index(lowest)
            found.append(foot)
        self._foot = foot
        return found
