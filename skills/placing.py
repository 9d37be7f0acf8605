"""How a robot that has reached its goal comes to stand where it should: by small steps, or, where its policy stands still at
small commands, by strokes back and forth."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from skills.steering import HEADING, Strokes, within

BACK = np.array((1.0, 1.0, 1.5))  # [1/s]: how a robot that steps in place goes back to its place and heading
NUDGE = np.array((0.1, 0.08, 0.25))  # [m/s, rad/s] at most, meanwhile
PLACED, PLACES, BRIEF = 0.4, 1.5, 0.5  # [s] for which it has to be in place; that it takes for that at most, and in brief
NEAR, ROUGHLY = (0.012, 0.012), (0.02, 0.02)  # [m, rad] from place and heading: to stop, by small steps and by strokes
GOOD, FAIR = (0.025, 0.025), (0.035, 0.03)  # [m, rad] once at rest, after small steps and after strokes
PATIENCE, STROKES = 6.0, 14.0  # [s] after which it stops where it is ahead enough, and for which it goes back and forth at most


def near(off: np.ndarray, most: tuple[float, float]) -> bool:
    """Whether an error, ahead, left [m], turn [rad], shape (3,), is at most `most` [m, rad]."""
    ahead, left, turn = off.tolist()
    return math.hypot(ahead, left) <= most[0] and abs(turn) <= most[1]


class Placing(Protocol):
    """One way to come to stand at a goal.

    Attributes:
        drift: Name of what it is off by, once at rest.
        span: Time that it takes at most [s].
        good: How far the robot may be from place [m] and heading [rad] once at rest.
        walks: Whether the robot walks meanwhile; one that steps in place sways, and what it is off is averaged.
    """

    drift: str
    span: float
    good: tuple[float, float]
    walks: bool

    def velocity(self, off: np.ndarray, now: float) -> np.ndarray:
        """x, y [m/s], yaw [rad/s], shape (3,), at the time `now` [s]. Asked in every tick.

        Args:
            off: Where the goal lies, less the drift: ahead, left [m], turn [rad], shape (3,).
        """
        ...

    def placed(self, now: float) -> bool:
        """Whether it may stop."""
        ...


class SmallSteps:
    """Steps in place, and goes back to its place and heading, as far as it is off. No integral: with one, 217 of 284 walks ended
    inside their aim in MuJoCo's truth, without it 250."""

    drift, span, good, walks = "drift at rest", PLACES, GOOD, False

    def __init__(self) -> None:
        self._away = math.nan

    def velocity(self, off: np.ndarray, now: float) -> np.ndarray:
        if math.isnan(self._away) or not near(off, NEAR):
            self._away = now
        return np.clip(off * BACK, -NUDGE, NUDGE)

    def placed(self, now: float) -> bool:
        return now - self._away >= PLACED


class LongSteps:
    """Walks back and forth, turns meanwhile, and comes to its place walking ahead."""

    drift, span, good, walks = "drift at rest after steps ahead", STROKES, FAIR, True

    def __init__(self, strokes: Strokes) -> None:
        self._strokes, self._there, self._since = strokes, False, math.inf
        self._behind = False  # it has come up to its place from behind

    def velocity(self, off: np.ndarray, now: float) -> np.ndarray:
        strokes = self._strokes
        if self._since == math.inf:
            self._since = now
            strokes.begin()
        if not strokes.ahead or off[0] > 0.0:
            self._behind = strokes.ahead
        elif self._behind:
            self._there = now - self._since >= PATIENCE or near(np.array((0.0, off[1], off[2])), ROUGHLY)
            strokes.ahead = self._there
        turn = within(HEADING[0] * off[2], HEADING[2])
        return strokes.velocity((off[0], off[1]), turn)

    def placed(self, now: float) -> bool:
        return self._there
