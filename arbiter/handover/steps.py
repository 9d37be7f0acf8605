"""Whether the legs step: a walk that is held or handed to a stand in mid-step falls."""

from __future__ import annotations

import numpy as np

from arbiter.handover.authority import Authority, first
from arbiter.robot import RobotModel
from arbiter.types import RobotState

STEADY = 0.3  # [s] legs that walked must be at rest before another policy takes them
STEPPING = 3.0  # [rad/s] of a leg joint; every step is faster somewhere, all the time


class Steps:
    """Attributes:
    stepped: When the legs last stepped [s].
    """

    def __init__(self, model: RobotModel, authority: Authority) -> None:
        self._legs, self._authority = np.flatnonzero(model.groups["legs"]), authority
        self._leg = first(model.groups["legs"])
        self.stepped = self._commanded = -np.inf

    def note(self, state: RobotState, now: float) -> None:
        """What the legs do, and what they are asked for, in this tick."""
        if self._legs.size and np.abs(state.joint_vel.take(self._legs)).max() > STEPPING:
            self.stepped = now
        assignment = self._authority.at(self._leg)
        if assignment is not None and any((assignment.run or assignment).request.velocity.tolist()):
            self._commanded = now

    def walking(self, now: float) -> bool:
        """Whether the legs step, or were commanded to walk so recently that a step may have begun."""
        return now - max(self.stepped, self._commanded) < STEADY

    def walker(self, now: float) -> str:
        """Name of the policy that walks; "" if none does."""
        assignment = self._authority.at(self._leg) if self.walking(now) else None
        return assignment.policy.name if assignment is not None and assignment.policy.kind == "locomotion" else ""
