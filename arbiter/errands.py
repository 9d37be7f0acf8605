"""Errands: an accepted instruction while it is carried out, one step after the other.

The one book-keeper of joints: instructions in words and the tree's own `run` nodes alike are errands here, and no two
of them want the same joint.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

import numpy as np

from arbiter.events import Event
from arbiter.handover import Switchboard
from arbiter.homing import Homing
from arbiter.inbox import Instruction, Result, RouteService
from arbiter.recent import Recent
from arbiter.robot import RobotModel
from arbiter.runs import Phase, Run, Sight, SkillCaller, blind
from arbiter.skill import Outcome, Route, Skill, SkillCall
from arbiter.types import RobotState

MOST = 1000  # instructions that may wait


class Errand:
    """An instruction and its runs. `step` is the index of the step that runs now."""

    def __init__(self, instruction: Instruction) -> None:
        self.instruction = instruction
        self.step = -1
        self.runs: list[Run] = []

    @property
    def spoken(self) -> bool:
        """By words, not by the tree."""
        return self.instruction.by == "words"

    def wants(self, joints: np.ndarray) -> bool:
        """Whether a run of the present step wants any of `joints`, bool, shape (n,)."""
        return any((run.joints & joints).any() for run in self.runs if not run.over)

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
        sight: What the head camera sees, for skills that see.
    """

    def __init__(
        self,
        model: RobotModel,
        skills: Mapping[str, Skill],
        switchboard: Switchboard,
        routing: RouteService,
        emit: Callable[[Event], None],
        caller: Callable[[Skill], object] = SkillCaller,
        sight: Sight = blind,
    ) -> None:
        self.model, self.skills, self.switchboard, self.routing = model, skills, switchboard, routing
        self.log: Recent[Instruction] = Recent()
        self.active: list[Errand] = []
        self.waiting: deque[Instruction] = deque()
        self.routing_now: dict[int, Instruction] = {}
        self.homing = Homing(model, switchboard, self._unwanted)
        self._emit, self.caller, self.sight = emit, caller, sight
        self.halt = ""  # words that mean stop once routed, or that forbid what is under way; for the arbiter to obey

    @property
    def under_way(self) -> bool:
        """An instruction in words runs or is about to."""
        return bool(self.waiting) or any(errand.spoken for errand in self.active)

    @property
    def idle(self) -> bool:
        """No instruction in words runs, waits or is being routed. What the tree runs by itself does not count."""
        return not (self.routing_now or self.under_way)

    def receive(self, instruction: Instruction, now: float) -> None:
        """A new instruction. In "replace" it also displaces those that are not yet routed."""
        if len(self.waiting) + len(self.routing_now) >= MOST:
            self.turn_away(instruction, Result.DROPPED, f"{MOST} instructions wait already", now)
            return
        self.log.append(instruction)
        if instruction.how == "replace":
            for ticket, older in list(self.routing_now.items()):
                del self.routing_now[ticket]
                self._close(older, Result.REJECTED, "replaced by a newer instruction before it was routed", now)
        self.routing_now[instruction.ticket] = instruction
        self.routing.submit(instruction.text, instruction.ticket, now, instruction.how == "replace")
        self._emit(Event(now, "said", f'heard "{instruction.text}"', {"ticket": instruction.ticket}))

    def turn_away(self, instruction: Instruction, result: Result, why: str, now: float) -> None:
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
                self._close(instruction, Result.STOPPED if stopped else Result.REJECTED, why, now)
                continue
            names = ", then ".join(" and ".join(call.skill for call in step) for step in route.steps)
            self._emit(
                Event(
                    now,
                    "routed",
                    f'"{instruction.text}" -> {names} (score {route.score:.2f})',
                    {"ticket": ticket, "skills": names, "score": route.score},
                )
            )
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
        for errand in [errand for errand in self.active if errand.spoken]:
            self.advance(errand, state, now)
        self.send_home(now)

    def advance(self, errand: Errand, state: RobotState, now: float) -> None:
        """Steps what runs of `errand`; goes on to its next step or its end. Nothing happens once it has ended."""
        if errand not in self.active:
            return
        for run in errand.runs:
            if run.phase is Phase.RUNNING:
                run.step(state, now)
                if run.over:
                    self.homing.changed()
        self._follow(errand, state, now)

    # -- the tree's own ---------------------------------------------------------------------------------------------

    def start(self, call: SkillCall, name: str, state: RobotState, now: float) -> Errand:
        """The tree runs `call` by itself; whoever calls has to `advance` it. What runs on the same joints is cancelled."""
        route = Route(name, "accepted", ((call,),))
        instruction = Instruction(0, name, "tree", at=now, route=route, routed=now, by="tree")
        self.log.append(instruction)
        errand = Errand(instruction)
        self.active.append(errand)
        self._next(errand, state, now)
        return errand

    def withdraw(self, errand: Errand, why: str, now: float) -> None:
        """Cancels one errand, if it has not ended; no other."""
        if errand in self.active:
            self._abort(errand, why, now)

    def clear(self, joints: np.ndarray, why: str, now: float, but: Errand | None = None) -> None:
        """Somebody else takes `joints`: every errand that wants any of them is cancelled, `but` one."""
        for errand in [errand for errand in self.active if errand is not but and errand.wants(joints)]:
            self._abort(errand, why, now)
        self.homing.taken(joints)

    def tidy(self, now: float) -> None:
        """After the tree was ticked: joints that runs left, and nobody took within the dwell time, go home."""
        self.homing.tidy(now)

    def send_home(self, now: float) -> None:
        """Joints that nobody wants go to their home policies."""
        self.homing.send(now)

    def _unwanted(self) -> np.ndarray:
        """Joints that nothing that is under way wants, bool, shape (n,)."""
        free = np.ones(self.model.n, bool)
        for errand in self.active:
            for run in errand.runs:
                if not run.over:
                    free &= ~run.joints
        return free

    def cancel(self, why: str, now: float, spoken: bool = False) -> None:
        """Drops everything that runs, waits or is being routed; with `spoken` what the tree runs by itself goes on."""
        for errand in list(self.active):
            if (errand.spoken or not spoken) and not self._fail(errand, now):
                self._abort(errand, why, now)
        for instruction in [*self.waiting, *self.routing_now.values()]:
            self._close(instruction, Result.CANCELLED, why, now)
        self.waiting.clear()
        self.routing_now.clear()
        self.homing.forget(left=not spoken)

    # -- one errand -----------------------------------------------------------------------------------------------

    def _admit(self, state: RobotState, now: float) -> None:
        while self.waiting:
            instruction = self.waiting[0]
            if instruction.how == "queue" and any(errand.spoken for errand in self.active):
                return
            self.waiting.popleft()
            if instruction.how == "replace" or (instruction.how == "together" and not self._free(instruction)):
                for errand in [errand for errand in self.active if errand.spoken]:
                    self._abort(errand, f"replaced by {instruction.label}", now)
            errand = Errand(instruction)
            self.active.append(errand)
            self._next(errand, state, now)

    def _free(self, instruction: Instruction) -> bool:
        wanted = [self.model.groups[self.skills[call.skill].joints] for step in instruction.route.steps for call in step]
        return not any(errand.wants(joints) for joints in wanted for errand in self.active if errand.spoken)

    def _follow(self, errand: Errand, state: RobotState, now: float) -> None:
        instruction = errand.instruction
        for run in errand.runs:
            if run.first_command is not None and instruction.first_command is None:
                instruction.first_command = run.first_command
            if run.blend_end is not None and instruction.blend_end is None:
                instruction.blend_end = run.blend_end
        if not self._fail(errand, now) and all(run.over for run in errand.runs):
            self._next(errand, state, now)

    def _fail(self, errand: Errand, now: float) -> bool:
        """Ends an errand of which a run has failed, with that reason. False where none has."""
        failed = next((run for run in errand.runs if run.over and run.outcome is Outcome.FAILURE), None)
        if failed is None:
            return False
        errand.instruction.measured.append((failed.skill.name, failed.verification))
        self._abort(errand, f"{failed.skill.name}: {failed.reason}", now, Result.FAILED)
        return True

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
            run = Run(skill, call, joints, now, self.caller(skill), self.sight)
            self.clear(joints, f"{errand.instruction.label} takes its joints", now, but=errand)
            errand.runs.append(run)
            self.homing.changed()
            self.switchboard.want(run, state, now)
            text = f"{call.skill} {_words(call.parameters)}".rstrip() + ("" if errand.spoken else ", run by the tree")
            self._emit(Event(now, "started", text, {"skill": call.skill, "by": errand.instruction.by}))

    def _let_go(self, errand: Errand, now: float) -> None:
        self.homing.changed()
        for run in errand.runs:
            errand.instruction.measured.append((run.skill.name, run.verification))
            if run.phase is Phase.HELD:
                self.homing.held.append(run)
                continue
            run.end(Outcome.FAILURE, "ended", now)
            self.homing.left(run, now)

    def _finish(self, errand: Errand, now: float) -> None:
        self.active.remove(errand)
        measured = errand.instruction.measured
        bare = ", ".join(name for name, found in measured if found is None)
        why = "; ".join([*(found.text for _, found in measured if found is not None), *([f"{bare}: not verified"] * bool(bare))])
        self._close(errand.instruction, Result.ENDED if bare else Result.SUCCEEDED, why, now)

    def _abort(self, errand: Errand, why: str, now: float, result: Result = Result.CANCELLED) -> None:
        self.homing.changed()
        for run in errand.runs:
            run.end(Outcome.FAILURE, why, now)
            self.homing.left(run, now)
        self.active.remove(errand)
        self._close(errand.instruction, result, why, now)

    def _close(self, instruction: Instruction, result: Result, why: str, now: float) -> None:
        instruction.finished, instruction.result, instruction.reason = now, result, why
        kind = result.value if result in (Result.REJECTED, Result.STOPPED) else "finished"
        because = f" ({why})" if why else ""
        self._emit(
            Event(
                now,
                kind,
                f"{result}: {instruction.label}{because}",
                {"result": result.value, "reason": why, "by": instruction.by},
            )
        )


def _words(parameters: Mapping) -> str:
    shown = [
        f"{name}={value:.3g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in parameters.items()
        if value is not None
    ]
    return f"({', '.join(shown)})" if shown else ""
