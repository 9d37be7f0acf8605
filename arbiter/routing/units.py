"""Units of speed, turning, time, length, angle and number, as people write them, and their SI factors."""

from __future__ import annotations

import math
import re

_LENGTHS = (
    (0.01, r"cms?|centimet(?:er|re)s?"),
    (0.001, r"mm|millimet(?:er|re)s?"),
    (1000.0, r"km|kilomet(?:er|re)s?"),
    (1609.344, r"miles?"),
    (0.9144, r"yards?|yds?"),
    (0.3048, r"ft|feet|foot"),
    (0.0254, r"inch(?:es)?"),
    (1.0, r"m|mtrs?|met(?:er|re)s?"),
)
_TIMES = ((1.0, r"s|secs?|seconds?"), (60.0, r"mins?|minutes?"), (3600.0, r"h|hrs?|hours?"))
LENGTH_OR_TIME = "|".join(words for _, words in (*_LENGTHS, *_TIMES))
_PER = r"(?: ?/ ?| ?per | an? | each | every )"
_FAR, _LONG = ("|".join(words for _, words in units) for units in (_LENGTHS, _TIMES))
# kind, SI factor, words; that of a length in a time comes of the two
_UNITS = (
    ("speed", 1.0, r"mps"),
    ("speed", 1.0 / 3.6, r"kmh|kph"),
    ("speed", 0.44704, r"mph"),
    ("speed", 1.0, rf"(?:{_FAR}){_PER}(?:{_LONG})"),
    ("rate", 1.0, r"rad ?/ ?s(?:ec)?|radians? ?(?:/|per|a) ?s(?:ec(?:ond)?)?"),
    ("rate", math.pi / 180.0, r"deg(?:rees?)? ?(?:/|per|a) ?s(?:ec(?:ond)?)?"),
    ("duration", 0.001, r"ms|milliseconds?"),
    ("duration", 60.0, r"minutes?|mins?"),
    ("duration", 3600.0, r"hours?|hrs?"),
    ("duration", 1.0, r"seconds?|secs?|s"),
    *(("distance", length, far) for length, far in _LENGTHS),
    ("angle", math.pi / 180.0, r"deg|degs|degrees?|degress"),
    ("angle", 1.0, r"rad|rads|radians?"),
    ("angle", math.pi / 2.0, r"right angles?"),
    (
        "angle",
        2.0 * math.pi,
        r"(?:full |whole |complete )?(?:turns?|rotations?|revolutions?|circles?|laps?|loops?|rounds?|spins?)",
    ),
    ("count", 1.0, r"(?:more |further )?times?|goes|gos|reps?|repetitions?|x|bows?|waves?"),
    (
        "steps",
        1.0,
        r"(?:small |little |short |tiny |big |large |long |more |single |side )*(?:steps?|paces?|strides?)|side-?steps?",
    ),
)
UNIT = "|".join(words for _, _, words in _UNITS)  # a pattern of every unit
_KINDS = tuple((kind, factor, re.compile(rf"(?:{words})(?![\w/])")) for kind, factor, words in _UNITS)
_IN_A_TIME = re.compile(rf"({_FAR}){_PER}({_LONG})")


def unit_of(text: str) -> tuple[str, float, re.Match[str]] | None:
    """Kind, factor and match of the unit that `text` begins with."""
    for kind, factor, unit in _KINDS:
        if found := unit.match(text):
            pace = _IN_A_TIME.fullmatch(found[0])
            return kind, _factor(_LENGTHS, pace[1]) / _factor(_TIMES, pace[2]) if pace else factor, found
    return None


def _factor(units: tuple[tuple[float, str], ...], said: str) -> float:
    return next(factor for factor, words in units if re.fullmatch(words, said))
