"""Plug-ins that a tree file uses: kinds of policies, chunk backends, drivers."""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from arbiter.kinds import Door, KindSet, Named, load_kinds, settings_of
from arbiter.strict import Node, Problems, nearest
from deploy.drivers.door import DRIVER_DOOR
from policies.loading import BACKEND_DOOR, POLICY_DOOR
from policies.plugin import BackendKind, PolicyKind

if typing.TYPE_CHECKING:
    from deploy.runtime.config import DoorConfig, Loaded


@dataclass(frozen=True, slots=True)
class PolicyDoors:
    """The plug-ins that were found.

    Attributes:
        kinds, backends: By name.
        problems: One line for each that was left out.
    """

    kinds: Mapping[str, type[PolicyKind]]
    backends: Mapping[str, type[BackendKind]]
    problems: list[str]


def load_doors(loaded: Loaded, problems: Problems | None = None) -> PolicyDoors:
    """Kinds of policies and chunk backends that a tree file may use. With `problems` files that are missing or broken are added
    to them."""
    kinds = through(POLICY_DOOR, loaded, "policy_kinds", loaded.config.policy_kinds, problems)
    backends = through(BACKEND_DOOR, loaded, "backends", loaded.config.backends, problems)
    return PolicyDoors(kinds.kinds, backends.kinds, kinds.problems + backends.problems)


def through[K: Named](
    door: Door[K], loaded: Loaded, key: str, config: DoorConfig, problems: Problems | None = None
) -> KindSet[K]:
    """The plug-ins of one kind, from the sources that `config`, under `key` of the tree file, names."""
    files = [loaded.resolve(name) for name in config.files]
    found = load_kinds(door, files, config.entry_points)
    broken_files(loaded, key, files, found.broken, problems)
    return found


def check_drivers(loaded: Loaded, problems: Problems) -> None:
    """Files and settings of drivers; what is wrong is added to `problems`. An installed one that is broken matters to whoever
    drives it."""
    found = through(DRIVER_DOOR, loaded, "drivers", loaded.config.drivers, problems)
    for name, node in loaded.config.drivers.settings.items():
        if name in found.kinds:
            settings_of(found.kinds[name], node, problems, f"drivers.settings.{name}")
        elif not found.problems:
            problems.add(node, f"drivers.settings: no driver {name!r}; {nearest(name, found.kinds)}")


def broken_files(loaded: Loaded, key: str, files: Sequence[Path], broken: Mapping[Path, str], problems: Problems | None) -> None:
    """Adds the files of `key` that are missing or broken to `problems`."""
    for index, file in enumerate(files):
        if problems is not None and file in broken:
            problems.add(at(loaded.node, key, "files", index), f"{key}.files: {file.name}: {broken[file]}")


def at(node: Node, *keys: str | int) -> Node:
    """The place of a key in the file; of the nearest key above it if it is not written."""
    for key in keys:
        if isinstance(node.value, dict) and key in node.value:
            node = node.value[key]
        elif isinstance(node.value, list) and isinstance(key, int) and key < len(node.value):
            node = node.value[key]
        else:
            break
    return node
