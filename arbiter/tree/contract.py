"""What a node type from outside has to keep. Run it against your own:

from arbiter.tree.contract import check_node
assert check_node(MyNode) == []
"""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Mapping

import numpy as np

from arbiter.errors import ConfigError
from arbiter.plugins import in_time
from arbiter.skill import Outcome
from arbiter.strict import Node, Problems, build
from arbiter.tree.plugin import TreeNode, View
from arbiter.tree.registry import NODE_TYPES
from arbiter.types import RobotState, frozen
from arbiter.wall import walled

NAME = re.compile(r"[a-z][a-z0-9_]{1,39}")
SCALARS = (str, int, float, bool, type(None))
PATIENCE = 0.5  # [s] for the calls of a few ticks


def standing_view(now: float = 0.0, n: int = 22) -> View:
    """What a node sees of a robot that stands still, ready for instructions."""
    zeros = frozen(np.zeros(n))
    return View(RobotState(now, zeros, zeros, frozen((1.0, 0.0, 0.0, 0.0)), frozen(np.zeros(3)), zeros, battery=0.8), now)


def check_node(kind: object, settings: Mapping[str, object] | None = None, n: int = 22) -> list[str]:
    """Everything that is wrong with the node type `kind`, one line each; empty when it keeps the contract.

    Args:
        kind: The class.
        settings: Values as a tree file would give them. Without them it is made with its defaults; where a setting has
            none, it is not called.
        n: Number of joints of the robot.
    """
    if not (isinstance(kind, type) and issubclass(kind, TreeNode)):
        return [f"{getattr(kind, '__name__', kind)!s} is not a subclass of arbiter.tree.plugin.TreeNode"]
    problems = []
    if not isinstance(kind.name, str) or not NAME.fullmatch(kind.name):
        problems.append(f"name is {kind.name!r}; lower-case letters, digits and _ are allowed, 2 to 40 of them")
    elif kind.name in NODE_TYPES:
        problems.append(f"name is {kind.name!r}, which is a node type of this project; choose another")
    if not isinstance(kind.help, str) or not kind.help.strip() or "\n" in kind.help:
        problems.append(f"help is {kind.help!r}; one line is expected that says what the node does")
    problems += _settings(kind)
    if problems:
        return problems
    values = Node({key: _node(value) for key, value in (settings or {}).items()}, "settings", 1)
    wanted, found = kind.Config, Problems()
    config, error = walled(build, wanted, values, found, kind.name) if wanted is not None else (None, "")
    if error:
        return [f"settings: {error}"]
    if found.lines:
        return found.lines if settings is not None else []
    return _calls(kind, config, n)


def _settings(kind: type[TreeNode]) -> list[str]:
    if kind.Config is None:
        return [f"main is {kind.main!r}, but there is no Config"] if kind.main else []
    if not (isinstance(kind.Config, type) and dataclasses.is_dataclass(kind.Config)):
        return [f"Config is {kind.Config!r}; a dataclass is expected"]
    try:
        hints = typing.get_type_hints(kind.Config)
    except NameError as error:
        return [f"Config: its types cannot be read: {error}"]
    names = [item.name for item in dataclasses.fields(kind.Config) if item.init]
    problems = [
        f"Config.{name} is a {hints[name]}; text, numbers, true or false, lists and mappings of them, Literal and "
        "dataclasses can be read from a file"
        for name in names
        if not _readable(hints[name])
    ]
    if {"name", "child", "children"} & set(names):
        problems.append("Config has a field name, child or children; those words have a meaning of their own in a tree")
    if kind.main and kind.main not in names:
        problems.append(f"main is {kind.main!r}; it is no field of Config: {', '.join(names)}")
    return problems


def _readable(hint: object) -> bool:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal or hint in SCALARS or hint is Node:
        return True
    if origin in (typing.Union, types.UnionType, tuple, list):
        return all(_readable(item) for item in args if item is not Ellipsis)
    if origin is dict:
        return args[0] is str and _readable(args[1])
    return (
        isinstance(hint, type)
        and dataclasses.is_dataclass(hint)
        and all(_readable(item) for item in typing.get_type_hints(hint).values())
    )


def _node(value: object) -> Node:
    if isinstance(value, Mapping):
        return Node({key: _node(item) for key, item in value.items()}, "settings", 1)
    if isinstance(value, list | tuple):
        return Node([_node(item) for item in value], "settings", 1)
    return Node(value, "settings", 1)


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
    return [error] if error else problems


def require(kind: object, where: str) -> None:
    """Raises ConfigError with every problem."""
    problems = check_node(kind)
    if problems:
        name = getattr(kind, "name", "") or getattr(kind, "__name__", kind)
        raise ConfigError(f"node {name!r} from {where}: " + "; ".join(problems))
