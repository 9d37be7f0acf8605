"""The skill that follows the operator's stick.

`deploy.run --operator` offers it: say "drive by hand", or press the gamepad's Y. Without that option, list this file under
`skills: files:` of a tree.
"""

from __future__ import annotations

import time
from typing import Self

import numpy as np

from arbiter.skill import Outcome, Progress, RunContext, Skill
from arbiter.slots import LatestSlot
from arbiter.types import Request, RobotState, Steering, frozen

FASTEST = (0.5, 0.2, 0.8)  # x, y [m/s], yaw [rad/s] at full deflection of the stick
STALE = 0.3  # [s] without an update of the stick: stand still
REST = 5.0  # [s] of a centred stick that end the skill


class DriveByHand(Skill):
    """Legs follow the operator's stick until it has been centred for a while."""

    name = "drive_by_hand"
    utterances = (
        "drive by hand",
        "follow the joystick",
        "follow my stick",
        "let me steer",
        "i will steer you myself",
        "manual control",
        "remote control mode",
        "take the gamepad",
        "i want to drive",
        "joystick control",
    )
    policy = "locomotion"
    joints = "legs"
    time_limit = 600.0

    _steering: LatestSlot[Steering]
    _moved: float

    def begin(self, context: RunContext) -> Self:
        run = super().begin(context)
        run._steering, run._moved = context.steering, 0.0
        return run

    def request(self, state: RobotState, progress: Progress) -> Request:
        stick = self._steering.peek()
        velocity = np.zeros(3)
        if stick is not None and time.monotonic() - stick.stamp <= STALE:
            velocity = np.clip(stick.velocity, np.negative(FASTEST), FASTEST)
        if velocity.any():
            self._moved = progress.elapsed
        return Request(velocity=frozen(velocity), elapsed=progress.elapsed)

    def finish(self, state: RobotState, progress: Progress) -> Outcome:
        return Outcome.SUCCESS if progress.elapsed - self._moved >= REST else Outcome.RUNNING
