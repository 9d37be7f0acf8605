"""Numbers in digits and in words -> their values, and the patterns that find them."""

from __future__ import annotations

import re
from itertools import pairwise

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_SMALL = (
    {word: float(value) for value, word in enumerate(_ONES)}
    | {word: 20.0 + 10.0 * i for i, word in enumerate(_TENS)}
    | {"fourty": 40.0}
)
_VAGUE = {"a": 1.0, "an": 1.0, "couple": 2.0, "few": 3.0, "several": 4.0, "dozen": 12.0}
_FRACTION = {"half": 0.5, "quarter": 0.25, "third": 1.0 / 3.0}

DIGITS = r"(?<![\w.])[+-]?(?:\d{1,9}(?:\.\d{1,9})?|\.\d{1,9})(?: ?/ ?\d{1,4}(?![\d/]))?(?![\d])"
_NUMBER_WORD = r"\b(?:" + "|".join([*_ONES, *_TENS, "fourty", "hundred", "thousand"]) + r")\b"
SPELLED = rf"{_NUMBER_WORD}(?:[ -](?:and )?{_NUMBER_WORD})*"
_SPELLED = (
    rf"(?:a |one )?{_NUMBER_WORD}(?:[ -](?:and )?{_NUMBER_WORD})*(?: point(?: {_NUMBER_WORD})+)?(?: and a (?:half|quarter))?"
    rf"|(?<=\w )(?<!and )(?<!then )point(?: {_NUMBER_WORD})+"  # "point two times" is a command
)
_PART = r"(?:(?:one |a |an )?(?:half|quarter|third)(?: of)?(?: an?)?|three[ -]quarters?(?: of)?(?: an?)?)"
_LOOSE = r"(?:an?(?: (?:couple|few|dozen))?(?: of)?(?: and a half)?|a few|(?:couple|several)(?: of)?)"
NUMBER = rf"(?:{DIGITS}(?: and a half)?|{_PART}(?= )|{_SPELLED}|{_LOOSE}(?= ))"


def number(text: str) -> float:
    """Value of a number in digits or words: "1.5", "3/4", "ninety five", "one hundred and eighty", "half a"."""
    text = text.strip().replace("-", " ") if not text.strip().startswith("-") else text.strip()
    extra = 0.0
    if match := re.search(r" and a (half|quarter)$", text):
        extra, text = _FRACTION[match[1]], text[: match.start()]
    if re.match(r"[+-]?\.?\d", text):
        top, _, bottom = text.replace(" ", "").partition("/")
        return (float(top) / float(bottom) if bottom and float(bottom) else float(top)) + extra
    if re.match(r"three quarter", text):
        return 0.75
    if match := re.search(r"\b(half|quarter|third)\b", text):
        return _FRACTION[match[1]]
    whole, _, decimals = text.partition("point")
    digits = "".join(str(int(_SMALL.get(word, 0.0))) for word in decimals.split())
    return _spelled(whole) + (float(f"0.{digits}") if digits else 0.0) + extra


def _spelled(text: str) -> float:
    total = current = 0.0
    for before, word in pairwise(["", *text.split()]):
        if word in _SMALL:
            current = (0.0 if before in _VAGUE else current) + _SMALL[word]  # "a one metre radius"
        elif word in ("hundred", "thousand"):
            current = (current or 1.0) * (100.0 if word == "hundred" else 1000.0)
            if word == "thousand":
                total, current = total + current, 0.0
        elif word in _VAGUE:
            current = _VAGUE[word]
    return total + current
