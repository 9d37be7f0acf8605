"""A progress bar on the standard error with an estimate of the time left; drawn on a terminal only."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TextIO

EVERY = 0.2  # [s] between two drawings
WIDTH = 24  # [characters] of the bar


def bar(what: str, done: int, total: int, elapsed: float) -> str:
    """The line after `done` of `total` steps took `elapsed` seconds."""
    share = done / total if total else 1.0
    left = f"about {elapsed * (1.0 / share - 1.0):.0f} s left" if done else "..."
    return f"{what} [{'#' * round(WIDTH * share):{WIDTH}}] {done}/{total}, {left}"


def progress[T](
    steps: Iterable[T], what: str, total: int, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
) -> Iterator[T]:
    """Yields `steps` and draws the bar; nothing is drawn where `stream` is no terminal.

    Args:
        steps: The steps of the work.
        what: Label before the bar.
        total: Number of steps.
        stream: Where to draw; None: the standard error.
        clock: Monotonic seconds.
    """
    stream = stream or sys.stderr
    if not stream.isatty():
        yield from steps
        return
    start = drawn = clock()
    try:
        for done, step in enumerate(steps):
            if (now := clock()) - drawn >= EVERY:
                drawn = now
                print(f"\r{bar(what, done, total, now - start)}\x1b[K", end="", file=stream, flush=True)
            yield step
    finally:
        print("\r\x1b[K", end="", file=stream, flush=True)
