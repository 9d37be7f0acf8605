"""The end of a walk: the goal is reached, the command is zero, and the robot comes to rest before the next skill begins."""

from __future__ import annotations

import math

from arbiter.skill import Progress
from arbiter.types import RobotState

LEAST, MOST = 0.8, 2.4  # [s] after the goal: the command fades, the step under way ends
CALM, STAYS = 0.3, 0.2  # [rad/s] of the base, for so long [s]: a swaying body is still at each turn


class Arrival:
    """Remembers when a run reached its goal; from then on it stays reached."""

    def __init__(self) -> None:
        self._at, self._swayed = math.inf, 0.0

    def reached(self, progress: Progress, goal: bool) -> bool:
        """Whether the run has reached its goal, now (`goal`) or before."""
        if goal:
            self._at = min(self._at, progress.elapsed)
        return progress.elapsed >= self._at

    def rested(self, state: RobotState, progress: Progress) -> bool:
        """Whether it has also come to rest, or the time for that is over."""
        since = progress.elapsed - self._at
        if math.hypot(*state.base_ang_vel.tolist()) > CALM:
            self._swayed = progress.elapsed
        return since >= MOST or (since >= LEAST and progress.elapsed - self._swayed >= STAYS - 1e-9)
