"""Joints that no skill uses any more go to their home policies."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from arbiter.execution.run import Run
from arbiter.handover.controller import HandoverController
from arbiter.robot import RobotModel


class Homing:
    """Which joints are still wanted by what has succeeded, and which were left.

    Args:
        model: The robot.
        handover: Carries out changes of hands.
        unwanted: Tells which joints nothing that is under way wants, bool, shape (n,).

    Attributes:
        held: Runs that succeeded and whose policies keep their joints until somebody wants them.
    """

    def __init__(self, model: RobotModel, handover: HandoverController, unwanted: Callable[[], np.ndarray]) -> None:
        self._handover, self._unwanted = handover, unwanted
        self.held: list[Run] = []
        self._changes = 0
        self._seen: tuple[int, ...] = ()
        self._left, self._left_at = np.zeros(model.n, bool), 0.0

    def changed(self) -> None:
        """Who wants which joints has changed."""
        self._changes += 1

    def left(self, run: Run, now: float) -> None:
        """`run` is over; who wants its joints takes them before `tidy` sends them home."""
        self._handover.release(run)
        self._left |= run.joints
        self._left_at = now

    def taken(self, joints: np.ndarray) -> None:
        """Somebody wants `joints`, bool, shape (n,): they are neither held nor left any more."""
        self.held = [run for run in self.held if not (run.joints & joints).any()]
        self._left &= ~joints

    def forget(self, left: bool) -> None:
        """Nothing is held any more; with `left` the joints that were left stay where they are, too."""
        self.held.clear()
        self._left &= not left
        self._changes += 1

    def send(self, now: float) -> None:
        """Releases all unused joints to their home policies; computed again only after a change."""
        if self._state() != self._seen:
            self._handover.release_to_home(self._free(), now)
            self._seen = self._state()

    def tidy(self, now: float) -> None:
        """After the tree was ticked: joints that a run released and no other took within the dwell time go home."""
        if self._left.any() and now - self._left_at >= self._handover.settings.dwell - 1e-9:
            joints = self._left & self._free()
            self._left[:] = False
            self._handover.release_to_home(joints, now)

    def _state(self) -> tuple[int, ...]:
        return self._handover.authority.version, self._handover.changes, self._changes

    def _free(self) -> np.ndarray:
        free = self._unwanted()
        for run in self.held:
            free = free & ~run.joints
        return free
