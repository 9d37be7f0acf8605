"""Coming to rest: whoever walks stops the walk first, then `stand` takes the legs. One mechanism for every cause.

A walking robot cannot be held or handed to a stand in mid-step: both throw it. So the policy that walks, or the spare of one
that failed, is asked for zero velocity and keeps the legs until they have stopped stepping.
"""

from __future__ import annotations

import numpy as np

from arbiter.authority import Authority
from arbiter.bank import PolicyBank
from arbiter.handover import STEADY, Switchboard
from arbiter.robot import RobotModel
from arbiter.runs import ZERO_VELOCITY
from arbiter.safety import Safety
from arbiter.types import Request, RobotState

LEAST = 0.3  # [s] that a walk under way is given in any case: a step that has just begun shows only then


class ComingToRest:
    """Settles the robot. Owned by the tick; call `step` in every tick for as long as it has to settle.

    Args:
        model: The robot.
        authority: Who drives what.
        switchboard: Carries out changes of hands.
        bank: The policies.
        safety: Is told which policy may go on in SETTLE until the legs are at rest.
    """

    def __init__(self, model: RobotModel, authority: Authority, switchboard: Switchboard, bank: PolicyBank,
                 safety: Safety) -> None:
        self._authority, self._board, self._bank, self._safety = authority, switchboard, bank, safety
        self._legs, self._arms, self._default = model.groups["legs"], model.groups["arms"], model.default
        self._since = self._last = -np.inf
        self._dt = model.dt

    def step(self, state: RobotState, now: float, hanging: bool = False) -> bool:
        """One tick of it. `hanging`: the robot may hang in its harness. True once `stand` drives the legs."""
        if now - self._last > 1.5 * self._dt:
            self._since = now
        self._last = now
        self._board.force(self._arms, self._bank.fallback("rest"), Request(), state, now, result="settle")
        if not hanging and self._stops_walk(now):
            return False
        stand = Request(posture=self._default, start=hanging)
        self._board.force(self._legs, self._bank.fallback("stand"), stand, state, now, result="settle")
        return True

    def _stops_walk(self, now: float) -> bool:
        """Asks a policy that walks for zero velocity. False when nobody walks, or no longer."""
        grip = self._authority.owner(self._legs)
        waited = now - self._since
        if grip is None or grip.policy.kind != "locomotion" or waited > self._safety.limits.stop_limit - self._dt:
            return False
        grip.run, grip.request = None, Request(velocity=ZERO_VELOCITY)
        self._safety.let_stop(grip.policy.name)
        return waited < LEAST or now - self._board.stepped < STEADY
