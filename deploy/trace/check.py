"""Checks the fields of a trace's lines, so that a foreign or incomplete trace is refused with line and field."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from arbiter.errors import ConfigError
from arbiter.robot import MAX_CREEP
from arbiter.rules import Rule
from arbiter.strict.node import LARGEST, short
from arbiter.types import Mode

ORDERS = ("", "replace", "queue", "together")
MODES = {mode.value for mode in Mode}
LEVELS = ("settle", "damp", "off")  # of a stop at the safety layer
Check = Callable[[object], bool]
Kind = tuple[str, Check]  # what is expected, in words; whether a value is that


def is_number(value: object) -> bool:
    """A finite number that fits a double."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST


def is_number_or_null(value: object) -> bool:
    return value is None or is_number(value)


def is_text(value: object) -> bool:
    return isinstance(value, str)


def is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < LARGEST


def list_of(check: Check, size: int | None = None) -> Check:
    """Whether it is a list of such values, of `size` of them."""
    return lambda value: isinstance(value, list) and (size is None or len(value) == size) and all(map(check, value))


def row_of(*checks: Check) -> Check:
    """Whether it is a list of one value for each check."""
    return lambda value: (
        isinstance(value, list)
        and len(value) == len(checks)
        and all(check(item) for check, item in zip(checks, value, strict=True))
    )


NUMBER: Kind = ("a number", is_number)
MAYBE: Kind = ("a number or null", is_number_or_null)
TEXT: Kind = ("text", is_text)
COUNT: Kind = ("a whole number from 0", is_count)
HEADER = {
    "joints": ("a list of names", lambda value: bool(value) and list_of(is_text)(value)),
    "start": NUMBER,
    "creep": (f"a number from -{MAX_CREEP:g} to {MAX_CREEP:g}", lambda value: is_number(value) and abs(value) <= MAX_CREEP),
}
LATER = {"acc", "creep", "error", "mean_gyro", "rule"}  # fields that traces of earlier versions lack
FOR_VERIFY = {"config": TEXT, "tree": TEXT, "seed": COUNT}
CALL = row_of(
    is_text,
    lambda value: isinstance(value, dict),
    lambda value: isinstance(value, float | int),
    lambda value: isinstance(value, float | int),
    is_text,
)
ROUTE = {
    "text": TEXT,
    "outcome": TEXT,
    "reason": TEXT,
    "score": MAYBE,
    "margin": MAYBE,
    "ms": NUMBER,
    "steps": ("a list of lists of skill calls", list_of(list_of(CALL))),
    "rule": ("the name of a rule or null", lambda value: value is None or value in tuple(Rule)),
}


SIGHT = {
    "stamp": NUMBER,
    "balls": ("places by colour", lambda value: isinstance(value, dict) and all(map(list_of(is_number, 3), value.values()))),
    "error": TEXT,
}


def numbers(size: int) -> Kind:
    return f"{size} numbers or nulls", list_of(is_number_or_null, size)


def reading(n: int) -> Mapping[str, Kind]:
    """What was read in a tick; null is what no driver may tell, such as an array of another shape, and it did."""

    def maybe(size: int) -> Kind:
        words, good = numbers(size)
        return f"{words}, or null", lambda value: value is None or good(value)

    faults = list_of(lambda value: value is None or is_text(value))
    return {
        "stamp": MAYBE,
        "q": maybe(n),
        "dq": maybe(n),
        "quat": maybe(4),
        "gyro": maybe(3),
        "age": maybe(n),
        "imu_age": MAYBE,
        "battery": MAYBE,
        "faults": ("a list of texts or nulls, or null", lambda value: value is None or faults(value)),
        "acc": maybe(3),
        "mean_gyro": maybe(3),
    }


def check_header(header: Mapping, where: str, verify: bool = False) -> None:
    """Raises ConfigError for a first line without the fields that the others need."""
    check(header, HEADER | (FOR_VERIFY if verify else {}), where)


def check_tick(tick: Any, n: int, where: str) -> None:
    """Raises ConfigError for a line that is no tick of a robot with `n` joints."""
    state = reading(n)
    fields = {
        "i": COUNT,
        "t": NUMBER,
        "state": ("a mapping or null", lambda value: value is None or isinstance(value, dict)),
        "asked": numbers(n),
        "q": numbers(n),
        "kp": numbers(n),
        "kd": numbers(n),
        "reason": TEXT,
        "mode": (f"one of {', '.join(sorted(MODES))}", lambda value: is_text(value) and value in MODES),
        "branch": TEXT,
        "owners": (f"{n} names", list_of(is_text, n)),
        "events": ("a list of (kind, text)", list_of(row_of(is_text, is_text))),
        "interventions": (
            "a list of (check, joint, policy, asked, given)",
            list_of(
                row_of(is_text, lambda value: value is None or is_text(value), is_text, is_number_or_null, is_number_or_null)
            ),
        ),
        "inputs": ("a list of (kind, ...)", list_of(lambda item: isinstance(item, list) and bool(item) and is_text(item[0]))),
    }
    check(tick, fields, where)
    if tick["state"] is not None:
        check(tick["state"], state, where, "state.")
    inputs = {
        "say": (is_text, lambda value: value in ORDERS, is_count),
        "stop": (is_text,),
        "damp": (is_text,),
        "reset": (),
        "alarm": (is_text,),
        "go": (),
        "halt": (),
        "safety": (lambda value: value in LEVELS, is_text),
        "arm": (is_number, dict_of(state)),
        "route": (is_count, is_route),
        "chunk": (is_text, is_count, is_number, is_chunk(n), is_text),
        "late": (is_text, is_count),
        "picture": (is_number_or_null, is_text),
        "sight": (dict_of(SIGHT),),
    }
    for kind, *rest in tick["inputs"]:
        wanted = inputs.get(kind)
        if wanted is not None and not row_of(*wanted)(rest):
            raise ConfigError(
                f"{where}: inputs holds {short([kind, *rest])}, which is no {kind!r}; was the file written by deploy.run --log?"
            )


def check(value: object, fields: Mapping[str, Kind], where: str, prefix: str = "") -> None:
    """Raises ConfigError naming the first field that is missing or of another type."""
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: {prefix.rstrip('.') or 'the line'} is {short(value)}; a mapping is expected")
    for name, (words, good) in fields.items():
        if name in LATER and name not in value:
            continue
        if name not in value:
            raise ConfigError(f"{where}: {prefix}{name} is missing; {words} is expected")
        if not good(value[name]):
            raise ConfigError(f"{where}: {prefix}{name} is {short(value[name])}; {words} is expected")


def dict_of(fields: Mapping[str, Kind]) -> Check:
    """Whether it is a mapping with these fields."""
    return lambda value: (
        isinstance(value, dict)
        and all(good(value[name]) if name in value else name in LATER for name, (_, good) in fields.items())
    )


def is_route(value: Any) -> bool:
    """Whether it is a route, as the router returns it."""
    return dict_of(ROUTE)(value) and list_of(is_text)(value.get("forbids", []))


def is_chunk(n: int) -> Check:
    """Whether it is rows of joint targets, or null."""
    return lambda value: (
        value is None
        or (
            isinstance(value, list)
            and bool(value)
            and isinstance(value[0], list)
            and 1 <= len(value[0]) <= n
            and all(map(list_of(is_real, len(value[0])), value))
        )
    )


def is_real(value: object) -> bool:
    """A number; what a policy answered may be NaN."""
    return isinstance(value, float) and math.isnan(value) or is_number(value)
