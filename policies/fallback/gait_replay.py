"""Ends a walk without any network: the last period of targets is replayed with decaying amplitude."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from arbiter.errors import PolicyError
from arbiter.policy import Policy
from arbiter.robot import RobotModel
from arbiter.types import JointTarget, Request, RobotState, frozen
from policies.fallback.reflex import BalanceReflex

SHORTEST, LONGEST = 0.4, 0.9  # [s] that a period of a walk may take
COMPARED = 0.32  # [s] that are compared with what was a period before
FADE = 0.4  # [s] until nothing of the walk is left; with 0.24 or 0.96 more fall
LEAST = COMPARED + SHORTEST  # [s] of a walk that must be known
GAP = 0.1  # [s] without a note after which an older record is of another walk


class GaitReplay:
    """Goes on with a walk from the targets that were sent, without its policy, and brings it to the default posture.

    A walk that is handed to a stand in mid-step falls in most cases: the foot in the air comes down late, or not at all. Played
    again with a shrinking amplitude, the period that was sent last puts it down in time, while the balance reflex takes over.

    Args:
        model: The robot.
    """

    kind, name = "locomotion", "replay"
    carries = True

    def __init__(self, model: RobotModel) -> None:
        self._model, self._dt = model, model.dt
        self.joints = frozen(model.groups["whole_body"], bool)
        self._legs = np.flatnonzero(model.groups["legs"])
        self._reflex = BalanceReflex(model)
        self._stand = np.stack((model.default, model.kp, model.kd))
        self._sent: deque[np.ndarray] = deque(maxlen=round((COMPARED + LONGEST) / model.dt) + 1)
        self._noted = -math.inf
        self._period: list[np.ndarray] = []
        self._began, self._at, self._last = 0.0, math.nan, JointTarget(model.default, model.kp, model.kd, self.joints)

    def note(self, block: np.ndarray, now: float) -> None:
        """What a walking policy asked for in this tick: q, kp, kd, shape (3, n)."""
        if now - self._noted > GAP:
            self._sent.clear()
        self._noted = now
        self._sent.append(block.copy())

    def resume(self, failed: Policy, state: RobotState, now: float) -> None:
        """Begins with what followed, a period ago, on what was sent last. Raises PolicyError where too little is known."""
        if len(self._sent) < round(LEAST / self._dt) or now - self._noted > GAP:
            raise PolicyError(f"policy {self.name}: less than {LEAST:g} s of the walk are known")
        sent = list(self._sent)
        self._period = sent[-self._ticks_of_a_period(np.array([block[0, self._legs] for block in sent])) :]
        self._began, self._at = now, math.nan
        self._reflex.reset()

    def _ticks_of_a_period(self, q: np.ndarray) -> int:
        """After how many ticks the targets of the legs [rad], shape (T, m), repeat themselves best."""
        same, last = round(COMPARED / self._dt), len(q)

        def apart(ticks: int) -> float:
            return float(np.abs(q[-same:] - q[last - same - ticks : last - ticks]).mean())

        most = min(round(LONGEST / self._dt), last - same)
        return min(range(round(SHORTEST / self._dt), most + 1), key=apart)

    def reset(self, state: RobotState, now: float) -> None:
        """Nothing: it begins with `resume`."""

    def warm(self, state: RobotState, request: Request, now: float) -> bool:
        """Never ready: it only goes on with a walk."""
        return False

    def act(self, state: RobotState, request: Request, now: float) -> JointTarget:
        """The target of this tick; the same one when asked twice."""
        if now != self._at:
            self._at, self._last = now, self._compose(state, now)
        return self._last

    def _compose(self, state: RobotState, now: float) -> JointTarget:
        tick = max(0, round((now - self._began) / self._dt))
        left = max(0.0, 1.0 - (tick + 1) * self._dt / FADE)  # of the walk
        q, kp, kd = self._stand + left * (self._period[tick % len(self._period)] - self._stand)
        q = q + (1.0 - left) * self._reflex.correction(state, q)
        if not np.isfinite(q).all():
            raise PolicyError(f"policy {self.name}: its target is not finite; check the sensors behind it")
        return JointTarget(frozen(q), frozen(kp), frozen(kd), self.joints)

    def release(self) -> None:
        """Nothing runs in the background."""

    def close(self) -> None:
        """Nothing to free."""
