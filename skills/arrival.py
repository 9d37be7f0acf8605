"""The end of a walk: it steps in place until it is where it should be, stops, and comes to rest before the next skill begins.

A policy may drift while it comes to rest. What it drifts by is learned and allowed for, from run to run.
"""

from __future__ import annotations

import enum
import math
from collections.abc import MutableMapping

import numpy as np

from arbiter.skill import Progress
from arbiter.types import RobotState

LEAST, MOST = 0.8, 2.4  # [s] after the command fell to zero: it fades, the step under way ends
CALM, STAYS = 0.3, 0.2  # [rad/s] of the base, for so long [s]: a swaying body is still at each turn
SWAY = 0.3  # [s] over which an error is averaged: the body sways with its steps
PLACED, PLACES, BRIEF = 0.2, 1.5, 0.5  # [s] for which it has to be in place; that it takes for that at most, and in brief
NEAR, GOOD = (0.012, 0.012), (0.025, 0.025)  # [m, rad] from place and heading: to stop, and to have arrived
TRIES = 2  # times that a robot at rest steps again because it ended away from its place
HELPS = 0.7  # share of the error that is left by a try that helped
DRIFT, NO_DRIFT = "drift at rest", np.zeros(3)
LEARNS = 0.5  # share of a drift that is seen again
MOST_DRIFT = np.array((0.05, 0.05, 0.05))  # [m, rad]; more is a push


class Stage(enum.Enum):
    """Where a walk stands."""

    GOING = "going"  # towards its goal
    PLACING = "placing"  # at its goal: steps in place and corrects position and heading
    STOPPING = "stopping"  # the command is zero


class Arrival:
    """Remembers where a run stands; it never goes on once it has reached its goal.

    Attributes:
        stage: See Stage.

    Args:
        learned: What runs have learned (RunContext); the drift is kept there.
    """

    def __init__(self, learned: MutableMapping[str, np.ndarray]) -> None:
        self.stage, self._learned = Stage.GOING, learned
        self._off, self._stopped = np.zeros(3), np.zeros(3)
        self._now = self._since = self._swayed = self._away = 0.0
        self._tries, self._best = TRIES, math.inf

    @property
    def drift(self) -> np.ndarray:
        """By how much it moves while it comes to rest: ahead, to the left [m], turn [rad], shape (3,)."""
        return self._learned.get(DRIFT, NO_DRIFT)

    def follow(self, progress: Progress, off: np.ndarray, goal: bool, lost: bool = False, brief: bool = False) -> Stage:
        """The stage now. Asked in every tick.

        Args:
            off: Where the goal lies: ahead, to the left [m], and the turn to it [rad], shape (3,).
            goal: Whether the goal is reached. lost: Whether it gives up: it stops where it is.
            brief: Whether its time is told: it steps in place for a moment only, and once.
        """
        now, step = progress.elapsed, progress.elapsed - self._now
        self._now = now
        self._off = off if self.stage is Stage.GOING else self._off + (off - self._off) * min(1.0, step / SWAY)
        if not within(self._off - self.drift, NEAR):
            self._away = now
        if self.stage is Stage.GOING and goal:
            self._enter(Stage.PLACING)
        if brief:
            self._tries = 0
        places = BRIEF if brief else PLACES
        if lost and self.stage is not Stage.STOPPING:
            self._tries = 0
            self._enter(Stage.STOPPING)
        elif self.stage is Stage.PLACING and (now - max(self._away, self._since) >= PLACED or now - self._since >= places):
            self._stopped = self._off
            self._enter(Stage.STOPPING)
        return self.stage

    def _in_vain(self) -> bool:
        """Whether stepping in place once more did not help: a policy need not follow small commands."""
        last, self._best = self._best, float(np.abs(self._off).max())
        return self._best > HELPS * last

    def _enter(self, stage: Stage) -> None:
        self.stage, self._since = stage, self._now

    def rested(self, state: RobotState) -> bool:
        """Whether the walk is over: it has come to rest, or the time for that is over, and is where it should be."""
        if math.hypot(*state.base_ang_vel.tolist()) > CALM:
            self._swayed = self._now
        since = self._now - self._since
        calm = since >= LEAST and self._now - self._swayed >= STAYS - 1e-9
        if self.stage is not Stage.STOPPING or not (since >= MOST or calm):
            return False
        if self._tries == TRIES:
            moved = np.clip(self._stopped - self._off, -MOST_DRIFT, MOST_DRIFT)
            self._learned[DRIFT] = self.drift + LEARNS * (moved - self.drift) if DRIFT in self._learned else moved
        if within(self._off, GOOD) or not self._tries or self._in_vain():
            return True
        self._tries -= 1
        self._enter(Stage.PLACING)
        return False


def within(off: np.ndarray, most: tuple[float, float]) -> bool:
    """Whether an error, ahead, left [m], turn [rad], shape (3,), is at most `most` [m, rad]."""
    ahead, left, turn = off.tolist()
    return math.hypot(ahead, left) <= most[0] and abs(turn) <= most[1]
