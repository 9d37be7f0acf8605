"""Calls of third parties' code on a thread of its own: what blocks is known by name and never stops the tick."""

from __future__ import annotations

import threading
from collections.abc import Callable

from arbiter.threads import start_thread
from arbiter.wall import walled

PATIENCE = 0.002  # [s] that the tick waits for an answer
LIMIT = 10  # ticks without an answer after which it counts as blocked


class Aside:
    """One call at a time.

    Args:
        name: Of the thread.
        patience: How long `ask` waits [s].
        limit: How often `ask` may wait in vain.
    """

    def __init__(self, name: str, patience: float = PATIENCE, limit: int = LIMIT) -> None:
        self._name, self._patience, self._limit = name, patience, limit
        self._call: Callable[[], object] | None = None
        self._answer: tuple[object, str] = (None, "")
        self._asked, self._answered = threading.Event(), threading.Event()
        self._missed = 0
        self._thread: threading.Thread | None = None
        self._closed = False
        self.busy = False

    def ask(self, call: Callable[[], object]) -> tuple[object, str] | None:
        """(value, "") or (None, what went wrong); None: not yet. While it is `busy` with an earlier call, it is that one's
        answer, and `call` is not made."""
        if not self.busy:
            self._begin(call)
        if self._answered.wait(self._patience):
            self.busy, self._missed = False, 0
            return self._answer
        self._missed += 1
        if self._missed > self._limit:
            return None, f"blocks: no answer within {self._limit} ticks"
        return None

    def _begin(self, call: Callable[[], object]) -> None:
        if self._thread is None:
            self._thread = start_thread(self._name, self._serve)
        self._call, self.busy = call, True
        self._answered.clear()
        self._asked.set()

    def _serve(self) -> None:
        while True:
            self._asked.wait()
            self._asked.clear()
            if self._closed:
                return
            self._answer = walled(self._call)
            self._answered.set()

    def close(self) -> None:
        """Lets the thread end once its call returns; Python cannot end it before."""
        self._closed = True
        self._asked.set()
