"""A robot's body for skills: positions of its hands, soles and trunk in a posture, from the robot's model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from arbiter.chain import Chain


@dataclass(frozen=True, slots=True, eq=False)
class Limb:
    """A chain of joints from the base to an end. Figures in the posture of all joints at zero, base frame.

    Attributes:
        joints: Indices of its joints from the base outwards, robot order, shape (j,).
        chain: Their axes.
        points: Of its last link [m], shape (p, 3): the hand, or the corners of the sole.
        first: Position in `joints` of the shoulder or hip; those before it are of the trunk.
        middle: Position in `joints` of the elbow or knee.
    """

    joints: np.ndarray
    chain: Chain
    points: np.ndarray
    first: int
    middle: int

    @property
    def root(self) -> np.ndarray:
        """Where the shoulder or hip is [m], base frame, shape (3,)."""
        return self.chain.anchors[self.first]

    def place(self, joint_pos: np.ndarray) -> np.ndarray:
        """Where `points` are [m], base frame, shape (..., p, 3); `joint_pos` [rad], shape (..., n)."""
        return self.chain.carry(self.points, joint_pos[..., self.joints])

    def end(self, joint_pos: np.ndarray) -> np.ndarray:
        """The first of `points` [m], base frame, shape (..., 3)."""
        return self.place(joint_pos)[..., 0, :]

    def pointing(self, joint_pos: np.ndarray) -> np.ndarray:
        """Direction from the elbow to the end, base frame, unit vector, shape (..., 3)."""
        k = self.middle
        elbow = self.chain.carry(self.chain.anchors[k : k + 1], joint_pos[..., self.joints[:k]])[..., 0, :]
        along = self.end(joint_pos) - elbow
        return along / np.linalg.norm(along, axis=-1, keepdims=True)


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """What skills need of a robot's shape. A robot without hands or feet has none.

    Attributes:
        hands: By side, "left" and "right".
        feet: Left first; `points` are the lowest points of the sole.
        torso: Centre of mass of the base [m], base frame, shape (3,).
        imu: Where the IMU is [m], base frame, shape (3,).
        mass: Of the whole robot [kg].
        standing: Its height above the floor in the default posture [m].
        shoulders: Height of the shoulders in the base frame [m].
        head: Height of the top of the head in the base frame [m].
        reach: Longest distance from a shoulder to its hand [m].
        nearest: Shortest one [m]: with the elbow bent as far as it goes.
        hips, knees, ankles: Indices of the joints that pitch them, robot order, shape (feet,); (0,) where legs lack them.
        hip_signs, knee_signs, ankle_signs: 1 where the joint turns about the body's y axis (a positive angle bends the knee),
            -1 where it turns the other way, shape as above.
    """

    hands: Mapping[str, Limb]
    feet: tuple[Limb, ...]
    torso: np.ndarray
    imu: np.ndarray
    mass: float
    standing: float
    shoulders: float
    head: float
    reach: float
    nearest: float
    hips: np.ndarray
    knees: np.ndarray
    ankles: np.ndarray
    hip_signs: np.ndarray
    knee_signs: np.ndarray
    ankle_signs: np.ndarray

    @property
    def tall(self) -> float:
        """Height of the top of the head above the floor in the default posture [m]."""
        return self.standing + self.head - float(self.torso[2])

    def hand(self, joint_pos: np.ndarray, side: str) -> np.ndarray:
        """Position of the "left" or "right" hand [m], base frame, shape (..., 3); `joint_pos` [rad], shape (..., n)."""
        return self.hands[side].end(joint_pos)

    def soles(self, joint_pos: np.ndarray) -> np.ndarray:
        """Lowest points of the soles [m], base frame, shape (..., feet, p, 3); `joint_pos` [rad], shape (..., n)."""
        return np.stack([foot.place(joint_pos) for foot in self.feet], -3)

    def torso_height(self, joint_pos: np.ndarray, rotation: np.ndarray) -> np.ndarray:
        """Height of the base's centre of mass above the lowest point of the soles [m], shape (...,).

        Args:
            joint_pos: [rad], shape (..., n). rotation: Of the base, body to world, shape (..., 3, 3).
        """
        down = rotation[..., 2, :]
        corners = np.einsum("...fci,...i->...fc", self.soles(joint_pos), down)
        return down @ self.torso - corners.min(axis=(-1, -2))
