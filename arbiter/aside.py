"""Calls plug-in code on a thread of its own: a call that blocks is reported by name and never stops the tick."""

from __future__ import annotations

from collections.abc import Callable

from arbiter.wall import Called
from arbiter.worker import ThreadWorker

PATIENCE = 0.002  # [s] that the tick waits for an answer
LIMIT = 10  # ticks without an answer after which it counts as blocked


class Aside[T]:
    """One call at a time, that answers with a T.

    Args:
        name: Of the thread.
        patience: How long `ask` waits for an answer [s].
        limit: Number of calls of `ask` without an answer after which the code has failed.
    """

    def __init__(self, name: str, patience: float = PATIENCE, limit: int = LIMIT) -> None:
        self._patience, self._limit = patience, limit
        self._worker: ThreadWorker[Callable[[], T], T] = ThreadWorker(lambda call: call(), name)
        self._missed = 0
        self.busy = False

    def ask(self, call: Callable[[], T]) -> Called[T] | None:
        """(value, "") or (None, what went wrong); None: not yet. While it is `busy` with an earlier call, it is that one's
        answer, and `call` is not made."""
        if not self.busy:
            self._worker.submit(call, 0.0)
            self.busy = True
        done = self._worker.poll(0.0) if self._worker.wait(self._patience) else None
        if done is not None:
            self.busy, self._missed = False, 0
            return Called(done.value, done.error)
        self._missed += 1
        if self._missed > self._limit:
            return Called(None, f"blocks: no answer within {self._limit} ticks")
        return None

    def close(self) -> None:
        """Lets the thread end once its call returns; Python cannot end it before."""
        self._worker.close(wait=0.0)
