"""Says what happens as it happens. Printing can block, so it has a thread of its own."""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable
from typing import TextIO

from arbiter.arbiter import TickReport
from arbiter.events import Event

QUIET = ("handover",)


class Narrator:
    """Prints events, one line each: time since the first tick, text."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._start: float | None = None
        self._thread = threading.Thread(target=self._print, name="narrator", daemon=True)
        self._thread.start()

    def __call__(self, report: TickReport) -> None:
        if self._start is None:
            self._start = report.now
        for event in report.events:
            if event.kind not in QUIET:
                self._lines.put(line_of(event, self._start))

    def say(self, text: str) -> None:
        """A line without a time."""
        self._lines.put(text)

    def _print(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                print(line, file=self._stream, flush=True)
            except (OSError, ValueError):
                return  # the reader of the pipe is gone; the robot goes on

    def close(self) -> None:
        """Prints what is left."""
        self._lines.put(None)
        self._thread.join(2.0)


class DampedByItself:
    """Tells when a robot's driver has damped the motors by itself: the safety layer's own rung can be a higher one.

    Args:
        robot: A `CanRobot`.
        say: Takes a line.
    """

    def __init__(self, robot, say: Callable[[str], None]) -> None:
        self._robot, self._say, self._told = robot, say, ""

    def __call__(self, report: TickReport) -> None:
        damped = self._robot.damped_by
        if damped and damped != self._told:
            self._say(f"the driver has damped every motor it can reach: {damped}")
        self._told = damped


def line_of(event: Event, start: float = 0.0) -> str:
    """An event as a line for a person; `start`: what is counted as 0 [s]."""
    return f"{event.at - start:7.2f} s  {event.text}"
