"""Which commands the policy answers: many stand still at small ones, and some turn only while they walk."""

from __future__ import annotations

import math
from collections.abc import MutableMapping

import numpy as np

from arbiter.types import RobotState
from skills.course import Place

STANDS = "stands still at"
CALM, SPAN = 0.3, 0.8  # [rad/s] of the base, for so long [s]: a robot that steps sways more
MOVED, TURNED = 0.015, 0.03  # [m], [rad] meanwhile: it moves
FOLLOWS = 0.5  # share of what was commanded meanwhile: it follows
SMALL = 0.025  # [m/s]: a policy that stands still at this cannot correct its place by small steps as well as it should
MORE = 1.25  # times a command at which it stands: it may move
UNKNOWN = np.zeros(2)


def size(velocity: np.ndarray) -> np.ndarray:
    """Speed [m/s] and yaw rate [rad/s] of a velocity, shape (2,)."""
    x, y, yaw = velocity.tolist()
    return np.array((math.hypot(x, y), abs(yaw)))


class Response:
    """Learns at which commands the robot stands still.

    Attributes:
        learned: What runs have learned, see RunContext: kept for those that come after them.
    """

    def __init__(self, learned: MutableMapping[str, np.ndarray]) -> None:
        self.learned = learned
        self._since, self._least, self._from = math.nan, UNKNOWN, Place()

    @property
    def still(self) -> np.ndarray:
        """Largest speed [m/s] and yaw rate [rad/s] at which it was seen to stand, shape (2,)."""
        return self.learned.get(STANDS, UNKNOWN)

    @property
    def steps_small(self) -> bool:
        """Whether it follows small commands, as far as is known."""
        return float(self.still[0]) < SMALL

    def least(self, slowest: float, told: bool) -> float:
        """Least speed [m/s] to command of a policy whose slowest walk is `slowest`. `told`: The robot's folder says so."""
        if self.steps_small:
            return 0.0
        return slowest if told else max(slowest, MORE * float(self.still[0]))

    def stands(self, velocity: np.ndarray) -> bool:
        """Whether it is known to stand still at this velocity, x, y [m/s], yaw [rad/s], shape (3,)."""
        return bool((size(velocity) < MORE * self.still + 1e-9).all())

    def watch(self, state: RobotState, place: Place, velocity: np.ndarray, now: float, corrects: bool = False) -> bool:
        """Sees what comes of `velocity`, commanded until now. Whether it is found to stand now. Asked in every tick.

        Args:
            corrects: Whether small steps should correct its place or heading now: whoever stands then does not follow them.
        """
        told = state.estimate is not None and state.estimate.trusted
        if not told or not velocity.any() or math.hypot(*state.base_ang_vel.tolist()) > CALM or self._went(place):
            self._since = math.nan
            return False
        if self._since != self._since:
            self._since, self._least, self._from = now, size(velocity), place
        self._least = np.minimum(self._least, size(velocity))
        if now - self._since < SPAN:
            return False
        followed, self._since = self._followed(place, now - self._since), math.nan
        if followed:
            return False
        self.learned[STANDS] = np.maximum(self.still, np.maximum(self._least, (SMALL, 0.0)) if corrects else self._least)
        return True

    def _followed(self, place: Place, span: float) -> bool:
        """Whether it has done its share of what was commanded for `span` [s], however little: a slow walk sways no more than one
        that stands. Judged by speed or turn, whichever should have moved it more."""
        went, told = self._way(place) / (MOVED, TURNED), self._least * span / (MOVED, TURNED)
        most = int(told.argmax())
        return bool(went[most] > FOLLOWS * told[most])

    def _way(self, place: Place) -> np.ndarray:
        """How far it went [m] and turned [rad] since it was calm, shape (2,)."""
        came = self._from
        return np.array((math.hypot(place.ahead - came.ahead, place.left - came.left), abs(place.turned - came.turned)))

    def _went(self, place: Place) -> bool:
        """Whether it has moved since it was calm."""
        return self._since == self._since and bool((self._way(place) > (MOVED, TURNED)).any())
