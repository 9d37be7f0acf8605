"""Prints events as they happen. Printing can block, so it has a thread of its own."""

from __future__ import annotations

import contextlib
import os
import queue
import select
import sys
from collections.abc import Callable
from typing import TextIO

from arbiter.events import Event
from arbiter.robot import SelfDamping
from arbiter.threads import start_thread
from arbiter.tick import TickReport

QUIET = ("handover",)
LONGEST, HEAD, TAIL = 500, 200, 150  # characters of a line for people; of a longer one what is kept of its ends
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


def write_line(line: str, stream: TextIO) -> bool:
    """Writes a line; characters that the encoding lacks are escaped. False if the stream is closed; it is then redirected to
    the null device, because the interpreter flushes it at exit and would fail."""
    try:
        encoding = stream.encoding or "utf-8"
        line = "\n".join(one if len(one) <= LONGEST else clipped(one) for one in line.split("\n"))
        print(line.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)
        return True
    except (OSError, ValueError):  # ValueError: closed by somebody else
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
        return False


def gone(stream: TextIO) -> bool:
    """Whether the other end of the stream's pipe or terminal is closed."""
    try:
        look = select.poll()
        look.register(stream.fileno(), 0)
        return bool(look.poll(0))
    except (OSError, ValueError, AttributeError):  # no file behind it
        return False


def warn(text: str) -> None:
    """Prints a line on the standard error, if that is open."""
    write_line(text, sys.stderr)


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


def clipped(text: str) -> str:
    """The text as one line; a very long one is shortened in the middle. The trace keeps it whole."""
    if len(text) > LONGEST:
        text = f"{text[:HEAD]} ... ({len(text)} characters) ... {text[-TAIL:]}"
    return text if text.isprintable() else " ".join("".join(char if char.isprintable() else " " for char in text).split())
