"""Routing beside the tick, on a thread of its own."""

from __future__ import annotations

import threading
from collections import deque

from arbiter.routing.router import Router
from arbiter.skill import Route
from arbiter.threads import start_thread
from arbiter.wall import walled

MAX_WAITING = 64


class RouteWorker:
    """Routes on a thread; the tick never waits for it.

    `submit` and `poll` are single operations on a deque, atomic under CPython. The thread sleeps until there is work.

    Args:
        router: Routes; anything that it raises becomes a rejection.
    """

    def __init__(self, router: Router) -> None:
        self._router = router
        self._waiting: deque[tuple[int, str]] = deque()
        self._done: deque[tuple[int, Route]] = deque()
        self._work = threading.Event()
        self._closing = False
        self._thread = start_thread("routing", self._run)

    def submit(self, text: str, ticket: int, now: float = 0.0, replace: bool = False) -> None:
        """Leaves an instruction. With `replace`, those that were not begun are answered as replaced."""
        while replace or len(self._waiting) >= MAX_WAITING:
            try:
                older, what = self._waiting.popleft()
            except IndexError:
                break
            reason = "replaced by a newer instruction before it was routed"
            self._done.append((older, Route(what, "rejected", reason=reason)))
        self._waiting.append((ticket, text))
        self._work.set()

    def poll(self, now: float = 0.0) -> tuple[int, Route] | None:
        """The next answer, or None."""
        try:
            return self._done.popleft()
        except IndexError:
            return None

    def close(self) -> None:
        """Ends the thread; what waits is dropped."""
        self._closing = True
        self._work.set()
        self._thread.join(timeout=2.0)

    def _run(self) -> None:
        while True:
            self._work.wait()
            self._work.clear()
            while not self._closing:
                try:
                    ticket, text = self._waiting.popleft()
                except IndexError:
                    break
                route, problem = walled(self._router.route, text)
                self._done.append(
                    (ticket, route if route is not None else Route(text, "rejected", reason=f"the router failed: {problem}"))
                )
            if self._closing:
                return
