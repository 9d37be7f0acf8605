"""Languages that the robot does not speak, told by their commonest words, so that nothing is guessed from them."""

from __future__ import annotations

from collections.abc import Set
from functools import cache
from pathlib import Path

from arbiter import strict
from arbiter.errors import ConfigError
from arbiter.routing.text import words

FILE = Path(__file__).parent / "other.yaml"


@cache
def other_languages(path: Path = FILE) -> dict[str, frozenset[str]]:
    """Common words by language. Raises ConfigError for an entry that is no list of plain lower-case words."""
    found = {}
    for language, entries in strict.parse(path).plain().items():
        bad = [word for word in entries if not (isinstance(word, str) and word.isascii() and word.isalpha() and word.islower())]
        if bad:
            raise ConfigError(f"{path}: {language}: {bad[0]!r} is no plain lower-case word")
        found[language] = frozenset(entries)
    return found


def foreign(text: str, english: Set[str]) -> str:
    """The language of a normalised text that is not English; "" where there is none to tell.

    Args:
        english: Words that are English whatever another language makes of them.
    """
    said = words(text)
    strange = [word for word in said if word not in english]
    best, hits = "", 0
    for language, common in other_languages().items():
        found = sum(word in common for word in strange)
        if found > hits:
            best, hits = language, found
    return best if hits >= 2 or (hits and len(strange) == len(said)) else ""
