"""What was measured just before, for backends that predict from more than one observation (diffusion policies, for example)."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from arbiter.types import RobotState, frozen
from policies.chunk.protocol import CameraFrame, ChunkObservation

TOLERANCE = 1e-3  # [s] stamps of ticks are not exact multiples


class History:
    """Measurements of the last ticks.

    Args:
        count: Observations that a backend predicts from, the present one included.
        rate_hz: Their rate, that of the backend's rows.
        driven: Indices of the backend's joints among the robot's, shape (m,).
    """

    def __init__(self, count: int, rate_hz: float, driven: np.ndarray) -> None:
        self._count, self._period, self._driven = count, 1.0 / rate_hz, driven
        self._seen: deque[tuple[RobotState, CameraFrame | None]] = deque()

    def clear(self) -> None:
        """Forgets everything."""
        self._seen.clear()

    def note(self, state: RobotState, frame: CameraFrame | None) -> None:
        """The measurement of a tick."""
        if self._count == 1 or (self._seen and state.stamp <= self._seen[-1][0].stamp):
            return
        self._seen.append((state, frame))
        oldest = state.stamp - (self._count - 1) * self._period - TOLERANCE
        while len(self._seen) > 1 and self._seen[1][0].stamp <= oldest:
            self._seen.popleft()

    def before(self, stamp: float) -> tuple[ChunkObservation, ...]:
        """The observations before the one at `stamp` [s], one period apart, oldest first; fewer where there were none yet."""
        found = []
        for back in range(self._count - 1, 0, -1):
            due = stamp - back * self._period + TOLERANCE
            earlier = [pair for pair in self._seen if pair[0].stamp <= due]
            if earlier:
                found.append(self._observation(*earlier[-1]))
        return tuple(found)

    def _observation(self, state: RobotState, frame: CameraFrame | None) -> ChunkObservation:
        return ChunkObservation(
            state.stamp,
            frozen(state.joint_pos[self._driven]),
            frozen(state.joint_vel[self._driven]),
            None if frame is None else frame.image,
            math.nan if frame is None else frame.stamp,
        )
