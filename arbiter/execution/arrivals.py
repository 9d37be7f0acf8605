"""Instructions from their arrival until they are routed; the log of all of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from arbiter.events import Event
from arbiter.execution.inbox import RouteRequest
from arbiter.execution.instruction import Instruction
from arbiter.execution.instruction import InstructionState as State
from arbiter.recent import Recent
from arbiter.skill import Route, Steps
from arbiter.worker import Worker

MOST = 1000  # instructions that may wait
MEANT = 300.0  # [s] after its end in which "again" still means a plan


class InstructionLog(Recent[Instruction]):
    """All instructions of a run; tells of their ends. `emit`: takes events."""

    def __init__(self, emit: Callable[[Event], None]) -> None:
        super().__init__()
        self.emit = emit

    def close(self, instruction: Instruction, result: State, why: str, now: float) -> None:
        """It has ended, or was never begun."""
        instruction.finished, instruction.state, instruction.reason = now, result, why
        kind = {State.REFUSED: "rejected", State.STOPPED: "stopped", State.ANSWERED: "answered"}.get(result, "finished")
        because = f" ({why})" if why else ""
        self.emit(
            Event(
                now,
                kind,
                f"{result}: {instruction.label}{because}",
                {"result": result.value, "reason": why, "by": instruction.by},
            )
        )


class Arrivals:
    """Instructions that are being routed, or wait to be carried out.

    Args:
        routing: Routes beside the tick.
        log: Takes every instruction.
        under_way: Names of the skills that run, or are to come with the instructions that run.
        left: What is left of an instruction that was stopped; None: it was not.

    Attributes:
        waiting: Routed; the next one first.
        routing_now: By ticket.
        halt: Words that mean stop once routed, or that forbid what is under way; for the arbiter to obey.
    """

    def __init__(
        self,
        routing: Worker[RouteRequest, Route],
        log: InstructionLog,
        under_way: Callable[[], set[str]],
        left: Callable[[Instruction, float], Steps | None],
    ) -> None:
        self.routing, self._log, self._under_way, self._left = routing, log, under_way, left
        self.waiting: deque[Instruction] = deque()
        self.routing_now: dict[int, Instruction] = {}
        self.halt = ""
        self._asked = 0  # ticket that the router has; the next is asked when it is answered, and may refer to it
        self._begun: Instruction | None = None

    def begun(self, instruction: Instruction) -> None:
        """Its first skill starts: from now on it is what "again" means, also when it is stopped."""
        self._begun = instruction if instruction.spoken else self._begun

    def forget(self) -> None:
        """Nothing was done that "again" could mean: the robot was damped, has settled, or waits for an operator."""
        self._begun = None

    def _meant(self, now: float) -> tuple[Steps, Steps | None, bool]:
        """The plan that a new instruction may refer to, that of the newest one that waits, else the last that was begun; what is
        left of that, if it was stopped; and whether it is under way."""
        if self.waiting:
            return self.waiting[-1].steps, None, True
        last = self._begun
        if last is None or (last.finished is not None and now - last.finished > MEANT):
            return (), None, False
        return last.steps, self._left(last, now), not last.over

    def _ask(self, now: float) -> None:
        """Hands the oldest text that is not routed to the router, which has one at a time."""
        if self._asked not in self.routing_now and self.routing_now:
            instruction = next(iter(self.routing_now.values()))
            self._asked = instruction.ticket
            self.routing.submit(RouteRequest(instruction.ticket, instruction.text, *self._meant(now)), now)

    def receive(self, instruction: Instruction, now: float) -> None:
        """A new instruction. In "replace" it also displaces those that are not yet routed."""
        if len(self.waiting) + len(self.routing_now) >= MOST:
            self.turn_away(instruction, State.REFUSED, f"{MOST} instructions wait already", now)
            return
        self._log.append(instruction)
        if instruction.how == "replace":
            for ticket, older in list(self.routing_now.items()):
                del self.routing_now[ticket]
                self._log.close(older, State.CANCELLED, "replaced by a newer instruction before it was routed", now)
            self.routing.cancel()
        self.routing_now[instruction.ticket] = instruction
        self._ask(now)
        self._log.emit(Event(now, "said", f'heard "{instruction.text}"', {"ticket": instruction.ticket}))

    def turn_away(self, instruction: Instruction, result: State, why: str, now: float) -> None:
        """A new instruction that is not even routed; it is narrated and kept for the report like any other."""
        self._log.append(instruction)
        self._log.close(instruction, result, why, now)

    def poll(self, now: float) -> list[tuple[int, Route]]:
        """Takes finished routes; returns them with their tickets. `halt` then holds the words of a stop among them."""
        answers, self.halt = [], ""
        while (done := self.routing.poll(now)) is not None:
            ticket, text = done.request.ticket, done.request.text
            route = done.value or Route(text, "rejected", reason=f"the router failed: {done.error}")
            answers.append((ticket, route))
            instruction = self.routing_now.pop(ticket, None)
            if instruction is None:
                continue
            self._take(instruction, route, now)
            self._ask(now)
        return answers

    def _take(self, instruction: Instruction, route: Route, now: float) -> None:
        """An instruction is routed: it waits, or is over."""
        instruction.route, instruction.routed = route, now
        if route.outcome != "accepted":
            forbidden = sorted(set(route.forbids) & self._names())
            stopped = route.outcome == "stopped" or forbidden
            if stopped:
                self.halt = instruction.text
            why = f"forbids {', '.join(forbidden)}, which is under way" if forbidden else route.reason
            result = State.STOPPED if stopped else State.ANSWERED if route.answers else State.REFUSED
            self._log.close(instruction, result, why, now)
            return
        names = ", then ".join(" and ".join(call.skill for call in step) for step in route.steps)
        self._log.emit(
            Event(
                now,
                "routed",
                f'"{instruction.text}" -> {names} (score {route.score:.2f})',
                {"ticket": instruction.ticket, "skills": names, "score": route.score},
            )
        )
        instruction.state = State.ROUTED
        self.waiting.append(instruction)

    def _names(self) -> set[str]:
        """Skills that run, or are to come."""
        return self._under_way() | {call.skill for instruction in self.waiting for step in instruction.steps for call in step}

    def cancel(self, why: str, now: float) -> None:
        """Drops all of them."""
        for instruction in [*self.waiting, *self.routing_now.values()]:
            self._log.close(instruction, State.CANCELLED, why, now)
        self.waiting.clear()
        self.routing_now.clear()
