"""How far the base went over its soles, from joints and IMU.

Leg odometry: the sole that carries stands still, so that the base moves as that sole seems to move back. A sole that lands slides
and sinks in before it carries, so that the load is taken to change late: when the other one is clearly off the floor.
In simulation, on a flat floor with the encoders' noise: 1.6 % of the way off, at most 4 % (docs/how-to/add-a-skill.md).
"""

from __future__ import annotations

import numpy as np

from arbiter.body import Body, side_by_side

EDGE = 0.001  # [m] height over which a sole's load moves from one corner to the next
OFF = 0.005  # [m] above the lowest one at which a sole no longer carries: as deep as one that lands sinks in


def odometry(body: Body, joint_pos: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """Way of the base frame's origin over the floor, x, y [m], from the first posture on, shape (T, 2).

    Args:
        body: Whose.
        joint_pos: Tick by tick [rad], shape (T, n). rotation: Of the base, body to world, shape (T, 3, 3).
    """
    corners = np.einsum("tij,tfcj->tfci", rotation, body.soles(joint_pos))
    load, low = _loads(corners)
    both = load[1:] + load[:-1]
    moved = np.einsum("tfc,tfci->tfi", both / both.sum(axis=2, keepdims=True), np.diff(corners, axis=0))[..., :2]
    foot, feet = int(low[0].argmin()), []
    for heights in low[1:] + low[:-1]:
        foot = _carrying(foot, 0.5 * heights)
        feet.append(foot)
    return np.vstack((np.zeros(2), -np.cumsum(moved[np.arange(len(moved)), feet], axis=0)))


class Odometer:
    """The same, tick by tick, for the middle between the feet: over it the robot comes to rest, while the torso sways.

    Attributes:
        torso: Way of the torso's centre of mass over the floor since the first posture, x, y [m], shape (2,).
    """

    def __init__(self, body: Body, joint_pos: np.ndarray, rotation: np.ndarray) -> None:
        """`joint_pos` [rad], shape (n,); `rotation` of the base, body to world, shape (3, 3)."""
        self._body, self.torso = body, np.zeros(2)
        feet = side_by_side(body.feet)
        self._soles = body.soles if feet is None else feet.place
        self._corners, self._load, self._low = (values[0] for values in self._see(joint_pos[None], rotation[None]))
        self._foot = int(self._low.argmin())
        self._from = self._middle()

    @property
    def place(self) -> np.ndarray:
        """Way of the middle between the feet since the first posture, x, y [m], shape (2,)."""
        return self.torso + self._middle() - self._from

    def _middle(self) -> np.ndarray:
        """Middle of the soles from the torso, world axes, x, y [m], shape (2,)."""
        return self._corners[..., :2].reshape(-1, 2).mean(axis=0)

    def step(self, joint_pos: np.ndarray, rotation: np.ndarray) -> None:
        """The postures of the next k ticks [rad], shape (k, n), and `rotation`, shape (k, 3, 3): several at once cost little more
        than one."""
        for corners, load, low in zip(*self._see(joint_pos, rotation), strict=True):
            foot = self._foot = _carrying(self._foot, 0.5 * (low + self._low))
            both = load[foot] + self._load[foot]
            self.torso = self.torso - both @ (corners[foot] - self._corners[foot])[:, :2] / both.sum()
            self._corners, self._load, self._low = corners, load, low

    def _see(self, joint_pos: np.ndarray, rotation: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Corners of the soles from the torso, world axes [m], with what `_loads` makes of them; a row a tick."""
        corners = (self._soles(joint_pos) - self._body.torso) @ np.swapaxes(rotation, -1, -2)[:, None]
        return corners, *_loads(corners)


def _loads(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each sole's `corners` [m], (..., feet, p, 3): shares of the load, of any scale, (..., feet, p); height, (..., feet)."""
    height = corners[..., 2]
    low = height.min(axis=-1)
    return np.exp((low[..., None] - height) / EDGE), low


def _carrying(foot: int, low: np.ndarray) -> int:
    """Which foot carries next; `low`: heights of the soles [m], shape (feet,)."""
    lowest = int(low.argmin())
    return lowest if low[foot] - low[lowest] > OFF else foot
