"""Where instructions and orders arrive. Any thread may call `say`, `stop`, `damp`, `reset`, `arm` and `go`; the tick polls."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from arbiter.execution.instruction import Instruction
from arbiter.routing.guard import stop_guard
from arbiter.skill import Steps
from arbiter.slots import LatestSlot
from arbiter.types import Steering

MAX_WAITING = 64


@dataclass(frozen=True, slots=True)
class RouteRequest:
    """What is to be routed beside the tick.

    Attributes:
        ticket, text: Of the instruction.
        last: The plan that "again" would mean, as Route.steps.
        left: What is left of it, if it was stopped: the plan that "continue" would mean.
        under_way: It runs, or waits for those before it.
    """

    ticket: int
    text: str
    last: Steps = ()
    left: Steps | None = None
    under_way: bool = False


@dataclass(slots=True)
class Mail:
    """What one poll found.

    Attributes:
        said: Instructions, oldest first.
        stops: Tickets of those that mean stop.
        stop, damp: Who or what asked for it; "" if nobody did.
        orders: The operator's "reset", "go", "arm" and "halt", in the order in which they were given.
        lost: Texts that were dropped because more came than `MAX_WAITING`.
    """

    said: list[Instruction] = field(default_factory=list)
    stops: set[int] = field(default_factory=set)
    stop: str = ""
    damp: str = ""
    orders: list[str] = field(default_factory=list)
    lost: int = 0

    def inputs(self) -> list[tuple]:
        """What came in, for the trace; orders are recorded where they are carried out."""
        found = [("say", item.text, item.how, item.ticket) for item in self.said]
        return found + [("stop", self.stop)] * bool(self.stop) + [("damp", self.damp)] * bool(self.damp)


def printable(text: str) -> str:
    """The text, with what is no Unicode in it replaced: half of a surrogate pair can be neither printed nor sent."""
    return text.encode("utf-8", "replace").decode("utf-8")


class Orders(Protocol):
    """What a source of instructions may ask for. See Inbox."""

    steering: LatestSlot[Steering]

    def say(self, text: str, how: str = "") -> int: ...
    def stop(self, reason: str = "") -> None: ...
    def damp(self, reason: str = "") -> None: ...
    def lose(self, count: int) -> None: ...
    def arm(self) -> None: ...
    def go(self) -> None: ...
    def reset(self) -> None: ...


class Inbox:
    """A bounded box of calls from other threads.

    Appending to a deque is atomic, so a stop that arrives while the tick polls is found by the next poll, never lost. Stops
    lie apart from all other texts and orders: however many of those come, they push no stop out.

    Args:
        default: What a new instruction does to those before it when `say` does not tell: "replace", "queue" or
            "together" (runs beside them where the joints allow it, else replaces).
        guard: Tells whether a text means stop. Asked in `say`, by the thread that brings the text, so that a flood of texts
            costs the tick nothing.

    Attributes:
        steering: Where the operator's stick is; whoever reads the stick puts it there.
    """

    def __init__(self, default: str = "replace", guard: Callable[[str], bool] = stop_guard) -> None:
        self.default = default
        self.guard = guard
        self._said: deque[tuple[int, str, str]] = deque(maxlen=MAX_WAITING)
        self._stops: deque[tuple[int, str, str]] = deque(maxlen=MAX_WAITING)  # a stop is pushed out by a newer stop only
        self._stop: deque[str] = deque(maxlen=1)
        self._damp: deque[str] = deque(maxlen=1)
        self._orders: deque[str] = deque(maxlen=MAX_WAITING)
        self._lost: deque[int] = deque()
        self._tickets = itertools.count(1)
        self.steering: LatestSlot[Steering] = LatestSlot()

    def say(self, text: str, how: str = "", ticket: int = 0) -> int:
        """Leaves an instruction; returns its ticket.

        Args:
            text: Any text; what is no Unicode text in it is replaced.
            how: As `default`.
            ticket: Of a recorded run, when its decisions are made again; 0: the next one.
        """
        text = printable(text)
        ticket = ticket or next(self._tickets)
        if self.guard(text):
            self._stops.append((ticket, text, how or self.default))
        else:
            if len(self._said) >= MAX_WAITING:
                self._lost.append(1)
            self._said.append((ticket, text, how or self.default))
        return ticket

    def lose(self, count: int) -> None:
        """Reports `count` texts that a source has already dropped."""
        self._lost.append(count)

    def stop(self, reason: str = "operator") -> None:
        """Stops at the next tick. Takes no lock; safe in a signal handler."""
        self._stop.append(reason or "operator")

    def damp(self, reason: str = "operator") -> None:
        """Damps the motors at the next tick, from any state: a robot that stands falls. Takes no lock, as `stop`."""
        self._damp.append(reason or "operator")

    def reset(self) -> None:
        """The operator clears a latched fault."""
        self._orders.append("reset")

    def go(self) -> None:
        """The operator says that the robot stands by itself (harness down)."""
        self._orders.append("go")

    def arm(self) -> None:
        """The operator lets motors move."""
        self._orders.append("arm")

    def halt(self) -> None:
        """It was stopped before it was armed: it stays as it is until an operator resets and arms it."""
        self._orders.append("halt")

    def poll(self, now: float) -> Mail | None:
        """What arrived since the last poll; None when nothing did."""
        if not (self._said or self._stops or self._stop or self._damp or self._orders or self._lost):
            return None
        mail = Mail()
        texts = [self._said.popleft() for _ in range(len(self._said))]
        stops = [self._stops.popleft() for _ in range(len(self._stops))]
        mail.said = [Instruction(ticket, text, how, at=now) for ticket, text, how in sorted(texts + stops)]
        mail.stops = {ticket for ticket, _, _ in stops}
        mail.stop = stops[-1][1] if stops else ""
        mail.stop = self._stop.popleft() if self._stop else mail.stop
        mail.damp = self._damp.popleft() if self._damp else ""
        mail.orders = [self._orders.popleft() for _ in range(len(self._orders))]
        for _ in range(len(self._lost)):
            mail.lost += self._lost.popleft()
        return mail
