"""What a reader of somebody's files found: values in the words of the policy card, each with the place where it stands."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from arbiter.errors import ConfigError
from arbiter.strict import short

MOST = 1000  # joints, past values
PER_JOINT = ("default_pos", "kp", "kd", "action_scale")


@dataclass(frozen=True, slots=True)
class Sourced:
    """A value and where it stands: "deploy.yaml:step_dt"."""

    value: Any
    source: str


@dataclass(slots=True)
class PolicyDescription:
    """What one file says of a policy.

    Attributes:
        maker: Whose format it is.
        file: Name of the file.
        joints: Names of the joints that the network's outputs drive, in the maker's words and order; None: not said.
        values: By key of the card. Values of PER_JOINT keys are mappings from the maker's joint names to numbers.
        terms: Observation terms in order, each a mapping as in a card (joints in the maker's words); None: not said.
        missing: What the card needs and the file does not say, by key, with the way to give it.
        problems: What the file asks for and this project cannot do; the policy cannot run.
        notes: What a reader of the card should know.
    """

    maker: str
    file: str
    joints: Sourced | None = None
    values: dict[str, Sourced] = field(default_factory=dict)
    terms: list[Sourced] | None = None
    missing: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def at(self, key: str) -> str:
        """The place of a key of this file."""
        return f"{self.file}:{key}"


class Entries:
    """A mapping of somebody's file, asked key by key. Raises ConfigError that names file and key.

    Args:
        file: Name of the file.
        values: What stands there.
        prefix: Key of the mapping itself.
    """

    def __init__(self, file: str | Path, values: Any, prefix: str = "") -> None:
        self.file, self.prefix = str(file), prefix
        if not isinstance(values, Mapping):
            raise ConfigError(f"{file}: {prefix or 'the file'} is {_kind(values)}; a mapping is expected")
        self.values = values

    def __contains__(self, key: str) -> bool:
        return self.values.get(key) is not None

    def key(self, key: str) -> str:
        return f"{self.prefix}.{key}" if self.prefix else key

    def error(self, key: str, expected: str) -> ConfigError:
        there = self.values.get(key)
        what = "is missing" if there is None else f"is {_kind(there)}"
        return ConfigError(f"{self.file}: {self.key(key)} {what}; {expected} is expected")

    def get(self, key: str, default: Any = None) -> Any:
        value = self.values.get(key)
        return default if value is None else value

    def entries(self, key: str) -> Entries:
        """A mapping under `key`; an empty one where there is none."""
        return Entries(self.file, self.get(key, {}), self.key(key))

    def number(self, key: str) -> float:
        value = number(self.values.get(key))
        if value is None:
            raise self.error(key, "a number")
        return value

    def positive(self, key: str) -> float:
        """A finite number above 0."""
        value = self.number(key)
        if not 0.0 < value < math.inf:
            raise self.error(key, "a positive number")
        return value

    def count(self, key: str, default: int | None = None) -> int:
        """How many: a whole number from 0 to MOST."""
        if default is not None and key not in self:
            return default
        value = self.number(key)
        if not 0.0 <= value <= MOST or value != int(value):
            raise self.error(key, f"a whole number up to {MOST}")
        return int(value)

    def rate(self, *keys: str) -> float:
        """Steps per second out of a product of times and counts [s]."""
        product = math.prod(self.number(key) for key in keys)
        if not 0.0 < product < math.inf:
            raise self.error(keys[-1], "a positive number")
        return 1.0 / product

    def numbers(self, key: str, count: int | None = None) -> list[float]:
        """A list of numbers; one number stands for `count` equal ones."""
        value = self.values.get(key)
        single = number(value)
        if single is not None and count is not None:
            return [single] * count
        found = [number(item) for item in value] if isinstance(value, list) else []
        if not found or None in found:
            raise self.error(key, "a list of numbers")
        if count is not None and len(found) != count:
            raise ConfigError(f"{self.file}: {self.key(key)} has {len(found)} values; {count} are expected")
        return [item for item in found if item is not None]

    def indices(self, key: str) -> list[int]:
        """A list of whole numbers from 0 on, each once."""
        found = self.numbers(key)
        if any(not 0.0 <= item <= MOST or item != int(item) for item in found) or len(set(found)) != len(found):
            raise self.error(key, "a list of indices, each once,")
        return [int(item) for item in found]

    def texts(self, key: str) -> list[str]:
        value = self.values.get(key)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(key, "a list of names")
        return list(value)


def number(value: Any) -> float | None:
    """A finite or infinite number, also one that YAML 1.1 reads as text (1e-5); None: it is none."""
    if isinstance(value, str) and value.strip()[:1] in ("+", "-", ".", *"0123456789"):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        return None
    return float(value)


def by_joint(joints: Sequence[str], values: Sequence[float]) -> dict[str, float]:
    """Values by the names of their joints."""
    return dict(zip(joints, values, strict=True))


def _kind(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, Mapping):
        return "a mapping"
    return f"a list of {len(value)}" if isinstance(value, list) else short(value)
