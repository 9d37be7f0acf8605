"""Ranges and words of a configuration's fields, checked key by key, so that one wrong value does not hide another."""

from __future__ import annotations

import dataclasses
import difflib
import math
from typing import Any

ALLOWED = "allowed"


@dataclasses.dataclass(frozen=True, slots=True)
class Allowed:
    """What a field takes: numbers from `low` to `high` of a unit, or one of `words`."""

    low: float = -math.inf
    high: float = math.inf
    unit: str = ""
    words: tuple[str, ...] = ()


def limited(
    default=dataclasses.MISSING, low: float = -math.inf, high: float = math.inf, unit: str = "", words: tuple[str, ...] = ()
):
    """A field of a dataclass with what it takes. Without `default` it has to be given. None is never checked."""
    return dataclasses.field(default=default, metadata={ALLOWED: Allowed(low, high, unit, words)})


def beyond(field: dataclasses.Field, value: Any) -> str:
    """The value and what would be allowed, for an error; "" if `value` is allowed."""
    allowed = field.metadata.get(ALLOWED)
    if allowed is None or value is None:
        return ""
    if allowed.words:
        near = difflib.get_close_matches(str(value), allowed.words, n=1, cutoff=0.55)
        hint = f"did you mean {near[0]!r}?" if near else f"allowed: {', '.join(allowed.words)}"
        return "" if value in allowed.words else f"{value!r}; {hint}"
    if allowed.low <= value <= allowed.high:
        return ""
    upper = f" to {_text(allowed.high)}" if allowed.high < math.inf else " and more"
    return f"{_text(value)}; {_text(allowed.low)}{upper} {allowed.unit}".rstrip() + " are allowed"


def _text(number: float) -> str:
    return str(number) if isinstance(number, int) else f"{number:g}"
