"""Text as it is typed -> plain lower-case words. The one place that knows about Unicode, contractions and politeness."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from arbiter.routing.patterns import patterns, rewritings

MAX_CHARACTERS = 400  # a longer text is not an instruction; the stop guard still reads all of it

_LOOKALIKES = str.maketrans(
    dict(zip("аеорсхѕтіορτ’‘ʼ`´“”–—−×…", "aeopcxstiopt'''''  -,-x.", strict=True))
    | {"°": " degrees ", "º": " degrees ", "½": " 1/2", "¼": " 1/4", "¾": " 3/4", "π": " pi"}
    | {"ı": "i", "ł": "l", "ø": "o", "đ": "d", "ß": "ss", "æ": "ae", "œ": "oe"}
)
_UNWANTED = re.compile(r"[^a-z0-9'.,;:!?/%+\-\s]")
_SPACES = re.compile(r"\s+")
_FEET = re.compile(r"(?<![\w.'])(\d{1,3}(?:\.\d{1,3})?) ?['\u2019\u2032] ?(?:(\d{1,2}) ?(?:\"|''|\u2033|\u201d)|(?![\w']))")
_INCHES = re.compile(r"(?<![\w.'])(\d{1,3}(?:\.\d{1,3})?) ?(?:\"|\u2033|\u201d)(?!\w)")
_ENUMERATED = re.compile(r"(?:^|(?<=[\s,.;]))\(?(?:([1-9])[).]|([a-h])\))(?=\s+[^\W\d])")
_THOUSANDS = re.compile(r"(?<![\d.,])([1-9]\d{0,2}),(\d{3})(?![\d,])")
_DECIMAL_COMMA = re.compile(r"(?<![\d.,])(\d{1,9}),(\d{1,9})(?![\d.,])")  # "0,5 meters" is half a meter, not five; "1,2,3" a list
_CLOSE_COMMA = re.compile(r"(?<=[a-z]),(?=[a-z])")
_WORD = re.compile(r"[a-z0-9']+")

_CONTRACTIONS, _SHORT_FORMS = rewritings("contractions"), rewritings("short_forms")
_BEFORE, _AFTER, _REPEATED, _NO, _INSIDE = patterns("politeness", "before after repeated no inside")


def _feet(match: re.Match[str]) -> str:
    """ "5'" and "5'6\"": feet, and feet with inches."""
    return f"{float(match[1]) + float(match[2] or 0) / 12.0:.4g} feet"


def _in_order(text: str) -> str:
    """ "1) turn left 2) bow": items of a list, each after the one before."""
    marks = list(_ENUMERATED.finditer(text))
    numbers = [int(mark[1]) if mark[1] else ord(mark[2]) - ord("a") + 1 for mark in marks]
    if len(numbers) < 2 or numbers != list(range(1, len(numbers) + 1)):
        return text
    return _ENUMERATED.sub(", then", text).strip(" ,").removeprefix("then ")


@lru_cache(maxsize=1024)
def normalise(text: str) -> str:
    """Lower-case ASCII with single spaces; look-alike letters, accents, emoji and control characters are dealt with."""
    text = _in_order(_INCHES.sub(r"\1 inches", _FEET.sub(_feet, text)))
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text.translate(_LOOKALIKES).lower()).translate(_LOOKALIKES)
        text = "".join(c for c in text if not unicodedata.combining(c) and unicodedata.category(c) != "Cf")
    text = _UNWANTED.sub(" ", text.lower())
    text = _DECIMAL_COMMA.sub(r"\1.\2", _THOUSANDS.sub(r"\1\2", text))
    return _SPACES.sub(" ", _CLOSE_COMMA.sub(", ", text)).strip()


@lru_cache(maxsize=1024)
def expand(text: str) -> str:
    """Contractions and short forms written out: "don't" and "dont" become "do not", "fwd" becomes "forward"."""
    for pattern, replacement in (*_CONTRACTIONS, *_SHORT_FORMS):
        text = pattern.sub(replacement, text)
    return text


def written_out(text: str) -> str:
    """A text as every other step reads it: normalised, its contractions and short forms written out."""
    return expand(normalise(text))


@lru_cache(maxsize=1024)
def strip_politeness(text: str, repeats: bool = True) -> str:
    """What is left of a normalised clause without the words of politeness before, in and after it.

    Args:
        repeats: Without "again" and its like at its ends, too, which ask for what a last plan can answer.
    """
    before = None
    while before != text:
        before = text
        text = _INSIDE.sub("", text).strip(" ,.;:!?-+/")
        text = _NO.sub("", _BEFORE.sub("", text))
        text = _AFTER.sub("", text)
        text = _REPEATED.sub("", text) if repeats else text
        text = _SPACES.sub(" ", text).strip()
    return text


def words(text: str) -> list[str]:
    """Words of a normalised text."""
    return _WORD.findall(text)
