"""What the strict readers of YAML and JSON have in common: values with their places, errors with theirs, and limits."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from arbiter.errors import ConfigError

MAX_BYTES = 1_000_000
MAX_DEPTH = 100  # mappings and lists within each other
MAX_NUMBER = 400  # [characters] of a number
LARGEST = 2**63


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

    @property
    def entries(self) -> dict[str, Node]:
        """Of a mapping; none where it is something else."""
        return self.value if isinstance(self.value, dict) else {}

    def plain(self) -> Any:
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

    def error(self) -> ConfigError:
        """All of them."""
        return ConfigError("\n".join(self.lines))

    def raise_if_any(self) -> None:
        if self.lines:
            raise self.error()


def nearest(word: str, allowed: Iterable[str]) -> str:
    """A hint that names the nearest allowed word, or all of them if none is near."""
    allowed = sorted(allowed)
    match = difflib.get_close_matches(str(word), allowed, n=1, cutoff=0.55)
    return f"did you mean {match[0]!r}?" if match else f"allowed: {', '.join(allowed)}"


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


def short(value: object) -> str:
    """A value in an error: as much of it as fits into a line."""
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:90]}... ({len(text)} characters)"
