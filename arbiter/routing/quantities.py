"""Numbers with units, manner and direction words of a clause -> SI values, and the clause without them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache

from arbiter.routing.numerals import AND_A_PART, DIGITS, MULTIPLES, PART, SPELLED, TIMES, number
from arbiter.routing.patterns import patterns
from arbiter.routing.units import LENGTH_OR_TIME, unit_of

_QUANTITY, _BOUNDED, _ESTIMATE, _LOOSE_AFTER, _RADIUS, _RADIUS_AFTER, _BARE_ANGLE, _TRAILING, _TURNED = patterns(
    "quantities", "quantity bounded estimate loose_after radius radius_after bare_angle trailing turned"
)
_COUNT_WORD, LITTLE, _FAR, _AROUND, _ABOUT, _FOREVER = patterns("amounts", "count_word little far around about forever")
_PART_AFTER = re.compile(rf"{AND_A_PART}(?! ?of\b)")  # "a metre and a half"
_JOINED = re.compile(r",? ?(?:and )?(?!for |at |in |by )(?=\w)")
# "Ten whole seconds".
_EMPHATIC = re.compile(rf"(?<=\w )(?:whole|entire|full|solid|good|long|straight) (?=(?:{LENGTH_OR_TIME})\b)")
_METRES_CENTIMETRES = re.compile(r"(?<![\w.])(\d{1,3})m(\d\d)(?![\w.])")
_OF_THE_WAY = re.compile(rf"\b({PART}) way a?round\b")
_X_TIMES = re.compile(r"\bx ?(\d{1,3})\b")
_LASTING = ("distance", "angle", "duration")  # kinds of which twice as much is a quantity
_TIMES_BEFORE = re.compile(r"\b(twice|thrice) $")
_SPEED_SHARE = re.compile(
    rf"\b(?:(?:at|with|by) )?(?:an? )?(?P<share>half|quarter|third|two thirds|three quarters?|double|twice|triple"
    rf"|(?:{DIGITS}|{SPELLED}) ?(?:%|percent|per cent))(?: (?:of|the|your|its|full|top|max|maximum|normal|usual))* speed\b"
)

# Fraction of the way from the default to the low (negative) or high (positive) end of the range, and what says so.
_SPEED = tuple(zip((-1.0, 1.0, -0.5, 0.5), patterns("paces", "slowest fastest slow fast"), strict=True))
_DIGIT = re.compile(DIGITS)
_MINUS = re.compile(r"\b(?:minus|negative) $")
_PI = re.compile(
    rf"(?:(?P<times>{DIGITS}|{SPELLED}|half|a quarter(?: of)?) ?\*? ?)?(?<![a-z])pi"
    rf"(?: ?(?:/|over|divided by) ?(?P<over>{DIGITS}|{SPELLED}))?(?: ?(?:rads?|radians?))?(?![\w/])"
)
_AT = re.compile(r"\bat (?:about |around |roughly )?$")
_MIRROR = re.compile(r"\b(?:anti|counter)-? ?clockwise\b|\bccw\b")

COLOURS = tuple("red green blue yellow orange purple violet pink white black grey gray brown golden silver cyan".split())
_COLOUR = re.compile(rf"\b(?:{'|'.join(COLOURS)})\b")
_SIDES, _DIRECTIONS = (
    dict(zip(names.split(), patterns(section, names), strict=True))
    for section, names in (("sides", "left right"), ("directions", "ahead behind up down"))
)


@dataclass(frozen=True, slots=True)
class Quantities:
    """What a clause says beside its verb. None or an empty tuple: nothing.

    Attributes:
        values: (kind, SI value, words): kind is speed, rate, duration, distance, radius, angle, count, steps or number.
            "speed number" is one after "at" without a unit; a "share" is one of the full speed, if above 1 of the usual one.
        estimates: Words of values that are bounds or estimates ("at least two metres").
        pace: -1 (as slow as possible) .. 1 (as fast as possible). manner: The words that say so.
        little, far, around, about, forever: Words to that effect are there; around: 360 degrees, about: 180.
        sides: Of ("left", "right"), those that are named.
        directions: Of ("left", "right", "ahead", "behind", "up", "down"), those that are named.
        colours: Colours that are named.
    """

    values: tuple[tuple[str, float, str], ...] = ()
    estimates: tuple[str, ...] = ()
    pace: float = 0.0
    manner: str = ""
    little: bool = False
    far: bool = False
    around: bool = False
    about: bool = False
    forever: bool = False
    sides: tuple[str, ...] = ()
    directions: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()


def _round(text: str, factor: float, start: int, end: int) -> tuple[str, float, int, int]:
    """Kind, factor and place of a length that may be the radius or the diameter of a circle."""
    lead, tail = _RADIUS.search(text[:start]), _RADIUS_AFTER.match(text, end)
    said = lead or tail
    if said is None:
        return "distance", factor, start, end
    factor *= 1.0 if said["what"] == "radius" else 0.5
    return "radius", factor, lead.start() if lead else start, tail.end() if tail else end


def _after(text: str, end: int, kind: str, factor: float) -> tuple[float, int]:
    """SI value and end of what follows a unit and belongs to it: "and a half", "fifty" (cm), "six" (inches), "20 cm"."""
    if part := _PART_AFTER.match(text, end):
        return factor * number(f"0{part[0]}"), part.end()
    if (joint := _JOINED.match(text, end)) and (smaller := _QUANTITY.match(text, joint.end())):
        unit = unit_of(smaller["rest"] or "")
        if unit and unit[0] == kind and unit[1] < factor and not smaller["before"]:
            return number(smaller["number"]) * unit[1], smaller.start("rest") + unit[2].end()
    least, limit, share = {1.0: (10.0, 100.0, 0.01), 0.3048: (1.0, 12.0, 0.0254)}.get(factor, (0.0, 0.0, 0.0))
    if kind == "distance" and limit and (loose := _LOOSE_AFTER.match(text, end)) and least <= number(loose["number"]) < limit:
        return share * number(loose["number"]), loose.end()
    return 0.0, end


def _times(text: str, match: re.Match[str], unit: tuple[str, float, re.Match[str]]) -> re.Match[str] | None:
    """The quantity that "two times" multiplies ("two times one metre"), if one follows at once."""
    if unit[0] != "count" or "time" not in unit[2][0]:
        return None
    following = _QUANTITY.match(text, match.start("rest") + unit[2].end() + 1)
    found = unit_of(following["rest"] or "") if following else None
    apart = following and following["before"] and not text.rstrip(" .!").endswith("each")  # "3 times for 6 seconds"
    return following if found and found[0] in _LASTING and not apart else None


def _values(text: str) -> tuple[list[tuple[str, float, str]], str]:
    """Quantities with a unit, and the text without them."""
    values, position, times = [], 0, 1.0
    while match := _QUANTITY.search(text, position):
        found = unit_of(match["rest"] or "")
        loose = re.fullmatch(r"(?:an?|one)", match["number"].strip()) is not None
        part = found and _PART_AFTER.match(text, match.start("rest") + found[2].end())
        loose = loose and not part and not (found and found[0] == "count" and match["number"].strip() == "one")
        if found is not None and loose and found[0] == "steps":  # "take a step left" stays as it is, and is one step
            values.append(("steps", 1.0, f"{match['number'].strip()} {found[2][0]}"))
        turns = found is not None and found[0] == "angle" and found[1] > 6.0
        if found is None or (loose and (turns or found[0] in ("count", "steps"))):
            position = match.start("number") + max(1, len(match["number"].split(" ")[0]))
            continue
        kind, factor, unit = found
        if len(unit[0]) == 1 and not re.search(r"\d", match["number"]):  # "a s", "one m"
            position = match.end("number")
            continue
        if multiplied := _times(text, match, found):
            times, position = number(match["number"]), multiplied.start()
            text = text[: match.start()] + " " * (position - match.start()) + text[position:]
            continue
        more, end = _after(text, match.start("rest") + unit.end(), kind, factor)
        value = number(match["number"]) * factor + more
        bound = _BOUNDED.search(match["before"])
        said, start = (bound[0] if bound else "") + text[match.start("number") : end], match.start()
        if minus := _MINUS.search(text[: match.start("number")]):
            value, said, start = -value, text[minus.start() : end], min(start, minus.start())
        if kind in _LASTING and (twice := _TIMES_BEFORE.search(text[: match.start("number")])):
            times, start = float(TIMES[twice[1]]), twice.start()
        if kind == "distance":
            kind, share, start, end = _round(text, 1.0, start, end)
            value *= share
        values.append((kind, value * times, said))
        times = 1.0
        kept = {
            "steps": " side steps " if "side" in unit[0] else " steps ",
            "count": f" {unit[0].removesuffix('s')} " if unit[0][0] in "bw" else " ",
            "angle": f" {unit[0]} " if factor > 6.0 else " ",
        }.get(kind, " ")
        text = text[:start] + kept + text[end:]
        position = start + len(kept) - 1
    return values, text


def _speed_share(text: str) -> tuple[list[tuple[str, float, str]], str]:
    """ "At half speed", "at 50% of your top speed": a share of a speed, and the text without it."""
    found = _SPEED_SHARE.search(text)
    if not found:
        return [], text
    said = found["share"]
    share = MULTIPLES.get(said) or number(f"{said.rstrip('%').removesuffix('cent')} ".replace("per ", ""))
    share *= 0.01 if said.endswith(("%", "cent")) else 1.0
    return [("share", share, found[0])], text[: found.start()] + " " + text[found.end() :]


def _radians(match: re.Match[str]) -> str:
    """ "pi/2", "two pi", "half pi" in digits."""
    times = {"half": 0.5, "a quarter": 0.25, "a quarter of": 0.25}.get(match["times"] or "1") or number(match["times"] or "1")
    return f"{times * math.pi / (number(match['over'] or '1') or math.inf):.5f} radians"


@lru_cache(maxsize=1024)
def extract(text: str) -> tuple[Quantities, str]:
    """Quantities of a normalised clause, and the clause without numbers, units and manner."""
    pace, manner = 0.0, ""
    text = _EMPHATIC.sub("", text)
    text = _X_TIMES.sub(r"\1 times", _METRES_CENTIMETRES.sub(r"\1.\2 m", text))
    text = _OF_THE_WAY.sub(r"\1 turn", text)
    shares, text = _speed_share(text)
    for fraction, pattern in _SPEED:
        if found := pattern.search(text):
            pace, manner = (pace, manner) if pace else (fraction, found[0])
            text = pattern.sub(" ", text)
    text = _PI.sub(_radians, text)
    text, forever = _FOREVER.subn(" ", text)
    around, about = bool(_AROUND.search(text)), bool(_ABOUT.search(text))
    text = _BARE_ANGLE.sub("turn around", text)
    values, text = _values(text)
    values += shares
    for match in _COUNT_WORD.finditer(text):
        values.append(("count", float(MULTIPLES.get(match[0], 1)), match[0]))
    text = _COUNT_WORD.sub(" ", text)
    if match := _TRAILING.search(text):
        values.append(("number", number(match["number"]), match["number"]))
        text = text[: match.start("number")].removesuffix(" by ")
    if match := _TURNED.search(text):
        values.append(("number", number(match["number"]), match["number"]))
        text = text[: match.start("number")] + text[match.end("number") :]
    for match in _DIGIT.finditer(text):
        kind = "speed number" if _AT.search(text[: match.start()]) else "number"
        values.append((kind, number(match[0]), match[0].strip()))
    text = _DIGIT.sub(" ", text)
    text, little = LITTLE.subn(" ", text)
    text, far = _FAR.subn(" ", text)
    sides = tuple(side for side, pattern in _SIDES.items() if pattern.search(text))
    directions = sides + tuple(name for name, pattern in _DIRECTIONS.items() if pattern.search(text))
    colours = tuple(dict.fromkeys(_COLOUR.findall(text)))
    estimates = tuple(said for _, _, said in values if _ESTIMATE.search(said))
    told = (bool(little), bool(far), around, about, bool(forever))
    said = Quantities(tuple(values), estimates, pace, manner, *told, sides, directions, colours)
    return said, " ".join(text.split())


def mirrored(text: str) -> str:
    """The clause with right said as left, for what a head can't and need not tell apart."""
    text = _SIDES["right"].sub(
        lambda match: "counterclockwise" if match[0].endswith(("clockwise", "cw")) else match[0].replace("right", "left"), text
    )
    return _MIRROR.sub("counterclockwise", text)
