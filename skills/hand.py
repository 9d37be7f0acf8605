"""Where a hand is, from the joints: product of exponentials of the Berkeley Humanoid Lite's arm."""

from __future__ import annotations

import numpy as np

SIDES = {"left": (slice(0, 5), 1.0), "right": (slice(5, 10), -1.0)}  # joints in robot order; the right arm is the mirror image
TILT = np.radians(15.0)  # of the upper arm outwards when the joints are at zero
DOWN, OUT = np.array((0.0, np.sin(TILT), -np.cos(TILT))), np.array((0.0, -np.cos(TILT), -np.sin(TILT)))
# Left arm at zero, base frame: axes, a point on each [m], and the hand [m]. Figures of the robot description's model.xml.
AXES = ((0.0, 1.0, 0.0), (1.0, 0.0, 0.0), DOWN, OUT, DOWN)
POINTS = np.array(((0.0, 0.133, 0.764028), (0.0255, 0.176, 0.764028), (0.0, 0.207835, 0.645219), (0.0, 0.195299, 0.597343),
                   (0.0, 0.251765, 0.485134)))
HAND = np.array((0.0122, 0.273764, 0.403031))


def _cross(axis) -> np.ndarray:
    x, y, z = axis
    return np.array(((0.0, -z, y), (z, 0.0, -x), (-y, x, 0.0)))


CROSS = np.array([_cross(axis) for axis in AXES])
TWICE = CROSS @ CROSS


def hand(joint_pos: np.ndarray, side: str) -> np.ndarray:
    """Position of the "left" or "right" hand in the base frame [m], shape (3,).

    Args:
        joint_pos: Joint positions [rad], shape (n,), robot order.
    """
    arm, mirror = SIDES[side]
    point = HAND
    for angle, cross, twice, at in reversed(list(zip(mirror * joint_pos[arm], CROSS, TWICE, POINTS, strict=True))):
        away = point - at
        point = at + away + np.sin(angle) * (cross @ away) + (1.0 - np.cos(angle)) * (twice @ away)
    return point * (1.0, mirror, 1.0)
