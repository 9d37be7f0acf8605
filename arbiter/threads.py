"""Threads of ours: an exception that leaves one is a fault in the next tick, not a line on the standard error."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from arbiter.wall import named


class OurThread(threading.Thread):
    """A daemon thread that a `ThreadWatch` looks after."""


def start_thread(name: str, target: Callable[[], None]) -> threading.Thread:
    """Runs `target` on a thread of ours."""
    thread = our_thread(name, target)
    thread.start()
    return thread


def our_thread(name: str, target: Callable[[], None]) -> threading.Thread:
    """The same, to be started later."""
    return OurThread(target=target, name=name, daemon=True)


class ThreadWatch:
    """Hears of every exception that leaves a thread of ours, from its making until it is closed."""

    def __init__(self) -> None:
        self._deaths: deque[str] = deque(maxlen=16)
        self._before = threading.excepthook
        threading.excepthook = self._hear

    def _hear(self, args: threading.ExceptHookArgs) -> None:
        if isinstance(args.thread, OurThread):
            self._deaths.append(f"thread {args.thread.name} has ended: {named(args.exc_value, args.exc_type)}")
        self._before(args)

    def take(self) -> str:
        """The next death, "" if there is none. Costs nothing while there is none: asked in every tick."""
        return self._deaths.popleft() if self._deaths else ""

    def close(self) -> None:
        """Hears no more."""
        if threading.excepthook == self._hear:  # not, where somebody has put a hook over it
            threading.excepthook = self._before
