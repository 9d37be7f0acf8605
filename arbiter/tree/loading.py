"""Node types from outside: installed packages (entry points in group `arbiter.nodes`) and files that a tree file names.

A broken one is reported by name and left out; the others are loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from arbiter.aside import PATIENCE
from arbiter.kinds import Door, load_kinds
from arbiter.tree.contract import check_node
from arbiter.tree.plugin import PluginLeaf, TreeNode
from arbiter.tree.registry import NODE_TYPES, NodeType

DOOR = Door("arbiter.nodes", TreeNode, "node", check_node, NODE_TYPES)


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
    found = load_kinds(DOOR, files, use_entry_points)
    return NodeSet(
        NODE_TYPES | {name: _type_of(kind, patience) for name, kind in found.kinds.items()}, found.problems, found.broken
    )


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
