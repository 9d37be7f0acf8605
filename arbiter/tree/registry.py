"""The node types a tree file may use: a small set, plus a plug-in's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import py_trees
from py_trees.common import Status

from arbiter.tree import leaves
from arbiter.tree.guards import Guard, GuardConfig, When
from arbiter.tree.world import World
from arbiter.wall import walled


@dataclass(frozen=True, slots=True)
class NodeType:
    """One kind of node.

    Attributes:
        name: As written in the file.
        shape: "composite" (a list of children), "decorator" (one child) or "leaf".
        make: Leaf: (name, world, config) -> behaviour. Decorator: (name, world, config, child). Composite: (name, config).
        config: Dataclass of its settings; None: it has none.
        main: The setting that a bare value stands for (`wait: 2`).
        help: One line.
    """

    name: str
    shape: str
    make: Callable
    config: type | None = None
    main: str = ""
    help: str = ""


@dataclass(frozen=True, slots=True)
class TimeoutConfig:
    """Attributes:
        seconds: Longest time its child may run [s].
    """

    seconds: float


class Timeout(py_trees.decorators.Decorator):
    """FAILURE once its child ran longer than `seconds` of the tick's time (py_trees' own uses the wall clock)."""

    def __init__(self, name: str, world: World, config: TimeoutConfig, child) -> None:
        super().__init__(name=name, child=child)
        self._world, self._seconds, self._since = world, config.seconds, 0.0

    def initialise(self) -> None:
        """Starts the clock."""
        self._since = self._world.now

    def update(self) -> Status:
        late = self._world.now - self._since > self._seconds
        if late and self.decorated.status is Status.RUNNING:
            self.decorated.stop(Status.INVALID)
            return Status.FAILURE
        return self.decorated.status


@dataclass(frozen=True, slots=True)
class CountConfig:
    """Attributes:
        times: How often at most.
    """

    times: int


@dataclass(frozen=True, slots=True)
class ParallelConfig:
    """Attributes:
        until: "all" children succeed, or "one".
    """

    until: str = "all"


class PluginNode(py_trees.behaviour.Behaviour):
    """A leaf from outside, walled: py_trees does not catch what a leaf raises.

    The plug-in's object has `update(world) -> "success" | "failure" | "running"`, and may have `enter(world)` and
    `leave(world)`. One that raises or returns anything else fails, is reported by name and is not called again.
    """

    ANSWERS = {"success": Status.SUCCESS, "failure": Status.FAILURE, "running": Status.RUNNING}

    def __init__(self, name: str, world: World, inner: object) -> None:
        super().__init__(name)
        self._world, self._inner, self._broken = world, inner, ""

    def _call(self, method: str):
        function = getattr(self._inner, method, None)
        if function is None or self._broken:
            return None
        value, error = walled(function, self._world)
        if error:
            self._fail(f"{method}() raised {error}")
        return value

    def _fail(self, why: str) -> None:
        self._broken = why
        self._world.tell("skill", f"node {self.name} is left out from now on: {why}")

    def initialise(self) -> None:
        """The branch is entered."""
        self._call("enter")

    def update(self) -> Status:
        answer = self._call("update")
        if not self._broken and answer not in self.ANSWERS:
            self._fail(f"update() returned {answer!r}; allowed: {', '.join(self.ANSWERS)}")
        return Status.FAILURE if self._broken else self.ANSWERS[answer]

    def terminate(self, new_status: Status) -> None:
        """The branch is left."""
        if new_status is Status.INVALID:
            self._call("leave")


def _parallel(name: str, config: ParallelConfig):
    policies = {"all": py_trees.common.ParallelPolicy.SuccessOnAll(synchronise=False),
                "one": py_trees.common.ParallelPolicy.SuccessOnOne()}
    return py_trees.composites.Parallel(name=name, policy=policies[config.until])


def _simple(kind):
    return lambda name, world, config: kind(name, world)


def _plain(kind):
    return lambda name, world, config, child: kind(name=name, child=child)


def _with(kind):
    return lambda name, world, config: kind(name, world, config)


NODE_TYPES: dict[str, NodeType] = {node.name: node for node in (
    NodeType("selector", "composite", lambda name, config: py_trees.composites.Selector(name=name, memory=False),
             help="ticks children in order until one does not fail; looks again from the top every tick"),
    NodeType("sequence", "composite", lambda name, config: py_trees.composites.Sequence(name=name, memory=False),
             help="ticks children in order until one does not succeed; checks the earlier ones again every tick"),
    NodeType("steps", "composite", lambda name, config: py_trees.composites.Sequence(name=name, memory=True),
             help="a sequence that remembers: a child that succeeded is not ticked again"),
    NodeType("parallel", "composite", _parallel, ParallelConfig, "until", "ticks all children every tick"),
    NodeType("when", "decorator", When, GuardConfig, help="a branch behind conditions: fails unless all of them hold"),
    NodeType("not", "decorator", _plain(py_trees.decorators.Inverter), help="swaps success and failure"),
    NodeType("ignore_failure", "decorator", _plain(py_trees.decorators.FailureIsSuccess), help="a failure counts as success"),
    NodeType("timeout", "decorator", Timeout, TimeoutConfig, "seconds", "fails when its child runs too long"),
    NodeType("retry", "decorator", lambda name, world, config, child: py_trees.decorators.Retry(
        name=name, child=child, num_failures=config.times), CountConfig, "times", "tries again after a failure"),
    NodeType("repeat", "decorator", lambda name, world, config, child: py_trees.decorators.Repeat(
        name=name, child=child, num_success=config.times), CountConfig, "times", "runs its child again after a success"),
    NodeType("guard", "leaf", _with(Guard), GuardConfig, help="succeeds when all its conditions hold"),
    NodeType("route", "leaf", _simple(leaves.Route), help="waits for the route of an instruction"),
    NodeType("instructions", "leaf", _simple(leaves.Instructions), help="hands over to the routed skills and runs them"),
    NodeType("run", "leaf", _with(leaves.RunSkill), leaves.RunConfig, "skill", "runs one skill of the tree's own choice"),
    NodeType("hand_over", "leaf", _with(leaves.HandOver), leaves.HandOverConfig, "to", "gives joints to a policy"),
    NodeType("settle", "leaf", _with(leaves.Settle), leaves.SettleConfig, "hold", "stands under the fallback policies"),
    NodeType("get_ready", "leaf", _simple(leaves.GetReady), help="waits until the robot stands by itself"),
    NodeType("stop", "leaf", _simple(leaves.Stop), help="stays stopped until a new instruction is accepted"),
    NodeType("abandon", "leaf", _simple(leaves.Abandon), help="cancels every instruction; the safety ladder drives"),
    NodeType("home", "leaf", _simple(leaves.Home), help="joints that nobody wants go to their home policies"),
    NodeType("say", "leaf", _with(leaves.Say), leaves.SayConfig, "text", "tells something once"),
    NodeType("wait", "leaf", _with(leaves.Wait), leaves.WaitConfig, "seconds", "waits"),
)}
