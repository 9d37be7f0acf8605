"""Tables of keys from dataclasses: names, types, defaults and ranges from their fields, meanings from their docstrings."""

from __future__ import annotations

import dataclasses
import inspect
import math
import re
import types
import typing
from typing import Any

from arbiter.strict import Node
from arbiter.strict.fields import ALLOWED, Allowed

PLAIN = {str: "text", int: "whole number", float: "number", bool: "true or false", Node: "any"}
ENTRY = re.compile(r"(\w+(?:, \w+)*): (.*)")
ABSENT = (None, (), {}, "")


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |" for line in lines)


def first_line(item: object) -> str:
    """The first line of its docstring."""
    return (inspect.getdoc(item) or "").splitlines()[0]


def meanings(kind: type) -> dict[str, str]:
    """What the sections `Attributes:` of a class and those it inherits from say of each name."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        found |= _attributes(inspect.cleandoc(base.__doc__ or "").splitlines())
    return found


def _attributes(lines: list[str]) -> dict[str, str]:
    if "Attributes:" not in lines:
        return {}
    lines = [line for line in lines[lines.index("Attributes:") + 1 :] if line.strip()]
    indent = len(lines[0]) - len(lines[0].lstrip())
    entries: list[str] = []
    for line in lines:
        if line.startswith(" " * (indent + 1)) and entries:
            entries[-1] += " " + line.strip()
        elif line.startswith(" " * indent) and ENTRY.match(line.strip()):
            entries.append(line.strip())
        else:
            break
    found = [ENTRY.match(entry) for entry in entries]
    return {name: match[2] for match in found if match for name in match[1].split(", ")}


def type_text(hint: Any) -> str:
    """A type in words."""
    if hint in PLAIN:
        return PLAIN[hint]
    if dataclasses.is_dataclass(hint):
        return "mapping, see below"
    origin, parts = typing.get_origin(hint), [part for part in typing.get_args(hint) if part not in (type(None), ...)]
    if origin is typing.Literal:
        return " or ".join(f"`{part}`" for part in parts)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(map(type_text, parts)))
    if origin is tuple:
        return f"list of {type_text(parts[0])}" + (f", {len(parts)} of them" if len(parts) > 1 else "")
    if origin is dict:
        return f"mapping of {type_text(parts[1])}"
    return getattr(hint, "__name__", str(hint))


def number_text(value: float) -> str:
    """A number without a needless fraction."""
    return str(value) if isinstance(value, int) else f"{value:g}"


def value_text(value: object) -> str:
    """A default as a tree file would have it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return number_text(value)
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(value_text, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {value_text(item)}' for key, item in value.items())}}}"
    return str(value)


def default_text(field: dataclasses.Field) -> str:
    """The default of a field; "required" where there is none."""
    if field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
    elif field.default is not dataclasses.MISSING:
        value = field.default
    else:
        return "required"
    if dataclasses.is_dataclass(value):
        return "see below"
    return "-" if value in ABSENT else f"`{value_text(value)}`"


def range_text(allowed: Allowed) -> str:
    """What a number or a word may be."""
    if allowed.words:
        return ", ".join(f"`{word}`" for word in allowed.words)
    if allowed.low == -math.inf and allowed.high == math.inf:
        return allowed.unit
    upper = f" to {number_text(allowed.high)}" if allowed.high < math.inf else " and more"
    return f"{number_text(allowed.low)}{upper} {allowed.unit}".rstrip()


def keys(kind: Any, skip: tuple[str, ...] = ()) -> str:
    """The table of a dataclass's keys."""
    hints, said = typing.get_type_hints(kind), meanings(kind)
    rows = []
    for field in dataclasses.fields(kind):
        if field.name in skip:
            continue
        allowed = range_text(field.metadata[ALLOWED]) if ALLOWED in field.metadata else ""
        rows.append((f"`{field.name}`", type_text(hints[field.name]), default_text(field), allowed, said.get(field.name, "")))
    return table(("key", "type", "default", "allowed", "what"), rows)
