"""A skill that brings its own tree: the node and the policies beside it in this package do what it is called."""

from collections.abc import Sequence

import numpy as np

from arbiter.skill import Progress, Skill, Verification
from arbiter.types import RobotState

MOVED = 0.3  # [rad] that a joint of the arms has to move


class Welcome(Skill):
    """Waits until the robot is still, raises the arms, and sways with them."""

    name = "welcome"
    utterances = (
        "welcome our guests",
        "welcome the visitors",
        "greet the guests",
        "give them a warm welcome",
        "make our visitors feel welcome",
    )
    joints = "arms"
    tree = """
steps:
  - still: 0.2
  - say: welcome
  - hand_over: {to: chunk, joints: arms, prompt: raise your arms}
  - wait: 2.0
  - hand_over: {to: sway, joints: arms}
  - wait: 3.0
"""

    def verify(self, readings: Sequence[RobotState], progress: Progress) -> Verification:
        """Every joint of the arms has moved."""
        arms = slice(None) if progress.robot is None else progress.robot.groups["arms"]
        paths = np.ptp([one.joint_pos[arms] for one in readings], axis=0)
        least = float(paths.min())
        return Verification(least >= MOVED, least, MOVED, "rad", f"each joint of the arms moved by {least:.2f} rad or more")
