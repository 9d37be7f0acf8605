"""Work on another thread: routing and chunk inference take longer than a tick may, so the tick submits and polls.

`ThreadWorker` works on a thread, in real time. `LockstepWorker` works at once and delivers after a delay of simulated time, so
that a run is repeatable bit for bit. `ReplayWorker` delivers what a trace recorded.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Protocol

from arbiter.threads import start_thread
from arbiter.wall import walled

LONGEST_CALL = 2.0  # [s] that closing waits for a call that runs
ROUNDING = 1e-9  # [s]


@dataclass(frozen=True, slots=True)
class Done[Q, A]:
    """The result of a request.

    Attributes:
        request: As submitted.
        submitted: When [s].
        value: What the work returned, unchecked; None where it raised.
        error: What it raised, in one line; "" if nothing.
    """

    request: Q
    submitted: float
    value: A | None
    error: str = ""


class Worker[Q, A](Protocol):
    """Answers requests beside the tick, in the order in which they came."""

    def submit(self, request: Q, now: float) -> None:
        """Leaves a request; never waits."""

    def poll(self, now: float) -> Done[Q, A] | None:
        """The next result, once, when it is there; never waits."""

    def cancel(self) -> None:
        """Drops every request and every result that was not polled; the result of a running call is ignored."""

    def close(self) -> None:
        """Ends the work. May be called twice."""


class LockstepWorker[Q, A]:
    """Works in `submit`, delivers `delay` seconds of the tick's clock later."""

    def __init__(self, work: Callable[[Q], A], delay: float) -> None:
        self._work, self._delay = work, delay
        self._due: deque[tuple[float, Done[Q, A]]] = deque()

    def submit(self, request: Q, now: float) -> None:
        self._due.append((now + self._delay - ROUNDING, Done(request, now, *walled(self._work, request))))

    def poll(self, now: float) -> Done[Q, A] | None:
        return self._due.popleft()[1] if self._due and self._due[0][0] <= now else None

    def cancel(self) -> None:
        self._due.clear()

    def close(self) -> None:
        self._due.clear()


class ThreadWorker[Q, A]:
    """One daemon thread, which starts with the first request and sleeps while there is none.

    The threads share deques only, whose single operations are atomic under CPython.

    Args:
        work: What is called; anything that it raises is the result's error.
        name: Of the thread.
        lock: Held during a call; workers that share what they call share it, so that it sees one call at a time.
    """

    def __init__(self, work: Callable[[Q], A], name: str, lock: threading.Lock | None = None) -> None:
        self._work, self._name = work, name
        self._lock = lock or threading.Lock()
        self._asked, self._answered = threading.Event(), threading.Event()
        self._waiting: deque[tuple[object, Q, float]] = deque()
        self._done: deque[tuple[object, Done[Q, A]]] = deque()
        self._era = object()  # replaced by `cancel`: what was submitted before it is unheard
        self._thread: threading.Thread | None = None
        self._closed = False

    def submit(self, request: Q, now: float) -> None:
        if self._closed:
            return
        if self._thread is None:
            self._thread = start_thread(self._name, self._serve)
        self._answered.clear()
        self._waiting.append((self._era, request, now))
        self._asked.set()

    def poll(self, now: float) -> Done[Q, A] | None:
        while self._done:
            era, done = self._done.popleft()
            if era is self._era:
                return done
        return None

    def wait(self, seconds: float) -> bool:
        """Waits for the result of the last request, at most so long. True once it is there."""
        return self._answered.wait(seconds)

    def cancel(self) -> None:
        self._era = object()

    def close(self, wait: float = LONGEST_CALL) -> None:
        """Lets the thread end, and waits [s] for the call that runs; one that never returns keeps it, but not the process."""
        self._closed, self._era = True, object()
        self._asked.set()
        if wait and self._lock.acquire(timeout=wait):
            self._lock.release()

    def _serve(self) -> None:
        while not self._closed:
            self._asked.wait()
            self._asked.clear()
            while self._waiting and not self._closed:
                era, request, submitted = self._waiting.popleft()
                with self._lock:
                    if era is self._era:  # not cancelled while another worker had the lock
                        self._done.append((era, Done(request, submitted, *walled(self._work, request))))
                self._answered.set()


class ReplayWorker[Q, A]:
    """Delivers what was recorded, in the tick before which it was given to `deliver`.

    Args:
        key: Tells which request a recorded result belongs to; None: always to the newest.
    """

    def __init__(self, key: Callable[[Q], Hashable] | None = None) -> None:
        self._key = key
        self._pending: dict[Hashable, tuple[Q, float]] = {}
        self._due: deque[tuple[Hashable, A | None, str]] = deque()

    def deliver(self, key: Hashable, value: A | None, error: str = "") -> None:
        """A result that was delivered in the tick that comes next."""
        self._due.append((key, value, error))

    def submit(self, request: Q, now: float) -> None:
        self._pending[self._key(request) if self._key else None] = request, now

    def poll(self, now: float) -> Done[Q, A] | None:
        while self._due and (self._key or self._pending):
            key, value, error = self._due.popleft()
            if key in self._pending:
                return Done(*self._pending.pop(key), value, error)
        return None

    def cancel(self) -> None:
        self._pending.clear()

    def close(self) -> None:
        self._pending.clear()
