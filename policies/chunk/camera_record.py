"""The head camera as chunk policies see it, for the trace: when each picture was taken. Without a recent one they fail."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from policies.chunk.pictures import picture_problem
from policies.chunk.protocol import CameraFrame

PICTURE = np.zeros((224, 224, 3), np.uint8)
NO_PICTURE = np.zeros((0,), np.uint8)


class RecordedCamera:
    """Hands pictures on and notes them. All of a tick see the same one, as they will when it is replayed.

    Args:
        camera: Gives the latest picture at once, or None.
    """

    def __init__(self, camera: Callable[[], CameraFrame | None]) -> None:
        self._camera = camera
        self._now: list[CameraFrame | None] = []
        self._noted: tuple = ()

    def __call__(self) -> CameraFrame | None:
        """The picture of this tick."""
        if not self._now:
            self._now.append(self._camera())
        return self._now[0]

    def take(self) -> list[tuple]:
        """At the end of a tick, if anybody looked: ("picture", when it was taken [s] or None, what is wrong with it), where
        that is not what was noted last."""
        if not self._now:
            return []
        frame = self._now.pop()
        note = (None, "") if frame is None else (float(frame.stamp), picture_problem(frame.image))
        if note == self._noted:
            return []
        self._noted = note
        return [("picture", *note)]


class ReplayedCamera:
    """Gives pictures of nothing, taken when the recorded ones were.

    Attributes:
        now: Time of the tick [s]; what a trace without notes of pictures is taken to have seen.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self._frame: CameraFrame | None = None
        self._told = False

    def deliver(self, stamp: float | None, problem: str) -> None:
        """What was seen from this tick on."""
        self._frame, self._told = None if stamp is None else CameraFrame(stamp, NO_PICTURE if problem else PICTURE), True

    def __call__(self) -> CameraFrame | None:
        """The picture of this tick."""
        return self._frame if self._told else CameraFrame(self.now, PICTURE)
