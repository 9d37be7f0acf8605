"""JSON as strict as the YAML of `arbiter.strict.yaml_text`: cards, traces and other programs' files."""

from __future__ import annotations

import json

from arbiter.errors import ConfigError
from arbiter.strict.node import LARGEST, MAX_DEPTH, MAX_NUMBER, Node, short


def parse_json(text: str, file: str) -> Node:
    """The values of a JSON text; `file` is the name used in errors. Raises ConfigError: NaN, a key that stands twice, numbers
    of thousands of digits and values nested too deep are no more taken than what is not JSON."""
    try:
        return _nodes(load_json(text), file, 0)
    except (ValueError, RecursionError) as error:
        place = f":{error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        why = "nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
        raise ConfigError(f"{file}{place}: not valid JSON: {why}") from error


def load_json(text: str) -> object:
    """A JSON text without NaN, keys that stand twice and absurd numbers. Raises ValueError or RecursionError."""

    def number(digits: str) -> int | float:
        if len(digits) > MAX_NUMBER:
            raise ValueError(f"a number of {len(digits)} digits")
        value = int(digits)
        return value if -LARGEST <= value < LARGEST else float(digits)  # as other languages read it

    def constant(name: str) -> None:
        raise ValueError(f"holds {name}, which is not a number")

    def mapping(pairs: list) -> dict:
        found: dict = {}
        for key, value in pairs:
            if key in found:
                raise ValueError(f"the key {short(key)} stands there twice")
            found[key] = value
        return found

    return json.loads(text, parse_int=number, parse_constant=constant, object_pairs_hook=mapping)


def _nodes(value: object, file: str, depth: int) -> Node:
    if depth > MAX_DEPTH:
        raise RecursionError
    if isinstance(value, dict):
        value = {key: _nodes(item, file, depth + 1) for key, item in value.items()}
    elif isinstance(value, list):
        value = [_nodes(item, file, depth + 1) for item in value]
    return Node(value, file, 1)
