"""Numbers in digits and in words -> their values, and the patterns that find them.

Numbers in a form that is not supported are refused, because the rest of the words would be carried out without them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from arbiter import strict
from arbiter.errors import ConfigError
from arbiter.routing.units import UNIT

FILE = Path(__file__).parent / "languages" / "numbers.yaml"


@dataclass(frozen=True, slots=True)
class NumberWords:
    """languages/numbers.yaml: the words of numbers; `digits` and `tens` in order, parted by spaces."""

    digits: str
    tens: str
    spellings: Mapping[str, str]
    scales: Mapping[str, int]
    fractions: Mapping[str, float]
    vague: Mapping[str, int]
    adverbs: Mapping[str, int]
    multiples: Mapping[str, int]

    def __post_init__(self) -> None:
        for name, count in (("digits", 20), ("tens", 8)):
            if len(words := getattr(self, name).split()) != count:
                raise ConfigError(f"{name} has {len(words)} words; {count} are needed, in order")
        if strange := [meant for meant in self.spellings.values() if meant not in self.small]:
            raise ConfigError(f"spellings has {strange[0]!r}, which is none of digits and tens")

    @property
    def small(self) -> dict[str, int]:
        """Values of the words below a hundred."""
        units = {word: value for value, word in enumerate(self.digits.split())}
        return units | {word: 20 + 10 * i for i, word in enumerate(self.tens.split())}


_WORDS = strict.load(NumberWords, FILE)
_SMALL = _WORDS.small | {word: _WORDS.small[meant] for word, meant in _WORDS.spellings.items()}
_VAGUE = {"a": 1, "an": 1, "the": 1, **_WORDS.vague}
_FRACTION = _WORDS.fractions | {"halves": 0.5}
TIMES = _WORDS.adverbs
MULTIPLES = TIMES | _WORDS.multiples
NUMBER_WORDS = frozenset((*_SMALL, *_WORDS.scales, *_WORDS.vague, *_FRACTION))

_DECIMAL = r"(?:\d{1,9}(?:\.\d{1,9})?|\.\d{1,9})"
DIGITS = rf"(?<![\w.])[+-]?(?:\d{{1,9}} \d{{1,2}} ?/ ?\d{{1,2}}(?![\d/])|{_DECIMAL}(?: ?/ ?\d{{1,4}}(?![\d/]))?)(?![\d])"
_NUMBER_WORD = r"\b(?:" + "|".join([*_SMALL, *_WORDS.scales]) + r")\b"
_AND = r"(?:[ -]|(?:(?<=hundred)|(?<=thousand)) and )"
SPELLED = rf"{_NUMBER_WORD}(?:{_AND}{_NUMBER_WORD})*"
_MANY = r"(?:(?:two|three|four|five|seven|[2-9])[ -])"
_PIECE = rf"(?:{'|'.join(_WORDS.fractions)})"  # a fifth by itself is the one after the fourth
_SHARE = rf"(?:(?:(?:an?|one) |{_MANY})?(?:halves|(?:half|third|quarter)s?)|(?:an?|one) {_PIECE}(?= of\b)|{_MANY}{_PIECE}s)"
A_PART = (
    rf"(?:(?:an?|one|two|three) (?:half|halves|{_PIECE}s?)|half)\b(?! (?:an?|turn|circle|lap|spin|bow)\b)"  # of "two and a half"
)
AND_A_PART = rf" and {A_PART}"
PART = rf"{_SHARE}(?: of)?(?: (?:an?|one|the)\b)?"
_SPELLED = (
    rf"(?:a |one )?{SPELLED}(?: point(?: (?:oh|{_NUMBER_WORD}))+)?(?:{AND_A_PART}| \d/\d\d?)?"
    rf"|(?<=\w )(?<!and )(?<!then )(?:oh )?point(?: {_NUMBER_WORD})+"  # "point two times" is a command
)
_DOZEN = rf"(?:(?:half )?\ban? |{_NUMBER_WORD} |\d{{1,4}} )?dozen(?: of)?"
_LOOSE = rf"(?:\ban?(?: (?:good )?(?:couple|few|pair))?(?: of)?(?:{AND_A_PART})?|a few|(?:couple|several|pair)(?: of)?)"
NUMBER = rf"(?:{_DOZEN}(?=[ -])|{PART}(?= )|{DIGITS}(?:{AND_A_PART})?|{_SPELLED}|{_LOOSE}(?= ))"

_EXTRA = re.compile(rf"(?:{AND_A_PART}| (?P<top>\d)/(?P<bottom>\d\d?))$")
_FRACTION_WORD = re.compile(rf"\b(?:(?P<count>\w+)[ -])?(?P<part>{'|'.join(_FRACTION)})s?\b")
_FIGURES = re.compile(r"(?P<sign>[+-]?)(?:(?P<whole>\d+) )?(?P<top>[\d.]+)(?:/(?P<bottom>\d+))?(?:\D|$)")
_IN_WORDS = re.compile(SPELLED)


def number(text: str) -> float:
    """Value of a number in digits or words: "1.5", "3/4", "ninety five", "two and a quarter", "half a dozen"."""
    text = text.strip()
    if "dozen" in text:
        return 12.0 * (number(before) if (before := text.partition("dozen")[0].removesuffix("a ").strip()) else 1.0)
    extra = 0.0
    if (match := _EXTRA.search(text)) and match.start():
        extra = int(match["top"]) / (int(match["bottom"]) or 1) if match["top"] else _share(match[0])
        text = text[: match.start()]
    if found := _FIGURES.match(text.replace(" /", "/").replace("/ ", "/")):
        bottom = float(found["bottom"] or 1.0) or 1.0
        value = float(found["whole"] or 0.0) + float(found["top"]) / bottom
        share = _share(text) if re.search(r"[a-z]", text) else 0.0
        return (-1.0 if found["sign"] == "-" else 1.0) * (share or value) + extra
    text = text.replace("-", " ")
    if share := _share(text):
        return share + extra
    whole, _, decimals = text.partition("point")
    return _spelled(whole) + (float(f"0.{_decimals(decimals)}") if decimals else 0.0) + extra


def _share(text: str) -> float:
    """Of "half a", "two thirds of a", "and three quarters"; 0 where there is no fraction."""
    if not (match := _FRACTION_WORD.search(text)):
        return 0.0
    count = match["count"] or "a"
    return _FRACTION[match["part"]] * (float(count) if count.isdigit() else _SMALL.get(count, 1))


def _decimals(text: str) -> str:
    """Figures of "two five", "twenty five" and "oh five"."""
    words = text.split()
    return "".join(
        "" if before in _WORDS.tens.split() and 0 < _SMALL.get(word, 0) < 10 else str(_tens(word, after))
        for (before, word), after in zip(pairwise(["", *words]), [*words[1:], ""], strict=True)
    )


def _tens(word: str, after: str) -> int:
    value = _SMALL.get(word, 0)
    return value + (_SMALL.get(after, 0) if value >= 20 and 0 < _SMALL.get(after, 0) < 10 else 0)


def _spelled(text: str) -> float:
    """Of words as they are counted ("one hundred and twenty") or read out: "nine zero", "one eighty", "two fifty"."""
    total = current = 0
    for before, word in pairwise(["", *text.split()]):
        if word in _SMALL:
            value, last = _SMALL[word], _SMALL.get(before, 100)
            if before in _VAGUE:  # "a one metre radius"
                current = value
            elif last < 10:  # figures read out
                current = current * (100 if value >= 10 else 10) + value
            else:
                current += value
        elif word in _WORDS.scales:
            current = (current or 1) * _WORDS.scales[word]
            if word == "thousand":
                total, current = total + current, 0
        elif word in _VAGUE:
            current = _VAGUE[word]
    return float(total + current)


_UNIT = rf"(?= ?-?(?:{UNIT})(?![\w/]))"
_END = r"(?=[\s.!?]*$)"
_LONGEST = 9  # digits
_ODD = re.compile(
    rf"(?<![\w.])[+-]?(?:"
    rf"\d[\d.,]*e(?:[+-]?\d+(?:\.\d+)?)?\b"  # 1e3
    rf"|0x[0-9a-f]+\b|\d[\d.]*(?:_\d+)+|\d[\d.]* ?(?:\^|\*\*) ?[+-]?\d+|\d+[⁰¹²³⁴⁵⁶⁷⁸⁹]+"
    rf"|\d[\d.]* ?(?:[*+±×]|\+ ?/ ?-|x(?=\d)) ?\d[\d.]*|\d+\.\d+,\d+|\d+(?:\.\d+){{2,}}|\d{{{_LONGEST + 1},}}(?:\.\d*)?"
    rf"|(?:nan|inf|infinit[ey]|infinity)\b{_UNIT}|∞"
    rf"|(?<=\w )(?:(?<=by )|(?<=for )|(?<=at )|(?<=left )|(?<=right )|(?<=ward )|(?<=wards )|(?<=ahead )|(?<=circle )|(?<=back ))"
    rf"(?:nan|inf|infinity)\b{_END})"
)

_EXACT = r"[+-]?(?:\d[\d./]*|\.\d+)"
_RANGE = re.compile(  # of a text with numbers in figures
    rf"(?:\b(?:between|from) (?:(?:half )?an?|{_EXACT})(?: ?[a-z]+)? (?:and|to) "
    rf"|(?<![\w.])(?:\d[\d.]*(?: ?[a-z]+)? ?- ?|{_EXACT}(?:[ -]?[a-z]+)?(?: to | or |,? (?:maybe|perhaps|possibly) )))"
    rf"(?:(?:half )?an?|{_EXACT})[ -]?(?:{UNIT})(?![\w/])|\ban? \w+ or (?:\d+)\b|\bonce or twice\b"
    rf"|(?<![\w.]){_EXACT} ?(?:{UNIT}) or {_EXACT}(?![\w/])"
)
_BARE = re.compile(r"(?:\b[\w']+ )?\b(?:(?:centi|milli|kilo)?met(?:er|re)s|cm|mm|km|seconds|degrees|radians)\b")


def uncounted(clause: str) -> str:
    """A unit that is left in a clause without its quantities, with the word before it: "many meters"; "" where there is none."""
    found = _BARE.search(clause)
    return found[0] if found else ""


def unreadable(text: str) -> str:
    """The first number of a text, as it was typed, that is none this robot reads: "1e3", "nan"; "" where there is none."""
    found = _ODD.search(text.lower())
    return found[0].strip() if found else ""


def spread(text: str) -> str:
    """A range of a normalised text, such as "between one and two metres"; "" where there is none."""
    found = _RANGE.search(_IN_WORDS.sub(lambda match: "9" * len(match[0]), text))  # where a number is, and not which
    return text[slice(*found.span())] if found else ""
