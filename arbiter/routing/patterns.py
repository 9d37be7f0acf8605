"""Patterns of English, in english_patterns.yaml by the module that reads them; checked and compiled when it is loaded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from arbiter import strict
from arbiter.errors import ConfigError
from arbiter.routing.numerals import A_PART, DIGITS, NUMBER, SPELLED
from arbiter.routing.units import UNIT

FILE = Path(__file__).parent / "languages" / "english_patterns.yaml"
PARTS = {"number": NUMBER, "spelled": SPELLED, "digits": DIGITS, "a part": A_PART, "unit": UNIT}  # that code tells
_PART = re.compile(r"(?<!\(\?P)<([a-z ]+)>")
_GROUP = re.compile(r"(?<!\\)\((?!\?)")


def compiled(text: str, parts: Mapping[str, str], start: str = "") -> re.Pattern[str]:
    """One pattern of the lines of a text: each is an alternative in which <name> is a part and (a|b) captures nothing.

    Args:
        start: Pattern that stands before each line.

    Raises:
        ConfigError: It names the line that is no pattern, or the part that is unknown.
    """
    given = [line for line in text.splitlines() if line]
    try:
        plain = [_GROUP.sub("(?:", _filled(line, parts)) for line in given]
        return re.compile("|".join(f"{start}(?:{line})" for line in plain))
    except KeyError as error:
        raise ConfigError(f"no part is called {error}; there are {', '.join(parts)}") from error
    except re.error:
        pass
    for said, line in zip(given, plain, strict=True):
        try:
            re.compile(line)
        except re.error as error:
            raise ConfigError(f"{said!r} is no regular expression: {error}") from error
    raise ConfigError(f"{given[0]!r} and the lines behind it are no regular expression together")


def _filled(line: str, parts: Mapping[str, str]) -> str:
    """A line with its parts, which may have other parts."""

    def filled(part: re.Match[str]) -> str:
        return _filled(parts[part[1]], {name: text for name, text in parts.items() if name != part[1]})

    return _PART.sub(filled, line)


@cache
def _file(path: Path) -> dict[str, dict[str, str]]:
    return strict.load(dict[str, dict[str, str]], path, "patterns")


def patterns(section: str, names: str, path: Path = FILE) -> tuple[re.Pattern[str], ...]:
    """The patterns of a section, in the order of `names`, which are parted by blanks.

    Raises:
        ConfigError: One of them is missing, unknown or no pattern.
    """
    file = _file(path)
    lines = file.get(section, {})
    if wrong := sorted({*lines} ^ {*names.split()}):
        missing = f"is unknown; there are {names}" if wrong[0] in lines else "is missing"
        raise ConfigError(f"{path}: {section}: {wrong[0]!r} {missing}")
    try:
        return tuple(compiled(lines[name], file.get("parts", {}) | PARTS) for name in names.split())
    except ConfigError as error:
        raise ConfigError(f"{path}: {section}: {error}") from error


def lines(section: str, path: Path = FILE) -> list[str]:
    """The lines of a section that has nothing but lines. Raises ConfigError where it is missing."""
    found = _file(path).get(section, {}).get("lines", "").splitlines()
    if not found:
        raise ConfigError(f"{path}: {section}: 'lines' is missing")
    return found


def rewritings(section: str, path: Path = FILE) -> tuple[tuple[re.Pattern[str], str], ...]:
    """The lines of a section, in order: a pattern, and behind "=>" what it becomes. Raises ConfigError for one that is none."""
    parted = [[part.strip(" ") for part in line.partition("=>")] for line in lines(section, path)]
    if not all(said for said, _, _ in parted):
        raise ConfigError(f"{path}: {section}: a pattern is expected before =>")
    try:
        return tuple((compiled(said, {}), meant) for said, _, meant in parted)
    except ConfigError as error:
        raise ConfigError(f"{path}: {section}: {error}") from error
