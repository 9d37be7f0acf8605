"""Where a hand is, from the joints of the Berkeley Humanoid Lite's arm."""

from __future__ import annotations

import numpy as np

from skills.chain import chain

SIDES = {"left": (slice(0, 5), 1.0), "right": (slice(5, 10), -1.0)}  # joints in robot order; the right arm is the mirror image
TILT = np.radians(15.0)  # of the upper arm outwards when the joints are at zero
DOWN, OUT = np.array((0.0, np.sin(TILT), -np.cos(TILT))), np.array((0.0, -np.cos(TILT), -np.sin(TILT)))
# Left arm at zero, base frame: axes, a point on each [m], and the hand [m]. Figures of the robot description's model.xml.
SHOULDER = np.array((0.0, 0.133, 0.764028))
ARM = chain(
    ((0.0, 1.0, 0.0), (1.0, 0.0, 0.0), DOWN, OUT, DOWN),
    (SHOULDER, (0.0255, 0.176, 0.764028), (0.0, 0.207835, 0.645219), (0.0, 0.195299, 0.597343), (0.0, 0.251765, 0.485134)),
)
HAND = np.array(((0.0122, 0.273764, 0.403031),))
ELBOW = ARM.anchors[3:4]
BEFORE_ELBOW = 3  # joints


def hand(joint_pos: np.ndarray, side: str) -> np.ndarray:
    """Position of the "left" or "right" hand in the base frame [m], shape (..., 3).

    Args:
        joint_pos: Joint positions [rad], shape (..., n), robot order.
    """
    arm, mirror = SIDES[side]
    return ARM.carry(HAND, mirror * joint_pos[..., arm])[..., 0, :] * (1.0, mirror, 1.0)


def forearm(joint_pos: np.ndarray, side: str) -> np.ndarray:
    """Direction from the elbow to the hand in the base frame, unit vector, shape (..., 3); `joint_pos` as of `hand`."""
    arm, mirror = SIDES[side]
    elbow = ARM.carry(ELBOW, mirror * joint_pos[..., arm][..., :BEFORE_ELBOW])[..., 0, :] * (1.0, mirror, 1.0)
    along = hand(joint_pos, side) - elbow
    return along / np.linalg.norm(along, axis=-1, keepdims=True)
