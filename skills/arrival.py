"""The end of a walk: it comes to stand where it should be, stops, and comes to rest before the next skill begins.

A policy may drift while it comes to rest. What it drifts by is learned and allowed for, from run to run.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, MutableMapping

import numpy as np

from arbiter.skill import Progress
from arbiter.types import RobotState
from skills.placing import BRIEF, FAIR, Placing, near
from skills.response import CALM

LEAST, MOST = 0.8, 2.4  # [s] after the command fell to zero: it fades, the step under way ends
STAYS = 0.2  # [s] for which the base is calm: a swaying body is still at each turn
SWAY = 0.3  # [s] over which an error is averaged: the body sways with its steps
TRIES = 3  # times that a robot at rest steps again because it ended away from its place
STOPS = 7  # of the last that tell the drift: their median, as now and then a robot takes some steps more to come to rest
MOST_DRIFT = np.array((0.15, 0.15, 0.15))  # [m, rad]; more is a push
NO_DRIFT = np.zeros(3)


class Stage(enum.Enum):
    """Where a walk stands."""

    GOING = "going"  # towards its goal
    PLACING = "placing"  # at its goal: steps and corrects position and heading
    STOPPING = "stopping"  # the command is zero


class Arrival:
    """Remembers where a run stands; it never goes on once it has reached its goal.

    Attributes:
        stage: See Stage.
        velocity: What it commands at its goal, x, y [m/s], yaw [rad/s], shape (3,).

    Args:
        learned: What runs have learned (RunContext); drifts are kept there.
        way: The kind of walk: what names the drift of one that stops without placing.
        placing: Makes the way to come to stand at a goal; None: it stops there at once. The argument tells whether the robot
            has stopped before.
    """

    def __init__(self, learned: MutableMapping[str, np.ndarray], way: str, placing: Callable[[bool], Placing | None]) -> None:
        self.stage, self.velocity, self._learned, self._made = Stage.GOING, NO_DRIFT, learned, placing
        self._drifts, self._placing = f"drift at rest after {way}", None
        self._off, self._stopped = np.zeros(3), np.zeros(3)
        self._now = self._since = self._swayed = 0.0
        self._tries, self._learns, self._span = TRIES, True, math.inf

    @property
    def drift(self) -> np.ndarray:
        """By how much it moves while it comes to rest: ahead, to the left [m], turn [rad], shape (3,)."""
        return self._learned.get(self._named, NO_DRIFT)

    @property
    def _named(self) -> str:
        """What the drift is kept by: on the way, that of how it will come to stand."""
        placing = self._made(False) if self.stage is Stage.GOING else self._placing
        return self._drifts if placing is None else placing.drift

    def follow(
        self, progress: Progress, off: np.ndarray, coast: np.ndarray | None, lost: bool = False, brief: bool = False
    ) -> Stage:
        """The stage now. Asked in every tick.

        Args:
            off: Where the goal lies: ahead, to the left [m], and the turn to it [rad], shape (3,).
            coast: Once the goal is reached, how far the body goes on as fast as it moves now, as `off`.
            lost: Whether it gives up before: it stops where it is.
            brief: Whether its time is told: at its goal it corrects its place for a moment only. Where it came to rest away from
                there, it steps again once at most, but then for as long as it takes: in a moment it would not get there.
        """
        now, step = progress.elapsed, progress.elapsed - self._now
        self._now = now
        self._off = self._off + (off - self._off) * (min(1.0, step / SWAY) if self._steps_in_place else 1.0)
        if brief:
            self._tries = min(self._tries, 1)
        if self.stage is Stage.GOING and lost:
            self._tries, self._learns = 0, False
            self._stop(self._off)
        elif self.stage is Stage.GOING and coast is not None:
            self._place(self._off - coast, BRIEF if brief else math.inf)
        if self.stage is Stage.PLACING and self._placing is not None:
            self.velocity = self._placing.velocity(self._off - self.drift, now)
            if self._placing.placed(now) or now - self._since >= min(self._span, self._placing.span):
                self._stop(self._off)
        return self.stage

    @property
    def _steps_in_place(self) -> bool:
        walks = self._placing is None or self._placing.walks
        return self.stage is Stage.STOPPING or (self.stage is Stage.PLACING and not walks)

    def _place(self, off: np.ndarray, span: float = math.inf, again: bool = False) -> None:
        """Comes to stand, within `span` [s] at most, or stops at once where it will be off by `off` but for its drift."""
        self._placing, self._span = self._made(again), span
        if self._placing is None:
            self._stop(off)
        else:
            self.stage, self._since = Stage.PLACING, self._now

    def _stop(self, off: np.ndarray) -> None:
        self.stage, self._since, self._stopped, self.velocity = Stage.STOPPING, self._now, off, NO_DRIFT

    def rested(self, state: RobotState) -> bool:
        """Whether the walk is over: it has come to rest, or the time for that is over, and is where it should be."""
        if math.hypot(*state.base_ang_vel.tolist()) > CALM:
            self._swayed = self._now
        since = self._now - self._since
        calm = since >= LEAST and self._now - self._swayed >= STAYS - 1e-9
        if self.stage is not Stage.STOPPING or not (since >= MOST or calm):
            return False
        if self._learns:
            self._learn()
        if not self._tries or near(self._off, FAIR if self._placing is None or self._span < math.inf else self._placing.good):
            return True
        self._tries -= 1
        self._place(self._off, again=True)
        return False

    def _learn(self) -> None:
        """How far it moved while it came to rest."""
        moved, last = np.clip(self._stopped - self._off, -MOST_DRIFT, MOST_DRIFT), f"{self._named}: last stops"
        seen = self._learned[last] = np.vstack((self._learned.get(last, np.empty((0, 3))), moved))[-STOPS:]
        self._learned[self._named] = np.median(seen, axis=0)
