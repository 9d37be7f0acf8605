"""Leaves that act. Each asks the switchboard or the errands; none waits."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import py_trees
from py_trees.common import Status

from arbiter.runs import Run
from arbiter.skill import Outcome, SkillCall
from arbiter.transition import HOME_ENVELOPE, outside
from arbiter.tree.world import World
from arbiter.types import Request


class Leaf(py_trees.behaviour.Behaviour):
    """A leaf with the world at hand."""

    def __init__(self, name: str, world: World) -> None:
        super().__init__(name)
        self.world = world


class Abandon(Leaf):
    """Cancels every instruction, then runs on: the safety ladder drives. For faults and falls."""

    def update(self) -> Status:
        world = self.world
        if not world.errands.idle or world.errands.held:
            world.errands.cancel(world.fault or "abandoned by the tree", world.now)
        return Status.RUNNING


class Stop(Leaf):
    """Legs to zero velocity, arms hold, nothing else: until a new instruction is accepted."""

    def update(self) -> Status:
        return Status.RUNNING


class Home(Leaf):
    """Joints that nobody wants go to their home policies. Runs on."""

    def update(self) -> Status:
        self.world.errands.send_home(self.world.now)
        return Status.RUNNING


class GetReady(Leaf):
    """The start: legs to the standing posture under `stand`, arms to rest; done when the robot stands by itself."""

    def update(self) -> Status:
        world = self.world
        legs = world.model.groups["legs"]
        if world.free and not world.halted and not outside(HOME_ENVELOPE, world.state, legs, world.model):
            world.ready = True
            world.tell("mode", "stands by itself: ready for instructions")
            return Status.SUCCESS
        return Status.RUNNING


class Route(Leaf):
    """SUCCESS while an accepted instruction waits or runs; RUNNING while one is being routed; else FAILURE."""

    def update(self) -> Status:
        errands = self.world.errands
        if errands.active or errands.waiting:
            return Status.SUCCESS
        return Status.RUNNING if errands.routing_now else Status.FAILURE


class Instructions(Leaf):
    """Carries out accepted instructions. RUNNING while any is under way, SUCCESS when the last one ended."""

    def update(self) -> Status:
        world = self.world
        world.errands.tick(world.state, world.now)
        return Status.RUNNING if world.errands.active or world.errands.waiting else Status.SUCCESS

    def terminate(self, new_status: Status) -> None:
        """A branch of higher priority took over: what runs is cancelled."""
        if new_status is Status.INVALID and self.status is Status.RUNNING:
            self.world.errands.cancel("a branch of higher priority took over", self.world.now)


@dataclass(frozen=True, slots=True)
class RunConfig:
    """A fixed skill.

    Attributes:
        skill: Its name.
        parameters: Values by name.
    """

    skill: str
    parameters: dict[str, float | str] = field(default_factory=dict)


class RunSkill(Leaf):
    """Runs one skill of the tree's own choice; SUCCESS or FAILURE as it ends."""

    def __init__(self, name: str, world: World, config: RunConfig) -> None:
        super().__init__(name, world)
        self._skill = world.errands.skills[config.skill]
        values = {p.name: p.default for p in self._skill.parameters} | config.parameters
        self._call = SkillCall(config.skill, values)
        self._run: Run | None = None

    def initialise(self) -> None:
        """Asks for the joints."""
        world = self.world
        joints = world.model.groups[self._skill.joints]
        self._run = Run(self._skill, self._call, joints, world.now, world.errands.caller(self._skill))
        world.switchboard.want(self._run, world.state, world.now)

    def update(self) -> Status:
        run, world = self._run, self.world
        if run.phase.value == "running":
            run.step(world.state, world.now)
        if not run.over:
            return Status.RUNNING
        world.switchboard.release(run)
        return Status.SUCCESS if run.outcome is Outcome.SUCCESS else Status.FAILURE

    def terminate(self, new_status: Status) -> None:
        """Interrupted: the skill ends, its policy goes on at zero velocity until somebody takes over."""
        if new_status is Status.INVALID and self._run is not None:
            self._run.end(Outcome.FAILURE, "interrupted", self.world.now)
            self.world.switchboard.release(self._run)


@dataclass(frozen=True, slots=True)
class HandOverConfig:
    """A change of hands without a skill.

    Attributes:
        to: Policy name.
        joints: legs, arms or whole_body.
    """

    to: str
    joints: str = "whole_body"


class HandOver(Leaf):
    """Gives a joint group to a policy at once, blended. SUCCESS when it drives."""

    def __init__(self, name: str, world: World, config: HandOverConfig) -> None:
        super().__init__(name, world)
        self._policy = world.switchboard.bank.players(config.to)[0]
        self._joints = world.model.groups[config.joints] & self._policy.joints

    def update(self) -> Status:
        world = self.world
        world.switchboard.force(self._joints, self._policy, Request(), world.state, world.now, result="done")
        return Status.SUCCESS


@dataclass(frozen=True, slots=True)
class SettleConfig:
    """Attributes:
        hold: Stay here (RUNNING) once settled; false: SUCCESS.
    """

    hold: bool = False


class Settle(Leaf):
    """Cancels everything, lets a walk end, and stands under the fallback; SUCCESS (or runs on) once the robot is quiet."""

    def __init__(self, name: str, world: World, config: SettleConfig) -> None:
        super().__init__(name, world)
        self._hold, self._since = config.hold, 0.0

    def update(self) -> Status:
        world = self.world
        board, groups = world.switchboard, world.model.groups
        world.errands.cancel("settling", world.now)
        if self.status is not Status.RUNNING:
            self._since = world.now
        walker = board.authority.owner(groups["legs"])
        if walker is not None and walker.policy.kind == "locomotion" and world.now - self._since < board.settings.stop_limit:
            return Status.RUNNING  # cancelled, it stops by itself: a stand in mid-step is a fall
        board.force(groups["legs"], board.bank.fallback("stand"), Request(posture=world.model.default), world.state, world.now)
        board.force(groups["arms"], board.bank.fallback("rest"), Request(), world.state, world.now)
        quiet = not outside(HOME_ENVELOPE, world.state, groups["legs"], world.model) and \
            float(np.abs(world.state.joint_vel).max()) < 1.0
        return Status.SUCCESS if quiet and not self._hold else Status.RUNNING


@dataclass(frozen=True, slots=True)
class SayConfig:
    """Attributes:
        text: A line for the people who watch.
    """

    text: str


class Say(Leaf):
    """Tells something once each time the branch is entered."""

    def __init__(self, name: str, world: World, config: SayConfig) -> None:
        super().__init__(name, world)
        self._text = config.text

    def update(self) -> Status:
        if self._text not in self.world.said:
            self.world.said.add(self._text)
            self.world.tell("mode", self._text)
        return Status.SUCCESS


@dataclass(frozen=True, slots=True)
class WaitConfig:
    """Attributes:
        seconds: How long, in the time of the tick [s].
    """

    seconds: float


class Wait(Leaf):
    """RUNNING for a time, then SUCCESS."""

    def __init__(self, name: str, world: World, config: WaitConfig) -> None:
        super().__init__(name, world)
        self._seconds, self._since = config.seconds, 0.0

    def initialise(self) -> None:
        """Starts the clock."""
        self._since = self.world.now

    def update(self) -> Status:
        done = self.world.now - self._since >= self._seconds - 1e-9
        return Status.SUCCESS if done else Status.RUNNING
