"""The skill that follows the operator's stick.

`deploy.run --operator` offers it: say "drive by hand", or press the gamepad's Y. Without that option, list this file under
`skills: files:` of a tree.
"""

from __future__ import annotations

import time

import numpy as np

from arbiter.skill import Outcome, Progress, Skill
from arbiter.types import Request, RobotState, frozen
from deploy.operator.stick import FASTEST, HAND

STALE = 0.3  # [s] without news from the hand: stand still
REST = 5.0  # [s] of a centred stick that end the skill


class DriveByHand(Skill):
    """Legs follow the operator's stick until it has rested in the middle for a while."""

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

    def __init__(self) -> None:
        self._moved = 0.0

    def request(self, state: RobotState, progress: Progress) -> Request:
        hand = HAND.peek()
        velocity = np.zeros(3)
        if hand is not None and time.monotonic() - hand.stamp <= STALE:
            velocity = np.clip(hand.velocity, np.negative(FASTEST), FASTEST)
        if velocity.any() or progress.elapsed < self._moved:  # moved, or a new run has begun
            self._moved = progress.elapsed
        return Request(velocity=frozen(velocity), elapsed=progress.elapsed)

    def finish(self, state: RobotState, progress: Progress) -> Outcome:
        return Outcome.SUCCESS if progress.elapsed - self._moved >= REST else Outcome.RUNNING
