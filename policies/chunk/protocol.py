"""A chunk of future joint targets, what it is predicted from, and the protocol of whatever predicts it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True, slots=True)
class CameraFrame:
    """One picture, as a camera puts it into its latest-value slot.

    Attributes:
        stamp: When it was taken [s, the clock of the tick].
        image: Pixels, uint8, shape (height, width, 3), RGB.
    """

    stamp: float
    image: np.ndarray


@dataclass(frozen=True, slots=True)
class ChunkObservation:
    """What a chunk is predicted from.

    Attributes:
        stamp: When the joints were measured [s, the clock of the tick]; the first row of the chunk is meant for it.
        joint_pos: Joint positions [rad], shape (m,), in the order of the backend's `joints`.
        joint_vel: Joint velocities [rad/s], shape (m,), same order.
        image: Head camera, uint8, shape (height, width, 3), RGB; None: no camera, or a lost one.
        image_stamp: When the picture was taken [s]; nan without one.
        elapsed: Time since the policy began this run [s]; 0 for the first chunk.
        history: What was measured before, oldest first, for a backend with `observations` above 1: at most so many less one.
    """

    stamp: float
    joint_pos: np.ndarray
    joint_vel: np.ndarray
    image: np.ndarray | None = None
    image_stamp: float = float("nan")
    elapsed: float = 0.0
    history: tuple[ChunkObservation, ...] = ()


class ChunkBackend(Protocol):
    """Predicts chunks. Called by one worker at a time, never by the tick (in lockstep simulation: by the tick itself).

    Attributes:
        name: What faults are charged to.
        joints: Names of the joints that it reads and drives, in the order of its rows.
        rate_hz: Rows per second.
        horizon: Rows of a chunk.
        needs_image: True: it cannot predict without a picture. False: `image` may be None.
        supports_rtc: True: it continues `previous` (real-time chunking). False: the player blends.

    Optional: `within_range`, True: every target that it learnt from kept to the joints' ranges, so that what it asks for beyond
    them is its error, and means the end of the range. `observations`: how many it predicts from, 1 / `rate_hz` apart, the
    present one included; 1 where it does not say. `warnings`: lines for the user on what it had to assume.
    """

    name: str
    joints: tuple[str, ...]
    rate_hz: float
    horizon: int
    needs_image: bool
    supports_rtc: bool

    def predict(
        self,
        observation: ChunkObservation,
        prompt: str,
        *,
        previous: np.ndarray | None = None,
        delay_steps: int = 0,
        seed: int = 0,
    ) -> np.ndarray:
        """Joint targets [rad], shape (horizon, m); row i is meant for `observation.stamp + i / rate_hz`.

        Args:
            observation: What was measured.
            prompt: The instruction.
            previous: What the robot goes on following meanwhile [rad], shape (k, m) with k <= horizon; row 0 is meant
                for `observation.stamp`. None: nothing, or the backend has no real-time chunking.
            delay_steps: Rows of `previous` that will have been played before this chunk arrives: committed.
            seed: Of the sampling noise; the same inputs and seed give the same chunk.
        """

    def close(self) -> None:
        """Frees everything. May be called twice."""
