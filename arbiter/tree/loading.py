"""Node types from outside: installed packages (entry points in group `arbiter.nodes`) and files that a tree file names.

A broken one is reported by name and left out; it never stops the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from arbiter.aside import PATIENCE
from arbiter.errors import ConfigError
from arbiter.plugins import Source, in_time, offered, sources
from arbiter.tree.contract import require
from arbiter.tree.plugin import PluginLeaf, TreeNode
from arbiter.tree.registry import NODE_TYPES, NodeType

GROUP = "arbiter.nodes"


@dataclass(slots=True)
class NodeSet:
    """What was found.

    Attributes:
        types: Node types by name, this project's own among them.
        problems: One line for each that was left out.
        broken: Of them those that are files: what is wrong, by file.
    """

    types: dict[str, NodeType] = field(default_factory=lambda: dict(NODE_TYPES))
    problems: list[str] = field(default_factory=list)
    broken: dict[Path, str] = field(default_factory=dict)


def load_nodes(files: Sequence[Path] = (), *, use_entry_points: bool = True, patience: float = PATIENCE) -> NodeSet:
    """All node types of a run.

    Args:
        files: Python files of the user's own.
        use_entry_points: Look for installed packages, too.
        patience: How long the tick waits for the answer of one [s].
    """
    found = NodeSet()
    for source in sources(GROUP, files, use_entry_points):
        kinds, error = in_time(lambda source=source: _kinds(source))
        for kind in kinds or ():
            if kind.name in found.types:
                error = f"node {kind.name!r}: the name is taken; choose another"
            else:
                found.types[kind.name] = _type_of(kind, patience)
        if error:
            found.problems.append(f"{source.where} left out: {error}")
        if error and source.file is not None:
            found.broken[source.file] = error
    return found


def _kinds(source: Source) -> list[type[TreeNode]]:
    kinds = offered(source.load(), TreeNode)
    if not kinds:
        raise ConfigError("holds no subclass of arbiter.tree.plugin.TreeNode that has a name")
    for kind in kinds:
        require(kind, source.where)
    return kinds


def _type_of(kind: type[TreeNode], patience: float) -> NodeType:
    return NodeType(
        kind.name,
        "leaf",
        lambda name, world, config: PluginLeaf(name, world, kind, config, patience),
        kind.Config,
        kind.main,
        kind.help,
        foreign=True,
    )
