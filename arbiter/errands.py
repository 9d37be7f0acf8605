"""Errands: an accepted instruction while it is carried out, one step after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

import numpy as np

from arbiter.events import Event
from arbiter.handover import Switchboard
from arbiter.inbox import Instruction, RouteService
from arbiter.robot import RobotModel
from arbiter.runs import Phase, Run, SkillCaller
from arbiter.skill import Outcome, Route, Skill, SkillCall
from arbiter.types import RobotState


class Errand:
    """An instruction and its runs. `step` is the index of the step that runs now."""

    def __init__(self, instruction: Instruction) -> None:
        self.instruction = instruction
        self.step = -1
        self.runs: list[Run] = []

    @property
    def steps(self) -> tuple[tuple[SkillCall, ...], ...]:
        return self.instruction.route.steps


class Errands:
    """All instructions of a run, from arrival to end.

    Args:
        model: The robot.
        skills: Skills by name.
        switchboard: Carries out changes of hands.
        routing: Routes beside the tick.
        caller: Makes the object that asks a skill; third parties' skills get a thread of their own.
        emit: Takes events.
    """

    def __init__(self, model: RobotModel, skills: Mapping[str, Skill], switchboard: Switchboard, routing: RouteService,
                 emit: Callable[[Event], None], caller: Callable[[Skill], object] = SkillCaller) -> None:
        self.model, self.skills, self.switchboard, self.routing = model, skills, switchboard, routing
        self.log: list[Instruction] = []
        self.active: list[Errand] = []
        self.waiting: deque[Instruction] = deque()
        self.routing_now: dict[int, Instruction] = {}
        self.held: list[Run] = []
        self._emit, self.caller = emit, caller
        self.halt = ""  # words that mean stop once routed, or that forbid what is under way; for the arbiter to obey
        self._changes = 0
        self._sent_home: tuple[int, ...] = ()

    @property
    def idle(self) -> bool:
        """Nothing runs, waits or is being routed."""
        return not (self.active or self.waiting or self.routing_now)

    def receive(self, instruction: Instruction, now: float) -> None:
        """A new instruction. In "replace" it also displaces those that are not yet routed."""
        self.log.append(instruction)
        if instruction.how == "replace":
            for ticket, older in list(self.routing_now.items()):
                del self.routing_now[ticket]
                self._close(older, "rejected", "replaced by a newer instruction before it was routed", now)
        self.routing_now[instruction.ticket] = instruction
        self.routing.submit(instruction.text, instruction.ticket, now, instruction.how == "replace")
        self._emit(Event(now, "said", f'heard "{instruction.text}"', {"ticket": instruction.ticket}))

    def turn_away(self, instruction: Instruction, result: str, why: str, now: float) -> None:
        """A new instruction that is not even routed; told and kept for the report like any other."""
        self.log.append(instruction)
        self._close(instruction, result, why, now)

    def poll(self, now: float) -> list[tuple[int, Route]]:
        """Takes finished routes; returns them with their tickets. `halt` then holds the words of a stop among them."""
        answers, self.halt = [], ""
        while (answer := self.routing.poll(now)) is not None:
            ticket, route = answer
            answers.append(answer)
            instruction = self.routing_now.pop(ticket, None)
            if instruction is None:
                continue
            instruction.route, instruction.routed = route, now
            if route.outcome != "accepted":
                forbidden = sorted(set(route.forbids) & self._under_way())
                stopped = route.outcome == "stopped" or forbidden
                if stopped:
                    self.halt = instruction.text
                why = f"forbids {', '.join(forbidden)}, which is under way" if forbidden else route.reason
                self._close(instruction, "stopped" if stopped else route.outcome, why, now)
                continue
            names = ", then ".join(" and ".join(call.skill for call in step) for step in route.steps)
            self._emit(Event(now, "routed", f'"{instruction.text}" -> {names} (score {route.score:.2f})',
                             {"ticket": ticket, "skills": names, "score": route.score}))
            self.waiting.append(instruction)
        return answers

    def _under_way(self) -> set[str]:
        """Skills that run, or are to come."""
        steps = [step for errand in self.active for step in errand.steps[max(errand.step, 0) :]]
        steps += [step for instruction in self.waiting for step in instruction.route.steps]
        return {call.skill for step in steps for call in step}

    def tick(self, state: RobotState, now: float) -> None:
        """Starts what waits, steps what runs, goes on to the next step or the end."""
        self._admit(state, now)
        for errand in list(self.active):
            for run in errand.runs:
                if run.phase is Phase.RUNNING:
                    run.step(state, now)
                    self._changes += run.over
            self._follow(errand, state, now)
        self.send_home(now)

    def send_home(self, now: float) -> None:
        """Joints that nobody wants go to their home policies; looks again only after something changed."""
        board = self.switchboard
        key = (board.authority.version, board.changes, self._changes)
        if key != self._sent_home:
            board.go_home(self.free_joints(), now)
            self._sent_home = (board.authority.version, board.changes, self._changes)

    def free_joints(self) -> np.ndarray:
        """Joints that no running and no held skill wants, bool, shape (n,)."""
        free = np.ones(self.model.n, bool)
        for errand in self.active:
            for run in errand.runs:
                if not run.over:
                    free &= ~run.joints
        for run in self.held:
            free &= ~run.joints
        return free

    def cancel(self, why: str, now: float) -> None:
        """Drops everything that runs, waits or is being routed."""
        for errand in list(self.active):
            self._abort(errand, why, now)
        for instruction in [*self.waiting, *self.routing_now.values()]:
            self._close(instruction, "cancelled", why, now)
        self.waiting.clear()
        self.routing_now.clear()
        self.held.clear()
        self._changes += 1

    # -- one errand -----------------------------------------------------------------------------------------------

    def _admit(self, state: RobotState, now: float) -> None:
        while self.waiting:
            instruction = self.waiting[0]
            if instruction.how == "queue" and self.active:
                return
            self.waiting.popleft()
            if instruction.how == "replace" or (instruction.how == "together" and not self._free(instruction)):
                for errand in list(self.active):
                    self._abort(errand, f'replaced by "{instruction.text}"', now)
            errand = Errand(instruction)
            self.active.append(errand)
            self._next(errand, state, now)

    def _free(self, instruction: Instruction) -> bool:
        wanted = [self.model.groups[self.skills[call.skill].joints] for step in instruction.route.steps for call in step]
        busy = [run.joints for errand in self.active for run in errand.runs if not run.over]
        return not any((a & b).any() for a in wanted for b in busy)

    def _follow(self, errand: Errand, state: RobotState, now: float) -> None:
        instruction = errand.instruction
        for run in errand.runs:
            if run.first_command is not None and instruction.first_command is None:
                instruction.first_command = run.first_command
            if run.blend_end is not None and instruction.blend_end is None:
                instruction.blend_end = run.blend_end
        failed = next((run for run in errand.runs if run.over and run.outcome is Outcome.FAILURE), None)
        if failed is not None:
            self._abort(errand, f"{failed.skill.name}: {failed.reason}", now, result="failed")
        elif all(run.over for run in errand.runs):
            self._next(errand, state, now)

    def _next(self, errand: Errand, state: RobotState, now: float) -> None:
        """The next step's skills take over directly from this step's; whatever is left goes home."""
        self._let_go(errand, now)
        errand.step += 1
        if errand.step >= len(errand.steps):
            self._finish(errand, now)
            return
        errand.runs = []
        for call in errand.steps[errand.step]:
            skill = self.skills[call.skill]
            joints = self.model.groups[skill.joints]
            run = Run(skill, call, joints, now, self.caller(skill))
            self.held = [held for held in self.held if not (held.joints & joints).any()]
            errand.runs.append(run)
            self._changes += 1
            self.switchboard.want(run, state, now)
            self._emit(Event(now, "started", f"{call.skill} {_words(call.parameters)}".rstrip(), {"skill": call.skill}))

    def _let_go(self, errand: Errand, now: float) -> None:
        self._changes += 1
        for run in errand.runs:
            if run.phase is Phase.HELD:
                self.held.append(run)
                continue
            run.end(Outcome.FAILURE, "ended", now)
            self.switchboard.release(run)

    def _finish(self, errand: Errand, now: float) -> None:
        self.active.remove(errand)
        errand.instruction.finished = now
        errand.instruction.result = "succeeded"
        self._emit(Event(now, "finished", f'done: "{errand.instruction.text}"', {"result": "succeeded"}))

    def _abort(self, errand: Errand, why: str, now: float, result: str = "cancelled") -> None:
        self._changes += 1
        for run in errand.runs:
            run.end(Outcome.FAILURE, why, now)
            self.switchboard.release(run)
        self.active.remove(errand)
        self._close(errand.instruction, result, why, now)

    def _close(self, instruction: Instruction, result: str, why: str, now: float) -> None:
        instruction.finished, instruction.result, instruction.reason = now, result, why
        kind = result if result in ("rejected", "stopped") else "finished"
        self._emit(Event(now, kind, f'{result}: "{instruction.text}" ({why})', {"result": result, "reason": why}))


def _words(parameters: Mapping) -> str:
    shown = [f"{name}={value:.3g}" if isinstance(value, float) else f"{name}={value}"
             for name, value in parameters.items() if value is not None]
    return f"({', '.join(shown)})" if shown else ""
