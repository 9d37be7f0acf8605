"""Leaves that wait, print, and carry out instructions. Each calls the hand-over controller or the executor; none blocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import py_trees
from py_trees.common import Status

from arbiter.handover.transition import HOME_ENVELOPE, check_envelope
from arbiter.lifecycle import Cause, State
from arbiter.strict.fields import limited
from arbiter.tree.world import World

PATIENCE = 10.0  # [s] without a step forward on its way up, after which it says what it waits for
IN_POSTURE = "in the start posture; waits for go: harness down, upright, its weight on its feet"
LONGEST = 86400.0  # [s] that a node may be told to wait


class Leaf(py_trees.behaviour.Behaviour):
    """A leaf with access to the world."""

    def __init__(self, name: str, world: World) -> None:
        super().__init__(name)
        self.world = world

    def renew(self) -> None:
        """A `repeat` or `retry` above it begins another round: what it did in the last one does not count."""


class Abandon(Leaf):
    """Cancels every instruction, then stays RUNNING while the safety layer drives. For faults and falls."""

    def update(self) -> Status:
        world = self.world
        if not world.executor.idle or world.executor.active or world.executor.homing.held:
            world.executor.cancel(world.fault or "abandoned by the tree", world.now)
        return Status.RUNNING


class StayStopped(Leaf):
    """Legs to zero velocity, arms hold, nothing else: until a new instruction is accepted."""

    def update(self) -> Status:
        return Status.RUNNING


class Home(Leaf):
    """Joints that no skill uses go to their home policies. Stays RUNNING. A stopped robot stays as it is."""

    def update(self) -> Status:
        if not self.world.stopped:
            self.world.executor.send_home(self.world.now)
        return Status.RUNNING


class GetReady(Leaf):
    """The start: legs to the standing posture under `stand`, arms to rest; done when the robot stands by itself. What it waits
    for is told every PATIENCE seconds."""

    def __init__(self, name: str, world: World) -> None:
        super().__init__(name, world)
        self._state, self._told = State.PASSIVE, 0.0

    def update(self) -> Status:
        world = self.world
        state, legs = world.life.state, world.model.groups["legs"]
        if state is not self._state:
            self._state, self._told = state, world.now
        if state not in (State.RAMPING, State.RELEASED):
            return Status.RUNNING
        hindrance = check_envelope(HOME_ENVELOPE, world.state, legs, world.model)
        if state is State.RELEASED and hindrance is None:
            world.life.change(Cause.STOOD)
            world.tell("mode", "stands by itself: ready for instructions")
            return Status.SUCCESS
        if world.now - self._told >= PATIENCE:
            self._told = world.now
            goal = "on its way up" if state is State.RAMPING else "not yet standing by itself"
            world.tell("mode", f"{goal}: {hindrance}" if hindrance else IN_POSTURE)
        return Status.RUNNING


class AwaitRoute(Leaf):
    """SUCCESS while an accepted instruction waits or runs; RUNNING while one is being routed; else FAILURE."""

    def update(self) -> Status:
        executor = self.world.executor
        if executor.under_way:
            return Status.SUCCESS
        return Status.RUNNING if executor.arrivals.routing_now else Status.FAILURE


class Instructions(Leaf):
    """Carries out accepted instructions. RUNNING while any is under way, SUCCESS when the last one ended."""

    def update(self) -> Status:
        world = self.world
        world.executor.tick(world.state, world.now)
        return Status.RUNNING if world.executor.under_way else Status.SUCCESS

    def terminate(self, new_status: Status) -> None:
        """A branch of higher priority took over: instructions are cancelled. Skills that this branch runs continue."""
        if new_status is Status.INVALID and self.status is Status.RUNNING:
            self.world.executor.cancel("a branch of higher priority took over", self.world.now, spoken=True)


@dataclass(frozen=True, slots=True)
class SettleConfig:
    """Attributes:
    hold: Stay here (RUNNING) once settled; false: SUCCESS.
    """

    hold: bool = False


class Settle(Leaf):
    """Cancels everything, brings a walk to rest, and stands on the fallback policy; SUCCESS (or RUNNING) once it is at rest."""

    def __init__(self, name: str, world: World, config: SettleConfig) -> None:
        super().__init__(name, world)
        self._hold = config.hold

    def update(self) -> Status:
        world = self.world
        world.executor.cancel("settling", world.now)
        if not world.settle(world.state, world.now):
            return Status.RUNNING
        legs = world.model.groups["legs"]
        quiet = (
            not check_envelope(HOME_ENVELOPE, world.state, legs, world.model) and float(np.abs(world.state.joint_vel).max()) < 1.0
        )
        return Status.SUCCESS if quiet and not self._hold else Status.RUNNING


@dataclass(frozen=True, slots=True)
class SayConfig:
    """Attributes:
    text: A line for the user.
    """

    text: str


class Say(Leaf):
    """Prints a line once each time its branch is entered, not again in the following ticks."""

    def __init__(self, name: str, world: World, config: SayConfig) -> None:
        super().__init__(name, world)
        self._text, self._ticked = config.text, -1

    def renew(self) -> None:
        self._ticked = -1

    def update(self) -> Status:
        world = self.world
        if self._ticked < 0 or world.tick - self._ticked > 1:
            world.tell("mode", self._text)
        self._ticked = world.tick
        return Status.SUCCESS


@dataclass(frozen=True, slots=True)
class WaitConfig:
    """Attributes:
    seconds: How long, in the time of the tick [s].
    """

    seconds: float = limited(low=0.0, high=LONGEST, unit="s")


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
