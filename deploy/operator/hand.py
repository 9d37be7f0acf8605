"""What the operator's hand says now, and the skill that follows it.

List this file under `skills: files:` of a tree, then say "drive by hand" (or press the gamepad's Y).
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from arbiter.skill import Outcome, Progress, Skill
from arbiter.slots import LatestSlot
from arbiter.types import Request, RobotState, frozen

FASTEST = (0.5, 0.2, 0.8)  # x, y [m/s], yaw [rad/s] at full deflection
STALE = 0.3  # [s] without news from the hand: stand still
REST = 5.0  # [s] of a centred stick that end the skill


@dataclass(frozen=True, slots=True)
class Hand:
    """Where the stick is: velocity x, y [m/s] and yaw [rad/s], shape (3,), and when it was there [s, monotonic]."""

    velocity: np.ndarray
    stamp: float


HAND: LatestSlot[Hand] = LatestSlot()  # one robot has one operator


class DriveByHand(Skill):
    """Legs follow the operator's stick until it has rested in the middle for a while."""

    name = "drive_by_hand"
    utterances = ("drive by hand", "follow the joystick", "follow my stick", "let me steer", "i will steer you myself",
                  "manual control", "remote control mode", "take the gamepad", "i want to drive", "joystick control")
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
