"""Prints events as they happen. Printing can block, so it has a thread of its own."""

from __future__ import annotations

import queue
import sys
from collections.abc import Callable
from typing import TextIO

from arbiter.events import Event
from arbiter.robot import SelfDamping
from arbiter.threads import start_thread
from arbiter.tick import TickReport
from deploy.cli.streams import clipped, gone, write_line

QUIET = ("handover",)
LOOK = 0.5  # [s] between two looks whether anybody reads


class Narrator:
    """Prints events, one line each: time since the first tick, text.

    Args:
        stream: Where to print; None: the standard output.
        lost: Called once with the reason when nobody can read the output any more: a closed terminal, a lost connection, a pipe
        whose reader has closed it. May be set later.

    Attributes:
        unheard: Whether the output was lost.
    """

    def __init__(self, stream: TextIO | None = None, lost: Callable[[str], None] = lambda why: None) -> None:
        self._stream, self.lost, self.unheard = stream or sys.stdout, lost, False
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._start: float | None = None
        self._thread = start_thread("narrator", self._print)

    def __call__(self, report: TickReport) -> None:
        if self._start is None:
            self._start = report.now
        for event in report.events:
            if event.kind not in QUIET:
                self._lines.put(line_of(event, self._start))

    def say(self, text: str) -> None:
        """A line without a time."""
        self._lines.put(text or " ")  # an empty one means that there was none

    def _print(self) -> None:
        heard = True
        while (line := self._next()) is not None:
            if heard and not (heard := write_line(line, self._stream) if line else not gone(self._stream)):
                self.unheard = True
                self.lost("nobody reads the standard output any more")

    def _next(self) -> str | None:
        """The next line; "" when there was none for a while."""
        try:
            return self._lines.get(timeout=LOOK)
        except queue.Empty:
            return ""

    def close(self) -> None:
        """Prints what is left."""
        self._lines.put(None)
        self._thread.join(2.0)


class DampedByItself:
    """Reports that a robot's driver has damped the motors by itself, which the safety layer's mode does not show.

    Args:
        robot: Whose driver damps by itself.
        say: Takes a line.
    """

    def __init__(self, robot: SelfDamping, say: Callable[[str], None]) -> None:
        self._robot, self._say, self._told = robot, say, ""

    def __call__(self, report: TickReport) -> None:
        damped = self._robot.damped_by
        if damped and damped != self._told:
            self._say(f"the driver has damped every motor it can reach: {damped}")
        self._told = damped


def line_of(event: Event, start: float = 0.0) -> str:
    """An event as a line for a person; `start`: what is counted as 0 [s]."""
    return f"{event.at - start:7.2f} s  {clipped(event.text)}"
