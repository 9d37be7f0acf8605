"""Strict YAML into dataclasses: unknown keys, wrong types, duplicates are errors with file, line, nearest valid name.

    problems = Problems()
    config = build(Config, parse(path), problems)
    problems.raise_if_any()

All errors of a file are collected, so that a user mends them in one go.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from pathlib import Path

from arbiter.errors import ConfigError
from arbiter.strict.fields import beyond
from arbiter.strict.node import LARGEST, Node, Problems, nearest, read_text, short
from arbiter.strict.yaml_text import parse, parse_text

__all__ = ["Node", "Problems", "build", "load", "nearest", "parse", "parse_text", "read_text", "short"]

MISSING = dataclasses.MISSING


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
    fields = {f.name: f for f in dataclasses.fields(kind) if f.init}
    if not isinstance(node.value, dict):
        needed = [key for key, spec in fields.items() if spec.default is MISSING and spec.default_factory is MISSING]
        keys = f" with {', '.join(needed)}" if needed else ""
        problems.add(node, f"{name or 'the file'} is {_show(node)}; a mapping{keys} is expected")
        return None
    hints = typing.get_type_hints(kind)
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


def load(kind, path: str | Path, name: str = ""):
    """The whole file at `path` as a value of `kind`, called `name`. Raises ConfigError with every problem of the file."""
    problems = Problems()
    value = build(kind, parse(path), problems, name)
    problems.raise_if_any()
    return value
