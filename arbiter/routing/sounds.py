"""How words sound: a key that is the same for words that sound alike, whatever their spelling."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from arbiter import strict
from arbiter.errors import ConfigError

FILE = Path(__file__).parent / "languages" / "sounds.yaml"
_AGAIN = re.compile(r"(.)\1+")
_AS_IT_IS = (re.compile("(?!)"), [""])
_AHEAD = re.compile(r"\(\?.*?\)")
_GROUP = re.compile(r"\((?!\?)")


def load(path: Path = FILE) -> Callable[[str], str]:
    """Word -> key, by the rules of a file. Raises ConfigError for a rule that is no spelling, or sounds of nothing."""
    by_letter: dict[str, list[tuple[str, str]]] = {}
    for spelling, sound in strict.load(dict[str, str], path, "rules").items():
        try:
            empty = re.compile(spelling).match("") is not None
        except re.error as error:
            raise ConfigError(f"{path}: {spelling!r} is no spelling: {error}") from error
        if empty or not re.fullmatch(r"[A-Za-z0]*", sound):
            raise ConfigError(f"{path}: {spelling!r} sounds of {sound!r}; a spelling has letters, and sounds are letters or 0")
        for letter in {part[0] for part in _AHEAD.sub("", spelling).strip("^$()").split("|")}:
            by_letter.setdefault(letter, []).append((_GROUP.sub("(?:", spelling), sound))
    patterns = {
        letter: (re.compile("|".join(f"({spelling})" for spelling, _ in some)), ["", *(sound for _, sound in some)])
        for letter, some in by_letter.items()
    }

    def key(word: str) -> str:
        heard, position, letters = "", 0, word.replace("'", "")
        while position < len(letters):
            letter = letters[position]
            pattern, sounds = patterns.get(letter, _AS_IT_IS)
            found = pattern.match(letters, position)
            heard += sounds[found.lastindex or 0] if found else letter * letter.isalpha()
            position = max(found.end() if found else 0, position + 1)
        return _AGAIN.sub(r"\1", heard)

    return lru_cache(maxsize=4096)(key)


sound = load()
