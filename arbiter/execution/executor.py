"""Carries instructions out: their skills run step by step, and each joint serves at most one of them.

Instructions in words and the tree's own `run` nodes are executed here alike, so that no two of them use the same joint.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from py_trees.behaviour import Behaviour

from arbiter.ball_memory import BallMemory
from arbiter.events import Event
from arbiter.execution.arrivals import Arrivals, InstructionLog
from arbiter.execution.caller import MakeCaller, SkillCaller
from arbiter.execution.inbox import RouteRequest
from arbiter.execution.instruction import Instruction
from arbiter.execution.instruction import InstructionState as State
from arbiter.execution.remainder import left_of
from arbiter.execution.run import Phase, Run
from arbiter.execution.tree_run import TreeRun
from arbiter.handover.controller import HandoverController
from arbiter.handover.homing import Homing
from arbiter.robot import RobotModel
from arbiter.skill import Outcome, Route, RunContext, Skill, SkillCall, Steps
from arbiter.slots import LatestSlot
from arbiter.types import RobotState, Steering
from arbiter.worker import Worker


class InstructionExecutor:
    """All instructions of a run, from arrival to end.

    Args:
        model: The robot.
        skills: Skills by name.
        handover: Carries out changes of hands.
        routing: Routes beside the tick.
        caller: Makes the object that asks a skill; third parties' skills get a thread of their own.
        emit: Takes events.
        memory: What the head camera sees and has seen, for skills that see.
        steering: Where the operator's stick is, for skills that follow it.

    Attributes:
        arrivals: Instructions that are not carried out yet.
        log: All instructions, the newest last.
        active: Those that are carried out now.
        memory: What the robot knows of its surroundings.
        subtrees: Of skills that have a tree, by their names: grown once, for one run at a time.
    """

    def __init__(
        self,
        model: RobotModel,
        skills: Mapping[str, Skill],
        handover: HandoverController,
        routing: Worker[RouteRequest, Route],
        emit: Callable[[Event], None],
        caller: MakeCaller = SkillCaller,
        memory: BallMemory | None = None,
        steering: LatestSlot[Steering] | None = None,
    ) -> None:
        self.model, self.skills, self.handover = model, skills, handover
        self.log = InstructionLog(emit)
        self.arrivals = Arrivals(routing, self.log, self._under_way, self._left)
        self.active: list[Instruction] = []
        self.subtrees: dict[str, Behaviour] = {}
        self.homing = Homing(model, handover, self._unwanted)
        self._caller, self.memory = caller, memory or BallMemory()
        self._context = RunContext(model, steering or LatestSlot())

    @property
    def under_way(self) -> bool:
        """An instruction in words runs or is about to."""
        return bool(self.arrivals.waiting) or any(instruction.spoken for instruction in self.active)

    @property
    def idle(self) -> bool:
        """No instruction in words runs, waits or is being routed. What the tree runs by itself does not count."""
        return not (self.arrivals.routing_now or self.under_way)

    def _under_way(self) -> set[str]:
        """Skills that run, or are to come with the instructions that run."""
        steps = [step for instruction in self.active for step in instruction.steps[max(instruction.step, 0) :]]
        return {call.skill for step in steps for call in step}

    def _left(self, instruction: Instruction, now: float) -> Steps | None:
        """What is left of an instruction that was stopped."""
        state = self.memory.state
        return None if state is None else left_of(instruction, state, now)

    def tick(self, state: RobotState, now: float) -> None:
        """Starts the waiting instruction, advances the running ones, moves on to their next step or end."""
        self._admit(state, now)
        for instruction in [instruction for instruction in self.active if instruction.spoken]:
            self.advance(instruction, state, now)
        self.send_home(now)

    def advance(self, instruction: Instruction, state: RobotState, now: float) -> None:
        """Advances the runs of `instruction`, and moves on to its next step or its end. No effect once it has ended."""
        if instruction not in self.active:
            return
        for run in instruction.runs:
            if run.phase is Phase.RUNNING:
                run.step(state, now)
                if run.over:
                    self.homing.changed()
        self._follow(instruction, state, now)

    # -- the tree's own ---------------------------------------------------------------------------------------------

    def start(self, call: SkillCall, name: str, state: RobotState, now: float) -> Instruction:
        """Starts `call` for the tree, which has to `advance` it. What runs on the same joints is cancelled."""
        route = Route(name, "accepted", ((call,),))
        instruction = Instruction(0, name, "tree", at=now, route=route, routed=now, by="tree")
        self.log.append(instruction)
        self._begin(instruction, state, now)
        return instruction

    def withdraw(self, instruction: Instruction, why: str, now: float) -> None:
        """Cancels one instruction, unless it has ended."""
        if instruction in self.active:
            self._abort(instruction, why, now)

    def clear(self, joints: np.ndarray, why: str, now: float, but: Instruction | None = None) -> None:
        """Frees `joints`: cancels every instruction that uses any of them, except `but`."""
        for instruction in [instruction for instruction in self.active if instruction is not but and instruction.wants(joints)]:
            self._abort(instruction, why, now)
        self.homing.taken(joints)

    def tidy(self, now: float) -> None:
        """After the tree was ticked: joints that a run released and no other took within the dwell time go home."""
        self.homing.tidy(now)

    def send_home(self, now: float) -> None:
        """Joints that no instruction uses go to their home policies."""
        self.homing.send(now)

    def _unwanted(self) -> np.ndarray:
        """Joints that no instruction under way uses, bool, shape (n,)."""
        free = np.ones(self.model.n, bool)
        for instruction in self.active:
            for run in instruction.runs:
                if not run.over:
                    free &= ~run.kept
        return free

    def cancel(self, why: str, now: float, spoken: bool = False) -> None:
        """Cancels every instruction under way; with `spoken` only those in words, not the tree's own."""
        for instruction in list(self.active):
            if instruction.over:  # withdrawn with the one whose tree ran it
                continue
            if (instruction.spoken or not spoken) and not self._fail(instruction, now):
                self._abort(instruction, why, now)
        self.arrivals.cancel(why, now)
        self.homing.forget(left=not spoken)

    # -- one instruction -----------------------------------------------------------------------------------------------

    def _admit(self, state: RobotState, now: float) -> None:
        while self.arrivals.waiting:
            instruction = self.arrivals.waiting[0]
            if instruction.how == "queue" and any(older.spoken for older in self.active):
                instruction.state = State.WAITING
                return
            self.arrivals.waiting.popleft()
            if instruction.how == "replace" or (instruction.how == "together" and not self._free(instruction)):
                for older in [older for older in self.active if older.spoken]:
                    self._abort(older, f"replaced by {instruction.label}", now)
            self._begin(instruction, state, now)

    def _begin(self, instruction: Instruction, state: RobotState, now: float) -> None:
        instruction.state = State.RUNNING
        self.active.append(instruction)
        self.arrivals.begun(instruction)
        self.memory.depart()
        self._next(instruction, state, now)

    def _free(self, instruction: Instruction) -> bool:
        wanted = [self.model.groups[self.skills[call.skill].joints] for step in instruction.steps for call in step]
        return not any(instruction.wants(joints) for joints in wanted for instruction in self.active if instruction.spoken)

    def _follow(self, instruction: Instruction, state: RobotState, now: float) -> None:
        for run in instruction.runs:
            if run.first_command is not None and instruction.first_command is None:
                instruction.first_command = run.first_command
            if run.blend_end is not None and instruction.blend_end is None:
                instruction.blend_end = run.blend_end
        if not self._fail(instruction, now) and all(run.over for run in instruction.runs):
            self._next(instruction, state, now)

    def _fail(self, instruction: Instruction, now: float) -> bool:
        """Ends an instruction one of whose runs has failed, with that reason. False if none has."""
        failed = next((run for run in instruction.runs if run.over and run.outcome is Outcome.FAILURE), None)
        if failed is None:
            return False
        instruction.measured.append((failed.skill.name, failed.verification))
        self._abort(instruction, f"{failed.skill.name}: {failed.reason}", now, State.FAILED)
        return True

    def _next(self, instruction: Instruction, state: RobotState, now: float) -> None:
        """The next step's skills take over directly from this step's; joints that they do not need go to their home policies."""
        self._retire_step(instruction, now)
        instruction.step += 1
        if instruction.step >= len(instruction.steps):
            self._finish(instruction, now)
            return
        instruction.runs = []
        for call in instruction.steps[instruction.step]:
            skill = self.skills[call.skill]
            joints = self.model.groups[skill.joints]
            caller = self._caller(skill, self._context)
            if skill.tree:
                instruction.runs.append(self._by_its_tree(skill, call, caller, state, now))
                self._tell_start(call, instruction, now)
                continue
            run = Run(skill, call, joints, now, caller, self.memory, self.model)
            self.clear(joints, f"{instruction.label} takes its joints", now, but=instruction)
            instruction.runs.append(run)
            self.homing.changed()
            self.handover.request(run, state, now)
            self._tell_start(call, instruction, now)

    def _by_its_tree(self, skill: Skill, call: SkillCall, caller: SkillCaller, state: RobotState, now: float) -> Run:
        """The run of a skill that runs others: it wants no joints, they do."""
        run = TreeRun(skill, call, np.zeros(self.model.n, bool), now, caller, self.memory, self.model)
        run.kept = self.model.groups[skill.joints]
        run.grow(self.subtrees.get(skill.name), state, now)
        return run

    def _tell_start(self, call: SkillCall, instruction: Instruction, now: float) -> None:
        text = f"{call.skill} {_words(call.parameters)}".rstrip() + ("" if instruction.spoken else ", run by the tree")
        self.log.emit(Event(now, "started", text, {"skill": call.skill, "by": instruction.by}))

    def _retire_step(self, instruction: Instruction, now: float) -> None:
        self.homing.changed()
        for run in instruction.runs:
            instruction.measured.append((run.skill.name, run.verification))
            if run.phase is Phase.HELD:
                self.homing.held.append(run)
                continue
            run.end(Outcome.FAILURE, "ended", now)
            self.homing.left(run, now)

    def _finish(self, instruction: Instruction, now: float) -> None:
        self.active.remove(instruction)
        measured = instruction.measured
        bare = ", ".join(name for name, found in measured if found is None)
        why = "; ".join([*(found.text for _, found in measured if found is not None), *([f"{bare}: not verified"] * bool(bare))])
        self.log.close(instruction, State.ENDED if bare else State.SUCCEEDED, why, now)

    def _abort(self, instruction: Instruction, why: str, now: float, result: State = State.CANCELLED) -> None:
        if instruction.over:  # withdrawn with the one whose tree ran it
            return
        self.homing.changed()
        for run in instruction.runs:
            run.end(Outcome.FAILURE, why, now)
            self.homing.left(run, now)
        self.active.remove(instruction)
        self.log.close(instruction, result, why, now)


def _words(parameters: Mapping) -> str:
    shown = [
        f"{name}={value:.3g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in parameters.items()
        if value is not None
    ]
    return f"({', '.join(shown)})" if shown else ""
