"""The run of a skill that has a tree: it ticks the tree, whose nodes run other skills."""

from __future__ import annotations

from py_trees.behaviour import Behaviour
from py_trees.common import Status

from arbiter.execution.run import Phase, Run
from arbiter.skill import Outcome
from arbiter.types import RobotState


class TreeRun(Run):
    """A skill that drives nothing itself. It is done once its tree has succeeded, and the skill's own `verify` then decides."""

    _root: Behaviour | None = None

    def grow(self, root: Behaviour | None, state: RobotState, now: float) -> None:
        """It begins, with its tree `root`; without one, or while another run of the skill has it, it fails."""
        self.begin(state, now)
        if root is None:
            self.end(Outcome.FAILURE, "its tree is not part of this run", now)
        elif root.status is Status.RUNNING:
            self.end(Outcome.FAILURE, "is under way already", now)
        else:
            self._root = root

    def step(self, state: RobotState, now: float) -> None:
        """Ticks the tree; once that has succeeded, asks the skill."""
        root = self._root
        if root is not None:
            for _ in root.tick():
                pass
            if root.status is Status.RUNNING:
                self.note(state, now)
                self.limit(now)
                return
            self._root = None
            if root.status is not Status.SUCCESS:
                self.note(state, now)
                self.end(Outcome.FAILURE, why_of(root) or "its tree failed", now)
                return
        super().step(state, now)

    def end(self, outcome: Outcome, reason: str, now: float, hold: bool = False) -> None:
        """Ends it, and what its tree runs."""
        root, self._root = self._root, None
        if root is not None:
            root.stop(Status.INVALID)
        super().end(outcome, reason, now, hold and self.phase is not Phase.WAITING)


def why_of(root: Behaviour) -> str:
    """Why the tree failed: what the node says at which it did."""
    failed = root.tip()
    return "" if failed is None else failed.feedback_message
