"""Standing still and stopping."""

from __future__ import annotations

import numpy as np

from arbiter.skill import Outcome, Parameter, Progress, Verification
from arbiter.types import Request, RobotState
from skills import criteria
from skills.arrival import MOST
from skills.judged import Followed, Judged
from skills.recordings import Recording, Way
from skills.response import CALM

STILL = (0.0, 0.0, 0.0)


class StandStill(Followed):
    """Stands on the spot for a while."""

    name = "stand_still"
    utterances = (
        "stand still",
        "hold still",
        "stay where you are",
        "stay put",
        "wait here",
        "remain in place",
        "just stand there",
        "keep still for a moment",
        "stay in position",
        "stand in place",
        "be still",
        "do nothing",
    )
    joints = "legs"
    parameters = (Parameter("duration", "s", 2.0, 0.5, 20.0),)

    def request(self, state: RobotState, progress: Progress) -> Request:
        self._course.at(state, progress)
        return Request(elapsed=progress.elapsed)

    def finish(self, state: RobotState, progress: Progress) -> Outcome:
        return Outcome.SUCCESS if progress.elapsed >= progress.number("duration") else Outcome.RUNNING

    def criterion(self, run: Way, progress: Progress) -> Verification:
        return criteria.walk(run, STILL)


class Stop(Judged):
    """Stops at once. For trees: words that mean stop are handled by the stop guard."""

    name = "stop"
    utterances = (
        "stop",
        "halt",
        "freeze",
        "stop moving",
        "stop right there",
        "stop it",
        "whoa",
        "that's enough",
        "cut it out",
        "emergency stop",
        "don't move",
        "abort",
    )
    joints = "legs"
    time_limit = 5.0

    def request(self, state: RobotState, progress: Progress) -> Request:
        return Request(elapsed=progress.elapsed)

    def finish(self, state: RobotState, progress: Progress) -> Outcome:
        calm = float(np.linalg.norm(state.base_ang_vel)) <= CALM and progress.elapsed >= 0.5
        return Outcome.SUCCESS if calm or progress.elapsed >= MOST else Outcome.RUNNING

    def criterion(self, run: Recording, progress: Progress) -> Verification:
        return criteria.walk(run, STILL)
