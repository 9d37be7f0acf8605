"""The node types of this project: a small set. Those of third parties come beside them, see `arbiter.tree.loading`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import py_trees

from arbiter.tree import flow, leaves, own
from arbiter.tree.guards import Guard, GuardConfig, When


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
        foreign: From outside: its settings are a third party's code.
    """

    name: str
    shape: str
    make: Callable
    config: type | None = None
    main: str = ""
    help: str = ""
    foreign: bool = False


def _simple(kind):
    return lambda name, world, config: kind(name, world)


def _plain(kind):
    return lambda name, world, config, child: kind(name=name, child=child)


def _with(kind):
    return lambda name, world, config: kind(name, world, config)


NODE_TYPES: dict[str, NodeType] = {
    node.name: node
    for node in (
        NodeType(
            "selector",
            "composite",
            lambda name, config: py_trees.composites.Selector(name=name, memory=False),
            help="ticks children in order until one does not fail; looks again from the top every tick",
        ),
        NodeType(
            "sequence",
            "composite",
            lambda name, config: py_trees.composites.Sequence(name=name, memory=False),
            help="ticks children in order until one does not succeed; checks the earlier ones again every tick",
        ),
        NodeType(
            "steps",
            "composite",
            lambda name, config: py_trees.composites.Sequence(name=name, memory=True),
            help="a sequence that remembers: a child that succeeded is not ticked again",
        ),
        NodeType(
            "parallel",
            "composite",
            flow.parallel,
            flow.ParallelConfig,
            "until",
            "ticks its children every tick, each until it has succeeded",
        ),
        NodeType("when", "decorator", When, GuardConfig, help="a branch behind conditions: fails unless all of them hold"),
        NodeType("not", "decorator", _plain(py_trees.decorators.Inverter), help="swaps success and failure"),
        NodeType("ignore_failure", "decorator", _plain(py_trees.decorators.FailureIsSuccess), help="a failure counts as success"),
        NodeType("timeout", "decorator", flow.Timeout, flow.TimeoutConfig, "seconds", "fails when its child runs too long"),
        NodeType("retry", "decorator", flow.Retry, flow.CountConfig, "times", "tries again after a failure"),
        NodeType("repeat", "decorator", flow.Repeat, flow.CountConfig, "times", "runs its child again after a success"),
        NodeType("guard", "leaf", _with(Guard), GuardConfig, help="succeeds when all its conditions hold"),
        NodeType("route", "leaf", _simple(leaves.Route), help="waits for the route of an instruction"),
        NodeType("instructions", "leaf", _simple(leaves.Instructions), help="hands over to the routed skills and runs them"),
        NodeType("run", "leaf", _with(own.RunSkill), own.RunConfig, "skill", "runs one skill of the tree's own choice"),
        NodeType("hand_over", "leaf", _with(own.HandOver), own.HandOverConfig, "to", "gives joints to a policy"),
        NodeType("settle", "leaf", _with(leaves.Settle), leaves.SettleConfig, "hold", "stands under the fallback policies"),
        NodeType("get_ready", "leaf", _simple(leaves.GetReady), help="waits until the robot stands by itself"),
        NodeType("stop", "leaf", _simple(leaves.Stop), help="stays stopped until a new instruction is accepted"),
        NodeType("abandon", "leaf", _simple(leaves.Abandon), help="cancels every instruction; the safety ladder drives"),
        NodeType("home", "leaf", _simple(leaves.Home), help="joints that nobody wants go to their home policies"),
        NodeType(
            "say", "leaf", _with(leaves.Say), leaves.SayConfig, "text", "tells something once each time its branch is entered"
        ),
        NodeType("wait", "leaf", _with(leaves.Wait), leaves.WaitConfig, "seconds", "waits"),
    )
}
