"""Strict YAML into dataclasses: unknown keys, wrong types, duplicates are errors with file, line, nearest valid name.

    problems = Problems()
    config = build(Config, parse(path), problems)
    problems.raise_if_any()

All errors of a file are collected, so that a user mends them in one go.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from arbiter.errors import ConfigError
from arbiter.fields import beyond

MAX_BYTES = 1_000_000
MAX_DEPTH = 100  # mappings and lists within each other
MAX_NUMBER = 400  # [characters] of a number
LARGEST = 2**63
MISSING = dataclasses.MISSING
YAML = "tag:yaml.org,2002:"
SCALARS = {"str", "int", "float", "bool", "null"}
TEXTS = {"timestamp", "merge", "value"}  # what YAML 1.1 takes for more than text: 2026-01-31, << and =


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a YAML file and where it stands.

    Attributes:
        value: dict[str, Node], list[Node] or a scalar (str, int, float, bool, None).
        file: File name as the user gave it.
        line: Line, from 1.
    """

    value: object
    file: str
    line: int

    @property
    def where(self) -> str:
        return f"{self.file}:{self.line}"

    def plain(self) -> object:
        """The value without positions."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


@dataclass(slots=True)
class Problems:
    """Errors found so far, in the order of the file."""

    lines: list[str] = field(default_factory=list)

    def add(self, node: Node, text: str) -> None:
        self.lines.append(f"{node.where}: {text}")

    def raise_if_any(self) -> None:
        if self.lines:
            raise ConfigError("\n".join(self.lines))


def nearest(word: str, allowed: Iterable[str]) -> str:
    """A hint that names the nearest allowed word, or all of them if none is near."""
    allowed = sorted(allowed)
    match = difflib.get_close_matches(str(word), allowed, n=1, cutoff=0.55)
    return f"did you mean {match[0]!r}?" if match else f"allowed: {', '.join(allowed)}"


def parse(path: str | Path) -> Node:
    """Reads a YAML file. Raises ConfigError with file and line."""
    path = Path(path)
    return parse_text(read_text(path), str(path))


def read_text(path: Path, most: int = MAX_BYTES) -> str:
    """The text of a file. Raises ConfigError if it cannot be read, is larger than `most` [bytes] or not UTF-8."""
    try:
        with path.open("rb") as stream:
            data = stream.read(most + 1)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(data) > most:
        raise ConfigError(f"{path}: too large; at most {most} bytes are read")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (byte {error.start})") from error


class Loader(yaml.SafeLoader):
    """Stops where values are nested too deeply, before they have all been read."""

    depth = 0

    def compose_node(self, parent, index):
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise RecursionError
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def parse_text(text: str, file: str = "<text>") -> Node:
    """Reads YAML text; `file` is the name used in errors."""
    loader = Loader(text) if not _control(text) else None
    if loader is None:
        raise ConfigError(f"{file}: holds control characters; is it a text file?")
    try:
        root = loader.get_single_node()
        problems = Problems()
        node = Node(None, file, 1) if root is None else _convert(loader, root, file, problems, set())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ConfigError(f"{file}:{mark.line + 1 if mark else 1}: not valid YAML: {error.problem}") from error
    except RecursionError as error:
        raise ConfigError(f"{file}: not valid YAML: nested too deeply; {MAX_DEPTH} levels are allowed") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{file}: not valid YAML: {str(error)[:200] or type(error).__name__}") from error
    finally:
        loader.dispose()
    problems.raise_if_any()
    return node


def _control(text: str) -> bool:
    return yaml.reader.Reader.NON_PRINTABLE.search(text) is not None


def _tag(node) -> str:
    """A tag as it is written."""
    return short(node.tag.replace(YAML, "!!"))[1:].rstrip("'\"")


def _scalar_value(loader, node, here: Node, problems: Problems) -> object:
    """The value of a scalar: text, number, true or false, or nothing."""
    meant = loader.resolve(yaml.ScalarNode, node.value, (True, False)) if node.style is None else f"{YAML}str"
    kind = node.tag.removeprefix(YAML)
    if node.tag != meant or kind not in SCALARS | TEXTS:
        problems.add(here, f"the tag {_tag(node)} is not allowed; write the value without it")
        return None
    if kind in TEXTS or kind == "str":
        return node.value
    if kind in ("int", "float") and len(node.value) > MAX_NUMBER:
        problems.add(here, f"a number of {len(node.value)} characters; at most {MAX_NUMBER} are taken")
        return None
    try:
        value = loader.construct_object(node)
    except (ValueError, KeyError, IndexError, AttributeError, OverflowError):
        problems.add(here, f"{short(node.value)} looks like a number and is none; put it in quotes if it is text")
        return None
    if isinstance(value, int) and not -LARGEST <= value < LARGEST:
        problems.add(here, f"{short(node.value)} is too large a number")
        return None
    return value


def _convert(loader, node, file: str, problems: Problems, seen: set[int]) -> Node:
    line = node.start_mark.line + 1
    here = Node(None, file, line)
    if id(node) in seen:
        problems.add(here, "aliases are not allowed; write the value out")
        return here
    if isinstance(node, yaml.ScalarNode):
        return Node(_scalar_value(loader, node, here, problems), file, line)
    seen.add(id(node))
    if node.tag not in ("tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"):
        problems.add(here, f"the tag {_tag(node)} is not allowed")
        return here
    if isinstance(node, yaml.SequenceNode):
        return Node([_convert(loader, item, file, problems, seen) for item in node.value], file, line)
    mapping: dict[str, Node] = {}
    for key_node, value_node in node.value:
        key_here = Node(None, file, key_node.start_mark.line + 1)
        key = _scalar_value(loader, key_node, key_here, problems) if isinstance(key_node, yaml.ScalarNode) else None
        if not isinstance(key, str):
            problems.add(key_here, f"the key {short(key)} is not a word; put it in quotes if it is meant so")
        elif key in mapping:
            problems.add(key_here, f"the key {short(key)} stands here twice")
        else:
            mapping[key] = _convert(loader, value_node, file, problems, seen)
    return Node(mapping, file, line)


def build(kind, node: Node, problems: Problems, name: str = ""):
    """`node` as a value of the type `kind`; problems are added, and the default or None stands in.

    `kind` is a dataclass, str, int, float, bool, None, Node (taken as it is), Literal, a union, tuple[X, ...],
    list[X] or dict[str, X].
    """
    if kind is Node:
        return node
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, node, problems, name)
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        if node.value not in args or isinstance(node.value, bool):
            problems.add(node, f"{name} is {_show(node)}; {nearest(str(node.value), map(str, args))}")
            return None
        return node.value
    if origin in (typing.Union, types.UnionType):
        return _union(args, node, problems, name)
    if origin in (tuple, list):
        return _sequence(origin, args, node, problems, name)
    if origin in (dict, Mapping):
        if not isinstance(node.value, dict):
            problems.add(node, f"{name} is {_show(node)}; a mapping is expected")
            return {}
        return {key: build(args[1], item, problems, f"{name}.{key}") for key, item in node.value.items()}
    return _scalar(kind, node, problems, name)


def _union(args, node: Node, problems: Problems, name: str):
    if node.value is None and type(None) in args:
        return None
    first: Problems | None = None
    for kind in args:
        if kind is type(None):
            continue
        attempt = Problems()
        value = build(kind, node, attempt, name)
        if not attempt.lines:
            return value
        first = first or attempt
    problems.lines += first.lines if first else []
    return None


def _sequence(origin, args, node: Node, problems: Problems, name: str):
    if not isinstance(node.value, list):
        problems.add(node, f"{name} is {_show(node)}; a list is expected")
        return origin()
    if origin is tuple and not (len(args) == 2 and args[1] is Ellipsis):
        if len(node.value) != len(args):
            problems.add(node, f"{name} has {len(node.value)} values; {len(args)} are expected")
            return None
        return tuple(build(kind, item, problems, name) for kind, item in zip(args, node.value, strict=True))
    return origin(build(args[0], item, problems, f"{name}[{i}]") for i, item in enumerate(node.value))


def _scalar(kind, node: Node, problems: Problems, name: str):
    value = node.value
    if kind is float:
        if isinstance(value, str):  # YAML 1.1 reads 1e-5 as text
            try:
                value = float(value) if value.strip()[:1] in "+-.0123456789" else value
            except ValueError:
                pass
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST:
            value = float(value)
        if isinstance(value, float) and math.isnan(value):
            problems.add(node, f"{name} is NaN; a number is expected")
            return None
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        words = {float: "a number", int: "a whole number", str: "text", bool: "true or false", type(None): "nothing"}
        problems.add(node, f"{name} is {_show(node)}; {words.get(kind, kind.__name__)} is expected")
        return None
    return value


def _dataclass(kind, node: Node, problems: Problems, name: str):
    if not isinstance(node.value, dict):
        problems.add(node, f"{name or kind.__name__} is {_show(node)}; a mapping is expected")
        return None
    hints = typing.get_type_hints(kind)
    fields = {f.name: f for f in dataclasses.fields(kind) if f.init}
    prefix = f"{name}." if name else ""
    values = {}
    before = len(problems.lines)
    for key, item in node.value.items():
        if key not in fields:
            problems.add(item, f"unknown key {short(prefix + key)}; {nearest(key, fields)}")
        else:
            values[key] = build(hints[key], item, problems, prefix + key)
            if wrong := beyond(fields[key], values[key]):
                problems.add(item, f"{prefix}{key} is {wrong}")
    for key, spec in fields.items():
        if key not in values and spec.default is MISSING and spec.default_factory is MISSING:
            problems.add(node, f"{prefix + key!r} is missing")
    if len(problems.lines) > before:
        return None
    try:
        return kind(**values)
    except ConfigError as error:  # a dataclass that checks itself
        problems.add(node, str(error))
        return None


def _show(node: Node) -> str:
    if isinstance(node.value, dict):
        return "a mapping"
    if isinstance(node.value, list):
        return "a list"
    return "empty" if node.value is None else short(node.value)


def short(value: object) -> str:
    """A value in an error: as much of it as fits into a line."""
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:90]}... ({len(text)} characters)"


def load(kind, path: str | Path):
    """The whole file at `path` as a value of `kind`. Raises ConfigError with every problem of the file."""
    problems = Problems()
    value = build(kind, parse(path), problems)
    problems.raise_if_any()
    return value
