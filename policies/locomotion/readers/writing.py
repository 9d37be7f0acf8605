"""A draft as text: the card file with the source of every value, and the table of what was found."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from typing import Any

from arbiter.strict import parse_text
from policies.locomotion.card import PolicyCard
from policies.locomotion.readers.card_draft import Draft
from policies.locomotion.readers.policy_description import Sourced

HEAD = "# Drafted by `python -m deploy.policy describe`; behind each value stands where it comes from. Read it through."
WIDTH = 118
ORDER = ("name", "version", "robot", "rate_hz", "joints", "default_pos", "kp", "kd", "action_scale")
DEFAULTS = {field.name: field.default for field in dataclasses.fields(PolicyCard) if field.default is not dataclasses.MISSING}
SHOWN = 46  # [characters] of a value in the table


def card_text(draft: Draft) -> str:
    """The draft as a YAML card; what is missing stands there as a comment, so that a reader of the card names it."""
    lines = [HEAD, "format: 1", "kind: locomotion"]
    for key in _keys(draft):
        sourced = draft.values[key]
        lines += _wrapped(f"{key}: {flow(sourced.value)}", sourced.source)
    if draft.terms:
        lines.append("observations:")
        for term in draft.terms:
            lines += _wrapped(f"  - {flow(term.value)}", term.source)
    lines += [f"# {key}: MISSING: {way}" for key, way in draft.missing.items()]
    lines += [f"# CONTRADICTION: {line}" for line in draft.contradictions]
    lines += [f"# CANNOT BE PLAYED: {line}" for line in draft.problems]
    return "\n".join(lines) + "\n"


def table(draft: Draft) -> str:
    """Each key with its value, cut short, and where it comes from."""
    rows = [(key, draft.values[key]) for key in _keys(draft)]
    rows += [(f"observations[{i}]", term) for i, term in enumerate(draft.terms)]
    width = max((len(key) for key, _ in rows), default=0)
    return "\n".join(f"{key:{width}}  {_short(sourced):{SHOWN}}  {sourced.source}" for key, sourced in rows)


def flow(value: Any) -> str:
    """A value in one line of YAML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z][\w./-]*", value) and parse_text(value).value == value:
        return value
    if isinstance(value, float):
        return repr(float(f"{value:.9g}"))
    return json.dumps(value)


def _keys(draft: Draft) -> list[str]:
    first = [key for key in ORDER if key in draft.values]
    return first + [key for key, sourced in draft.values.items() if key not in ORDER and sourced.value != DEFAULTS.get(key)]


def _wrapped(text: str, source: str) -> Iterator[str]:
    """The text in lines, broken behind commas, the source behind the first or above it."""
    if len(text) + len(source) + 4 <= WIDTH:
        yield f"{text}  # {source}"
        return
    indent = " " * (len(text) - len(text.lstrip()))
    yield f"{indent}# {source}"
    indent += "     "
    while len(text) > WIDTH and (cut := text.rfind(", ", len(indent), WIDTH)) > 0:
        yield text[: cut + 1]
        text = indent + text[cut + 2 :]
    yield text


def _short(sourced: Sourced) -> str:
    value = sourced.value
    if isinstance(value, dict):
        value = {key: f"{len(item)} names" if key == "joints" else item for key, item in value.items()}
    text = flow(value)
    if isinstance(sourced.value, list) and len(text) > SHOWN:
        text = f"{len(sourced.value)}: {text}"
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
