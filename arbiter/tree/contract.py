"""What a node type from outside has to keep. Run it against your own:

from arbiter.tree.contract import check_node
assert check_node(MyNode) == []
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from arbiter.kinds import check_form, node_of
from arbiter.plugins import in_time
from arbiter.skill import Outcome
from arbiter.strict import Problems, build
from arbiter.tree.plugin import TreeNode, View
from arbiter.tree.registry import NODE_TYPES
from arbiter.types import RobotState, frozen
from arbiter.wall import walled

PATIENCE = 0.5  # [s] for the calls of a few ticks


def standing_view(now: float = 0.0, n: int = 22) -> View:
    """What a node sees of a robot that stands still, ready for instructions."""
    zeros = frozen(np.zeros(n))
    return View(RobotState(now, zeros, zeros, frozen((1.0, 0.0, 0.0, 0.0)), frozen(np.zeros(3)), zeros, battery=0.8), now)


def check_node(kind: Any, settings: Mapping[str, object] | None = None, n: int = 22) -> list[str]:
    """Everything that is wrong with the node type `kind`, one line each; empty when it keeps the contract.

    Args:
        kind: The class.
        settings: Values as a tree file would give them. Without them it is made with its defaults; where a setting has
            none, it is not called.
        n: Number of joints of the robot.
    """
    problems = check_form(kind, TreeNode, "node type", NODE_TYPES)
    if isinstance(kind, type) and issubclass(kind, TreeNode):
        problems += _words(kind)
    if problems:
        return problems
    values = node_of(settings or {})
    wanted, found = kind.Config, Problems()
    config, error = walled(build, wanted, values, found, kind.name) if wanted is not None else (None, "")
    if error:
        return [f"settings: {error}"]
    if found.lines:
        return found.lines if settings is not None else []
    return _calls(kind, config, n)


def _words(kind: type[TreeNode]) -> list[str]:
    """What is wrong with the words of its settings: some have a meaning of their own in a tree."""
    if kind.Config is None:
        return [f"main is {kind.main!r}, but there is no Config"] if kind.main else []
    if not dataclasses.is_dataclass(kind.Config):
        return []
    names = [item.name for item in dataclasses.fields(kind.Config) if item.init]
    problems = []
    if {"name", "child", "children"} & set(names):
        problems.append("Config has a field name, child or children; those words have a meaning of their own in a tree")
    if kind.main and kind.main not in names:
        problems.append(f"main is {kind.main!r}; it is no field of Config: {', '.join(names)}")
    return problems


def _calls(kind: type[TreeNode], config: object, n: int) -> list[str]:
    """Made, entered, updated for some ticks, left, and entered again."""

    def life() -> list[str]:
        node, now = kind(config), 0.0
        for _ in range(2):
            node.enter(standing_view(now, n))
            for _ in range(3):
                answer = node.update(standing_view(now, n))
                if not isinstance(answer, Outcome):
                    return [f"update() returned {answer!r}; an arbiter.skill.Outcome is expected"]
                now += 0.02
            node.leave(standing_view(now, n))
        return []

    problems, error = in_time(life, PATIENCE, "six ticks not over")
    return [error] if problems is None else problems
