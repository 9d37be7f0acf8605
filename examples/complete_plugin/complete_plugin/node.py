"""A node of the tree: `still: 0.2` waits until the joints have been slow for so long."""

from dataclasses import dataclass

import numpy as np

from arbiter.skill import Outcome
from arbiter.strict.fields import limited
from arbiter.tree.plugin import TreeNode, View


@dataclass(frozen=True)
class StillConfig:
    """Attributes:
    seconds: How long the joints have to be slow [s].
    speed: What counts as slow [rad/s].
    """

    seconds: float = limited(0.2, 0.0, 10.0, "s")
    speed: float = limited(0.5, 0.0, 10.0, "rad/s")


class Still(TreeNode):
    """Runs until the robot is still, then succeeds."""

    name, help, Config, main = "still", "waits until the joints have been slow for so long", StillConfig, "seconds"

    def __init__(self, config: StillConfig) -> None:
        super().__init__(config)
        self._since: float | None = None

    def enter(self, view: View) -> None:
        """It begins anew."""
        self._since = None

    def update(self, view: View) -> Outcome:
        """Looks at the measured speeds."""
        if float(np.abs(view.state.joint_vel).max()) > self.config.speed:
            self._since = None
            return Outcome.RUNNING
        self._since = view.now if self._since is None else self._since
        return Outcome.SUCCESS if view.now - self._since >= self.config.seconds - 1e-9 else Outcome.RUNNING
