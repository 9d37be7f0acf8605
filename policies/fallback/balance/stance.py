"""Statics of a standing robot in its sagittal plane: where its weight is, and what its leg joints carry."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

GRAVITY = 9.81
MOST_FORWARD = 0.035  # [m] furthest lean of the centre of mass ahead of the ankles: about half of what they can hold
ANKLE_WEIGHT = 1.5  # of ankle torque against knee torque: the ankle needs a reserve to catch a fall


@dataclass(frozen=True, slots=True)
class Segment:
    """A rigid piece of the body, both sides together.

    Attributes:
        mass: [kg].
        com: Centre of mass from its lower joint (x forward, z up) [m], all joints zero.
        upper: Its upper joint from its lower one (x, z) [m], all joints zero.
    """

    mass: float
    com: tuple[float, float]
    upper: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Stance:
    """A posture on flat feet.

    Attributes:
        hip, knee, ankle: Pitch angles [rad].
        reach: Centre of mass ahead of the ankles [m].
        height: Centre of mass above the ankles [m].
        torques: That hip, knee and ankle of one leg must give to hold it [N·m].
    """

    hip: float
    knee: float
    ankle: float
    reach: float
    height: float
    torques: tuple[float, float, float]


@dataclass(frozen=True)
class SagittalChain:
    """Shank, thigh and all above the hips, on ankles that stand on flat feet. Arms count as hanging."""

    shank: Segment
    thigh: Segment
    trunk: Segment
    _half_above_knee: float = field(init=False, repr=False)  # [N] weight of what is above the knees, one leg's half
    _half_weight: float = field(init=False, repr=False)  # [N]

    def __post_init__(self) -> None:
        above = 0.5 * GRAVITY * (self.thigh.mass + self.trunk.mass)
        object.__setattr__(self, "_half_above_knee", above)
        object.__setattr__(self, "_half_weight", above + 0.5 * GRAVITY * self.shank.mass)

    def stance(self, hip: float, knee: float, ankle: float) -> Stance:
        """The stance of these pitch angles [rad]."""
        return self._turned(hip, knee, ankle, self._moments(hip, knee, ankle), 0.0)

    def balanced(self, hip: float, knee: float, ankle: float) -> Stance:
        """The stance of the same hips and knees that leans so that ankles and knees share the load."""
        moments = self._moments(hip, knee, ankle)
        (_, _), (knee_x, knee_z), (ankle_x, ankle_z) = moments
        weight, above = self._half_weight, self._half_above_knee
        lean = 0.0
        for _ in range(4):  # Newton; leaning turns all moments alike
            c, s = math.cos(lean), math.sin(lean)
            reach, height = (c * ankle_x + s * ankle_z) / weight, (c * ankle_z - s * ankle_x) / weight
            wanted = (above * reach - (c * knee_x + s * knee_z)) / (ANKLE_WEIGHT * weight + above)
            lean += (min(MOST_FORWARD, max(0.0, wanted)) - reach) / height
        return self._turned(hip, knee, ankle, moments, lean)

    def _moments(self, hip: float, knee: float, ankle: float) -> tuple[tuple[float, float], ...]:
        """Moment of all that is above hip, knee and ankle, about it, with gravity along z and along x; one leg's half."""
        x = z = lean = 0.0
        points = []
        for segment, angle in ((self.shank, ankle), (self.thigh, knee), (self.trunk, hip)):
            lean -= angle
            c, s = math.cos(lean), math.sin(lean)
            (com_x, com_z), (up_x, up_z), half = segment.com, segment.upper, 0.5 * GRAVITY * segment.mass
            points.append((x, z, half, x + c * com_x + s * com_z, z - s * com_x + c * com_z))
            x, z = x + c * up_x + s * up_z, z - s * up_x + c * up_z
        moments, half, sum_x, sum_z = [], 0.0, 0.0, 0.0
        for at_x, at_z, weight, com_x, com_z in reversed(points):
            half, sum_x, sum_z = half + weight, sum_x + weight * com_x, sum_z + weight * com_z
            moments.append((sum_x - half * at_x, sum_z - half * at_z))
        return tuple(moments)

    def _turned(self, hip: float, knee: float, ankle: float, moments, lean: float) -> Stance:
        """The stance that leans forward by `lean` [rad] about the ankles; a positive torque pushes the toes down."""
        c, s = math.cos(lean), math.sin(lean)
        torques = tuple(c * x + s * z for x, z in moments)
        height = (c * moments[2][1] - s * moments[2][0]) / self._half_weight
        return Stance(hip, knee, ankle - lean, torques[2] / self._half_weight, height, torques)
