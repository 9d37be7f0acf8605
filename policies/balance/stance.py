"""Statics of a standing robot in its sagittal plane: where its weight is, and what its leg joints carry."""

from __future__ import annotations

import math
from dataclasses import dataclass

GRAVITY = 9.81
MOST_FORWARD = 0.035  # [m] furthest lean of the centre of mass ahead of the ankles: about half of what they can hold
ANKLE_PRICE = 1.5  # torque at the ankle counts more than at the knee: it is what catches a fall


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


@dataclass(frozen=True, slots=True)
class SagittalChain:
    """Shank, thigh and all above the hips, on ankles that stand on flat feet. Arms count as hanging."""

    shank: Segment
    thigh: Segment
    trunk: Segment

    def stance(self, hip: float, knee: float, ankle: float) -> Stance:
        """The stance of these pitch angles [rad]."""
        x = z = 0.0
        lean = 0.0
        joints, masses = [], []
        for segment, angle in ((self.shank, ankle), (self.thigh, knee), (self.trunk, hip)):
            lean -= angle
            c, s = math.cos(lean), math.sin(lean)
            joints.append(x)
            masses.append((segment.mass, x + c * segment.com[0] + s * segment.com[1],
                           z - s * segment.com[0] + c * segment.com[1]))
            x, z = x + c * segment.upper[0] + s * segment.upper[1], z - s * segment.upper[0] + c * segment.upper[1]
        # A joint carries the moment of all that is above it; a positive pitch torque pushes the toes down.
        torques = tuple(0.5 * GRAVITY * sum(mass * (at - joints[i]) for mass, at, _ in masses[i:]) for i in (2, 1, 0))
        total = sum(mass for mass, _, _ in masses)
        return Stance(hip, knee, ankle, sum(mass * at for mass, at, _ in masses) / total,
                      sum(mass * up for mass, _, up in masses) / total, torques)

    def balanced(self, hip: float, knee: float, ankle: float) -> Stance:
        """The stance of the same hips and knees that leans so that ankles and knees share the load."""
        stance = self.stance(hip, knee, ankle)
        for _ in range(4):
            above = self.thigh.mass + self.trunk.mass
            half = 0.5 * GRAVITY * above
            share = ANKLE_PRICE * half * (above + self.shank.mass) / above + half
            wanted = (half * stance.reach - stance.torques[1]) / share
            lean = (min(MOST_FORWARD, max(0.0, wanted)) - stance.reach) / stance.height
            stance = self.stance(hip, knee, stance.ankle - lean)
        return stance
