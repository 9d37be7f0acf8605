"""Plug-ins that are classes with a name, one line of help and settings: nodes, kinds of policies, backends, drivers.

They are found in installed packages (entry points in the group of their door) and in files that a tree file names. A broken
one is reported by name and left out; the others are loaded.
"""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from arbiter.errors import ConfigError
from arbiter.plugins import PATIENCE, PluginSource, in_time, offered, sources
from arbiter.strict import Node, Problems, build
from arbiter.wall import walled

NAME = re.compile(r"[a-z][a-z0-9_]{1,39}")
SCALARS = (str, int, float, bool, type(None))


class Named:
    """Base class of what a tree file names.

    Attributes:
        name: As written in a tree file, [a-z_]+.
        help: One line.
        Config: Dataclass of its settings, checked like every other key of the file; None: it has none.
    """

    name: str = ""
    help: str = ""
    Config: type | None = None


class Kind(Named):
    """Base class of what a tree file names and opens with settings.

    Attributes:
        patience: How long opening one may take [s].
        slow: It takes another machine or a slow library: a check of the tree file does not open it.
    """

    patience: float = PATIENCE
    slow: bool = False


@dataclass(frozen=True, slots=True)
class Door[K: Named]:
    """One kind of plug-in.

    Attributes:
        group: Group of its entry points.
        base: Base class of such a plug-in.
        noun: Its name in errors.
        check: Returns the defects of a class, one line each.
        taken: Names that this project uses itself.
    """

    group: str
    base: type[K]
    noun: str
    check: Callable[[object], list[str]]
    taken: Container[str] = ()


@dataclass(slots=True)
class KindSet[K: Named]:
    """What was found.

    Attributes:
        kinds: Classes by name.
        problems: One line for each that was left out.
        broken: Of them those that are files: what is wrong, by file.
    """

    kinds: dict[str, type[K]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    broken: dict[Path, str] = field(default_factory=dict)


def load_kinds[K: Named](door: Door[K], files: Sequence[Path] = (), use_entry_points: bool = True) -> KindSet[K]:
    """The plug-ins of this kind in installed packages and `files`."""
    found: KindSet[K] = KindSet()
    for source in sources(door.group, files, use_entry_points):
        kinds, error = in_time(lambda source=source: _kinds(door, source))
        for kind in kinds or ():
            if kind.name in door.taken or kind.name in found.kinds:
                error = f"{door.noun} {kind.name!r}: the name is taken; choose another"
            else:
                found.kinds[kind.name] = kind
        if error:
            found.problems.append(f"{source.where} left out: {error}")
        if error and source.file is not None:
            found.broken[source.file] = error
    return found


def _kinds[K: Named](door: Door[K], source: PluginSource) -> list[type[K]]:
    kinds = offered(source.load(), door.base)
    if not kinds:
        raise ConfigError(f"holds no subclass of {path_of(door.base)} that has a name")
    for kind in kinds:
        if problems := door.check(kind):
            name = getattr(kind, "name", "") or getattr(kind, "__name__", kind)
            raise ConfigError(f"{door.noun} {name!r} from {source.where}: " + "; ".join(problems))
    return kinds


def path_of(kind: type) -> str:
    """A class as one imports it."""
    return f"{kind.__module__}.{kind.__qualname__}"


def check_form(kind: Any, base: type[Named], noun: str, taken: Container[str] = ()) -> list[str]:
    """The defects of name, help and settings of a class, one line each."""
    if not (isinstance(kind, type) and issubclass(kind, base)):
        return [f"{getattr(kind, '__name__', kind)!s} is not a subclass of {path_of(base)}"]
    problems = []
    if not isinstance(kind.name, str) or not NAME.fullmatch(kind.name):
        problems.append(f"name is {kind.name!r}; lower-case letters, digits and _ are allowed, 2 to 40 of them")
    elif kind.name in taken:
        problems.append(f"name is {kind.name!r}, which is a {noun} of this project; choose another")
    if not isinstance(kind.help, str) or not kind.help.strip() or "\n" in kind.help:
        problems.append(f"help is {kind.help!r}; one line is expected that says what the {noun.split()[0]} does")
    return problems + _check_config(kind.Config)


def _check_config(config: object) -> list[str]:
    if config is None:
        return []
    if not (isinstance(config, type) and dataclasses.is_dataclass(config)):
        return [f"Config is {config!r}; a dataclass is expected"]
    try:
        hints = typing.get_type_hints(config)
    except NameError as error:
        return [f"Config: its types cannot be read: {error}"]
    return [
        f"Config.{item.name} is a {hints[item.name]}; text, numbers, true or false, lists and mappings of them, Literal and "
        "dataclasses can be read from a file"
        for item in dataclasses.fields(config)
        if item.init and not _readable(hints[item.name])
    ]


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


def settings_of(kind: type[Named], node: Node, problems: Problems, name: str) -> Any:
    """The settings under `node` as an instance of `kind.Config`, None if it has none; `problems` tells what is wrong."""
    if kind.Config is None:
        for key, item in node.value.items() if isinstance(node.value, dict) else [(node.value, node)]:
            problems.add(item, f"{name} has no settings; {key!r} is not known to it")
        return None
    value, error = walled(build, kind.Config, node, problems, name)
    if error:
        problems.add(node, f"{name}: {error}")
    return value


def node_of(value: object, where: str = "settings") -> Node:
    """Plain values as if they stood in a file `where`."""
    if isinstance(value, Mapping):
        return Node({key: node_of(item, where) for key, item in value.items()}, where, 1)
    if isinstance(value, list | tuple):
        return Node([node_of(item, where) for item in value], where, 1)
    return Node(value, where, 1)


def tried(kind: type[Named], settings: Mapping[str, object] | None) -> tuple[object, list[str]]:
    """(settings, problems) for a check: those of a tree file, or the defaults."""
    problems = Problems()
    value = settings_of(kind, node_of(settings or {}), problems, kind.name)
    return value, problems.lines
