"""A whole node type for trees: `every: 20` succeeds once every twenty seconds.

- steps:
    - every: {seconds: 20}
    - run: wave_right
"""

from dataclasses import dataclass

from arbiter.skill import Outcome
from arbiter.tree.plugin import TreeNode, View


@dataclass(frozen=True)
class EveryConfig:
    """Attributes:
    seconds: From one success to the next [s].
    quiet: Says nothing when the time has come.
    """

    seconds: float
    quiet: bool = True

    def __post_init__(self) -> None:
        if not self.seconds > 0.0:
            raise ValueError(f"seconds is {self.seconds:g}; more than 0 is allowed")


class Every(TreeNode):
    """Succeeds once every so many seconds of the run; fails in between. The first time comes after that time, too."""

    name = "every"
    help = "succeeds once every so many seconds, fails in between"
    Config = EveryConfig
    main = "seconds"

    def __init__(self, config: EveryConfig) -> None:
        super().__init__(config)
        self._next: float | None = None

    def update(self, view: View) -> Outcome:
        """Looks at the clock of the run, which is simulated time with --fast."""
        if self._next is None:
            self._next = view.now + self.config.seconds
        if view.now < self._next:
            return Outcome.FAILURE
        self._next = view.now + self.config.seconds
        if not self.config.quiet:
            view.tell(f"{self.config.seconds:g} s have passed")
        return Outcome.SUCCESS
