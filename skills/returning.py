"""Walking back to where the robot was when its first instruction came."""

from __future__ import annotations

import math

from arbiter.ball_memory import bearing_of
from arbiter.frames import standpoint_of
from arbiter.skill import Progress, Verification
from arbiter.types import RobotState, Standpoint
from skills import criteria
from skills.approach import PACE, Guided, ToGo
from skills.recordings import Way

AWAY, TURNED = 0.1, math.radians(6.0)  # [m], [rad] from there: nothing to come back from


class ComeBack(Guided):
    """Walks back to where it was when its first instruction came, and faces as it did then."""

    name = "come_back"
    utterances = (
        "come back to where you started",
        "go back to where you began",
        "return to your starting point",
        "return to the start",
        "walk back to where you came from",
        "walk back to the start",
        "return to where you were at first",
        "come back to your starting place",
        "come back over here",
        "return to the place where you began",
        "walk back to the beginning",
        "find your way back to the start",
    )
    parameters = (PACE,)
    near = 0.15

    def togo(self, here: Standpoint, progress: Progress) -> ToGo | None:
        start = progress.surroundings.start
        if start is None:
            self._why = "it is not known where the robot began: the estimate of its place has begun anew"
            return None
        ahead, left = bearing_of((start.x, start.y), here)
        return ToGo(ahead, left, math.remainder(start.heading - here.heading, 2.0 * math.pi))

    def impossible(self, state: RobotState, progress: Progress) -> str:
        here = standpoint_of(state)
        if not self._why and here is not None and progress.elapsed == 0.0:
            togo = self.togo(here, progress)
            if togo is not None and togo.far < AWAY and abs(togo.turn or 0.0) < TURNED:
                self._why = "the robot is where it began; there is nothing to come back from"
        return self._why

    def measured(self, state: RobotState, progress: Progress) -> Verification | None:
        here = standpoint_of(state)
        togo = None if here is None else self.togo(here, progress)
        if togo is None:
            return criteria.verification(False, math.inf, criteria.BACK_DISTANCE, "m", "it is not known where the robot is")
        return criteria.returned(togo.far, togo.turn or 0.0)

    def criterion(self, run: Way, progress: Progress) -> Verification | None:
        """From the run's start: what was left then, less what it has gone since."""
        began, start = standpoint_of(progress.start), progress.surroundings.start
        if began is None or start is None:
            return None
        ahead, left = bearing_of((start.x, start.y), began)
        gone, aside = criteria.walked(run)
        turned = start.heading - began.heading - float(run.yaw[-1] - run.yaw[0])
        return criteria.returned(math.hypot(ahead - gone, left - aside), math.remainder(turned, 2.0 * math.pi))
