"""Leaves with which the tree moves the robot by itself: run a skill, hand joints to a policy."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from py_trees.common import Status

from arbiter.execution.instruction import Instruction, InstructionState
from arbiter.handover.transition import Handover
from arbiter.skill import SkillCall
from arbiter.tree.leaves import Leaf
from arbiter.tree.world import World
from arbiter.types import Request

VALUE = float | str | bool | None  # of a parameter; what its skill takes of these is checked with the tree
DONE = (InstructionState.SUCCEEDED, InstructionState.ENDED)
TRIES, WITHIN = 5, 5.0  # failed attempts of one node, within [s], after which it does not try for a while


class Attempts:
    """Failed attempts of a node. A tree is ticked fifty times a second: a node that fails at once would fill the log."""

    def __init__(self) -> None:
        self._began: deque[float] = deque(maxlen=TRIES)

    def allowed(self, now: float) -> bool:
        """Whether another attempt is allowed."""
        return len(self._began) < TRIES or now - self._began[0] >= WITHIN

    def failed(self, began: float) -> bool:
        """Notes an attempt that began at `began` [s] and failed. True if it has to pause now."""
        self._began.append(began)
        return not self.allowed(began)


@dataclass(frozen=True, slots=True)
class RunConfig:
    """A fixed skill.

    Attributes:
        skill: Its name.
        parameters: Values by name, within the skill's ranges; those not given have the skill's defaults.
    """

    skill: str
    parameters: dict[str, VALUE] = field(default_factory=dict)


class RunSkill(Leaf):
    """Runs one skill of the tree's own choice; SUCCESS or FAILURE as it ends. FAILURE while the robot is stopped."""

    def __init__(self, name: str, world: World, config: RunConfig) -> None:
        super().__init__(name, world)
        values = {p.name: p.default for p in world.executor.skills[config.skill].parameters} | config.parameters
        self._call = SkillCall(config.skill, values)
        self._attempts = Attempts()
        self._instruction: Instruction | None = None

    def initialise(self) -> None:
        """Asks for the joints."""
        world = self.world
        may = world.may_move and self._attempts.allowed(world.now)
        self._instruction = world.executor.start(self._call, self._call.skill, world.state, world.now) if may else None

    def update(self) -> Status:
        world, instruction = self.world, self._instruction
        if instruction is None:
            return Status.FAILURE
        world.executor.advance(instruction, world.state, world.now)
        if not instruction.over:
            return Status.RUNNING
        if instruction.state in DONE:
            return Status.SUCCESS
        self.feedback_message = instruction.reason
        if self._attempts.failed(instruction.at):
            world.tell("skill", f"{instruction.label} failed {TRIES} times within {WITHIN:g} s: not tried again for a while")
        return Status.FAILURE

    def terminate(self, new_status: Status) -> None:
        """Interrupted: this skill ends, no other; its policy continues at zero velocity until another takes its joints."""
        if new_status is Status.INVALID and self._instruction is not None and self.status is Status.RUNNING:
            instruction = self._instruction
            self.world.executor.withdraw(self._instruction, "its branch of the tree was left", self.world.now)
            if instruction.first_command is None:
                self._attempts.failed(instruction.at)


@dataclass(frozen=True, slots=True)
class HandOverConfig:
    """A change of hands without a skill.

    Attributes:
        to: Policy name.
        joints: legs, arms or whole_body; of these, those that the policy drives.
        prompt: The instruction for a chunk policy.
    """

    to: str
    joints: str = "whole_body"
    prompt: str = ""


class HandOver(Leaf):
    """Gives a joint group to a policy as if a skill had asked for it: RUNNING until it drives, FAILURE where it cannot."""

    def __init__(self, name: str, world: World, config: HandOverConfig) -> None:
        super().__init__(name, world)
        self._policy, self._request = config.to, Request(prompt=config.prompt)
        self._joints = world.model.groups[config.joints] & world.handover.bank.players(config.to)[0].joints
        self._attempts = Attempts()
        self._record: Handover | None = None

    def initialise(self) -> None:
        """Asks for the joints; whoever wanted them is cancelled."""
        world = self.world
        self._record = None
        if world.may_move and self._attempts.allowed(world.now):
            world.executor.clear(self._joints, f"the tree hands its joints to {self._policy}", world.now)
            self._record = world.handover.hand(self._policy, self._joints, self._request, world.now)

    def update(self) -> Status:
        world, record = self.world, self._record
        if record is None:
            return Status.FAILURE
        if record.first_command is not None:
            return Status.SUCCESS
        if world.handover.waits(record):
            return Status.RUNNING
        self._attempts.failed(record.requested)
        world.tell("refused", f"{record.joints} stay with {record.from_policy}, not handed to {self._policy}: {record.result}")
        return Status.FAILURE

    def terminate(self, new_status: Status) -> None:
        """Interrupted before it happened: it does not happen."""
        if new_status is Status.INVALID and self._record is not None and self.world.handover.waits(self._record):
            self.world.handover.withdraw(self._record, "its branch of the tree was left", self.world.now)
            self._attempts.failed(self._record.requested)
