"""Numbers in a form that is not supported: refused, because the rest of the words would be carried out without them."""

from __future__ import annotations

import re

from arbiter.routing.numerals import in_figures
from arbiter.routing.units import UNIT

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
    found = _RANGE.search(in_figures(text))
    return text[slice(*found.span())] if found else ""
