"""Where the operator's stick is now: one slot between the device and the skill that follows it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arbiter.slots import LatestSlot

FASTEST = (0.5, 0.2, 0.8)  # x, y [m/s], yaw [rad/s] at full deflection


@dataclass(frozen=True, slots=True)
class Hand:
    """Where the stick is: velocity x, y [m/s] and yaw [rad/s], shape (3,), and when it was there [s, monotonic]."""

    velocity: np.ndarray
    stamp: float


HAND: LatestSlot[Hand] = LatestSlot()  # one robot has one operator
