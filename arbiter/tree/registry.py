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
            help="ticks children in order until one does not fail; begins from the top every tick, so that an earlier branch "
            "interrupts a later one",
        ),
        NodeType(
            "sequence",
            "composite",
            lambda name, config: py_trees.composites.Sequence(name=name, memory=False),
            help="ticks children in order until one does not succeed; ticks the earlier ones again every tick, so it is for "
            "conditions: a `run` before others would start again at every tick (use `steps`)",
        ),
        NodeType(
            "steps",
            "composite",
            lambda name, config: py_trees.composites.Sequence(name=name, memory=True),
            help="a sequence that remembers: a child that succeeded is not ticked again until all have",
        ),
        NodeType(
            "parallel",
            "composite",
            flow.parallel,
            flow.ParallelConfig,
            "until",
            "ticks all children every tick; fails as soon as one fails; a child that succeeded is not ticked again meanwhile",
        ),
        NodeType(
            "when",
            "decorator",
            When,
            GuardConfig,
            help="a branch behind conditions: fails, and interrupts its child, unless all of them hold",
        ),
        NodeType("not", "decorator", _plain(py_trees.decorators.Inverter), help="swaps success and failure"),
        NodeType("ignore_failure", "decorator", _plain(py_trees.decorators.FailureIsSuccess), help="a failure counts as success"),
        NodeType(
            "timeout",
            "decorator",
            flow.Timeout,
            flow.TimeoutConfig,
            "seconds",
            "fails, and interrupts its child, when that runs too long",
        ),
        NodeType(
            "retry", "decorator", flow.Retry, flow.CountConfig, "times", "runs its child again in the next tick after a failure"
        ),
        NodeType(
            "repeat", "decorator", flow.Repeat, flow.CountConfig, "times", "runs its child again in the next tick after a success"
        ),
        NodeType("guard", "leaf", _with(Guard), GuardConfig, help="succeeds when all its conditions hold"),
        NodeType(
            "route",
            "leaf",
            _simple(leaves.AwaitRoute),
            help="running while an instruction is being routed, success while an accepted one waits or runs, else failure",
        ),
        NodeType(
            "instructions",
            "leaf",
            _simple(leaves.Instructions),
            help="hands over to the routed skills and runs them, step by step; interrupted, it cancels them",
        ),
        NodeType(
            "run",
            "leaf",
            _with(own.RunSkill),
            own.RunConfig,
            "skill",
            "runs one skill of the tree's own choice; succeeds or fails as the skill does",
        ),
        NodeType(
            "hand_over",
            "leaf",
            _with(own.HandOver),
            own.HandOverConfig,
            "to",
            "gives joints to a policy without a skill: running until it drives, fails where it cannot; the policy keeps them "
            "until a skill, another `hand_over`, `home` or the end of an instruction takes them",
        ),
        NodeType(
            "settle",
            "leaf",
            _with(leaves.Settle),
            leaves.SettleConfig,
            "hold",
            "cancels everything, lets a walk end and stands under the fallback policies; succeeds when the robot is quiet",
        ),
        NodeType("get_ready", "leaf", _simple(leaves.GetReady), help="waits until the robot stands by itself"),
        NodeType("stop", "leaf", _simple(leaves.StayStopped), help="stays stopped until a new instruction is accepted"),
        NodeType("abandon", "leaf", _simple(leaves.Abandon), help="cancels everything that runs; the safety ladder drives"),
        NodeType("home", "leaf", _simple(leaves.Home), help="joints that no skill uses go to their home policies"),
        NodeType(
            "say",
            "leaf",
            _with(leaves.Say),
            leaves.SayConfig,
            "text",
            "prints a line once each time its branch is entered, and in each round of a `retry` or `repeat`",
        ),
        NodeType("wait", "leaf", _with(leaves.Wait), leaves.WaitConfig, "seconds", "running for so long, then success"),
    )
}
