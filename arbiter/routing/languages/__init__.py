"""Languages that the robot does not speak, told by their commonest words, so that nothing is guessed from them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Set
from functools import cache
from pathlib import Path

from arbiter import strict
from arbiter.errors import ConfigError
from arbiter.routing.text import normalise, words

FILE = Path(__file__).parent / "other.yaml"
_LETTERS = re.compile(r"[^\W\d_]+")


@cache
def other_languages(path: Path = FILE) -> dict[str, frozenset[str]]:
    """Common words by language. Raises ConfigError for an entry that is no text of plain lower-case words."""
    entries = strict.load(dict[str, str], path, "languages")
    for language, text in entries.items():
        bad = [word for word in text.split() if not (word.isascii() and word.isalpha() and word.islower())]
        if bad:
            raise ConfigError(f"{path}: {language}: {bad[0]!r} is no plain lower-case word")
    return {language: frozenset(text.split()) for language, text in entries.items()}


def foreign(text: str, english: Set[str], knows: Callable[[str], bool]) -> str:
    """What is foreign about a text that is not English: "sounds like Spanish"; "" where there is nothing to tell.

    Args:
        text: As it was typed.
        english: Words that are English whatever another language makes of them. knows: Whether a plain word is English.
    """
    letters = [c for c in unicodedata.normalize("NFKC", text) if c.isalpha()]
    others = [c for c in letters if "LATIN" not in unicodedata.name(c, "") and not normalise(c)]  # and look like no Latin letter
    if others and 2 * len(others) >= len(letters):
        script = unicodedata.name(others[0], "another script").split()[0].split("-")[0]
        return f"is written in {script.capitalize() if script != 'CJK' else 'Chinese characters'}"
    said = words(normalise(text))
    strange = [word for word in said if word not in english]
    hits = {language: sum(word in common for word in strange) for language, common in other_languages().items()}
    best = max(hits, key=hits.__getitem__)
    if hits[best] >= 2 or (hits[best] and len(strange) == len(said)):
        return f"sounds like {best}"
    accented = [normalise(word) for word in _LETTERS.findall(text) if not word.isascii() and not {*word} & {*others}]
    unknown = any(word and not knows(word) for word in accented) and 2 * len(strange) > len(said)  # a name may have an accent
    return "sounds like another language" if unknown else ""
