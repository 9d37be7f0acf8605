"""Coming to rest: the policy that walks stops the walk first, then `stand` takes the legs. One mechanism for every cause.

A walking robot falls if it is held or handed to a stand in mid-step. So the policy that walks, or the spare of one
that failed, is asked for zero velocity and keeps the legs until they have stopped stepping and stand quietly: a policy at zero
velocity may take another step, which is slow at its beginning.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from arbiter.execution.run import ZERO_VELOCITY
from arbiter.handover.authority import Authority, JointAssignment, first
from arbiter.handover.bank import PolicyBank
from arbiter.handover.controller import STANCE, HandoverController
from arbiter.handover.transition import check_envelope
from arbiter.robot import RobotModel
from arbiter.safety import Safety
from arbiter.skill import Outcome
from arbiter.types import Request, RobotState
from arbiter.wall import walled

QUIET = replace(STANCE, posture=np.inf)  # a policy that does not step stays in the stance where it has ended, however wide
PAUSE = 0.3  # [s] without a call after which it begins anew; less is a late tick, which gives a walk no more time
MOST_TICKS = 5.0  # that a late tick counts for, as in the safety layer


class ComingToRest:
    """Settles the robot. Owned by the tick; call `step` in every tick for as long as it has to settle.

    Args:
        model: The robot.
        authority: Who drives what.
        handover: Carries out changes of hands.
        bank: The policies.
        safety: Is told which policy may go on in SETTLE until the legs are at rest.
    """

    def __init__(
        self, model: RobotModel, authority: Authority, handover: HandoverController, bank: PolicyBank, safety: Safety
    ) -> None:
        self._authority, self._board, self._bank, self._safety = authority, handover, bank, safety
        self._model = model
        self._legs, self._others, self._default = model.groups["legs"], model.others, model.default
        self._leg = first(self._legs)
        self._since = self._last = -np.inf
        self._dt = model.dt

    def step(self, state: RobotState, now: float, hanging: bool = False) -> bool:
        """One tick of it. `hanging`: the robot may hang in its harness. True once `stand` drives the legs."""
        gap, self._last = now - self._last, now
        if gap > PAUSE:
            self._since = now
        self._board.force(self._others, self._bank.fallback("rest"), Request(), state, now, result="settle")
        if not hanging and self._stops_walk(state, now, min(max(gap, self._dt), MOST_TICKS * self._dt)):
            return False
        stand = Request(posture=self._default, start=hanging)
        self._board.force(self._legs, self._bank.fallback("stand"), stand, state, now, result="settle")
        return True

    def _stops_walk(self, state: RobotState, now: float, step: float) -> bool:
        """Asks a walking policy for zero velocity. False when none walks any more. `step`: length of this tick [s]."""
        assignment = self._authority.at(self._leg)
        if assignment is None or assignment.policy.kind != "locomotion":
            self._since = now
            return False
        limit = self._safety.limits.stop_limit
        # The safety layer's own count is the one that ends: past it a walk is held in mid-step.
        if now - self._since > limit - self._dt or self._safety.settling + step > limit:
            return False
        assignment.run, assignment.request = None, Request(velocity=ZERO_VELOCITY)
        self._safety.let_stop(assignment.policy.name)
        return self._board.steps.walking(now) or check_envelope(QUIET, state, self._legs, self._model) is not None

    def note(self, now: float) -> None:
        """After all have acted: what a walk asks for, for who may have to go on with it."""
        replay, owner = self._bank.replay, self._authority.at(self._leg)
        if replay is not None and owner is not None and owner.policy.kind == "locomotion" and owner.policy is not replay:
            replay.note(self._authority.block, now)

    def failed(self, assignment: JointAssignment, why: str, state: RobotState, now: float) -> None:
        """Its policy cannot go on: its run fails, and its spare (of a walk) or fallbacks take its joints at once."""
        policy, board = assignment.policy, self._board
        if assignment.run is not None:
            assignment.run.end(Outcome.FAILURE, f"policy {policy.name}: {why}", now)
        if policy.kind == "locomotion":
            self._bank.ban(policy.name, why)
            if self._resumed(assignment, why, state, now):
                return
        # Legs in mid-stride go to the standing posture, all others stay as they are.
        asked = self._authority.q
        keep = self._default if policy.kind == "locomotion" else np.where(np.isfinite(asked), asked, state.joint_pos)
        for group, name, posture in ((self._legs, "stand", keep), (self._others, "hold", None)):
            mask = assignment.joints & group
            if mask.any():
                board.force(mask, self._bank.fallback(name), Request(posture=posture), state, now, result=f"fallback: {why}")
        if policy.kind == "chunk":
            board.release_to_home(assignment.joints, now)

    def _resumed(self, failed: JointAssignment, why: str, state: RobotState, now: float) -> bool:
        """The spare of a policy that failed in mid-step goes on where it left off, to bring the walk to rest; the next one where
        that cannot even begin. False where none is left, or where nobody walks: then a stand is what is needed."""
        if not self._board.steps.walking(now) and check_envelope(STANCE, state, failed.joints, self._model) is None:
            return False
        while (spare := self._bank.spare(failed.policy)) is not None:
            error = walled(spare.resume, failed.policy, state, now)[1]
            if not error:
                self._board.take_over(failed.joints, spare, now, f"spare: {why}")
                return True
            self._bank.ban(spare.name, error)
        return False
