"""Where words arrive. Any thread may call `say`, `stop`, `reset`, `arm` and `go`; the tick polls."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from arbiter.skill import Route

MAX_WAITING = 64


@dataclass(slots=True)
class Instruction:
    """One instruction and what became of it. Times are those of the tick [s]; None: did not happen."""

    ticket: int
    text: str
    how: str
    at: float = 0.0
    route: Route | None = None
    routed: float | None = None
    first_command: float | None = None
    blend_end: float | None = None
    finished: float | None = None
    result: str = ""
    reason: str = ""


class RouteService(Protocol):
    """Routes beside the tick; see `arbiter.routing.RouteWorker` and `LockstepRouting`."""

    def submit(self, text: str, ticket: int, now: float, replace: bool = False) -> None: ...

    def poll(self, now: float) -> tuple[int, Route] | None: ...

    def close(self) -> None: ...


class LockstepRouting:
    """Routes within `submit` and hands the answer out `delay` seconds of simulated time later: repeatable.

    Args:
        route: The router's `route`.
        delay: Simulated duration of routing [s].
    """

    def __init__(self, route: Callable[[str], Route], delay: float = 0.005) -> None:
        self._route = route
        self._delay = delay
        self._waiting: deque[tuple[float, int, Route]] = deque()

    def submit(self, text: str, ticket: int, now: float, replace: bool = False) -> None:
        if replace:
            self._waiting.clear()
        self._waiting.append((now + self._delay, ticket, self._route(text)))

    def poll(self, now: float) -> tuple[int, Route] | None:
        if self._waiting and self._waiting[0][0] <= now + 1e-9:
            _, ticket, route = self._waiting.popleft()
            return ticket, route
        return None

    def close(self) -> None:
        self._waiting.clear()


@dataclass(slots=True)
class Mail:
    """What one poll found."""

    said: list[Instruction] = field(default_factory=list)
    stop: str = ""
    damp: str = ""
    reset: bool = False
    go: bool = False
    arm: bool = False


class Inbox:
    """A bounded box of calls from other threads.

    Appending to a deque is atomic, so a stop that arrives while the tick polls is found by the next poll, never lost.

    Args:
        default: What a new instruction does to those before it when `say` does not tell: "replace", "queue" or
            "together" (runs beside them where the joints allow it, else replaces).
    """

    def __init__(self, default: str = "replace") -> None:
        self.default = default
        self._said: deque[tuple[int, str, str]] = deque(maxlen=MAX_WAITING)
        self._signs: deque[tuple[str, str]] = deque(maxlen=MAX_WAITING)
        self._tickets = itertools.count(1)

    def say(self, text: str, how: str = "") -> int:
        """Leaves an instruction; returns its ticket."""
        ticket = next(self._tickets)
        self._said.append((ticket, text, how or self.default))
        return ticket

    def stop(self, reason: str = "operator") -> None:
        """Stops at the next tick. Takes no lock; safe in a signal handler."""
        self._signs.append(("stop", reason or "operator"))

    def damp(self, reason: str = "operator") -> None:
        """Motors only damp from the next tick on. Takes no lock; safe in a signal handler."""
        self._signs.append(("damp", reason or "operator"))

    def reset(self) -> None:
        """The operator clears a latched fault."""
        self._signs.append(("reset", ""))

    def go(self) -> None:
        """The operator says that the robot stands by itself (harness down)."""
        self._signs.append(("go", ""))

    def arm(self) -> None:
        """The operator lets motors move."""
        self._signs.append(("arm", ""))

    def poll(self, now: float) -> Mail | None:
        """What arrived since the last poll; None when nothing did."""
        if not (self._said or self._signs):
            return None
        mail = Mail()
        for _ in range(len(self._signs)):
            kind, reason = self._signs.popleft()
            if kind in ("stop", "damp"):
                setattr(mail, kind, reason)
            else:
                setattr(mail, kind, True)
        for _ in range(len(self._said)):
            ticket, text, how = self._said.popleft()
            mail.said.append(Instruction(ticket, text, how, at=now))
        return mail
