"""Numbers with units, manner and direction words of a clause -> SI values, and the clause without them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache

from arbiter.routing.numerals import AND_A_PART, DIGITS, NUMBER, PART, SPELLED, number
from arbiter.routing.units import LENGTH_OR_TIME, unit_of

_BOUND = (
    r"at (?:least|most)|(?:no|not|just|a (?:little|bit|touch)|slightly|any)? ?(?:more|less|further|farther|longer|fewer"
    r"|over|under|above|below)(?: than)?|(?:almost|nearly|up to|(?:an? |the )?(?:maximum|minimum)(?: of)?|(?:a )?(?:max|min))"
)
_PREPOSITION = (
    r"(?:\b(?:for|by|at|in|through|about|around|approximately|roughly|exactly|another|only"
    rf"|(?:with )?(?:an? )?(?:total|distance|angle|speed) of|the next|as (?:far|long|much) as|{_BOUND}) )*"
)
_QUANTITY = re.compile(
    rf"(?P<before>{_PREPOSITION})(?P<number>{NUMBER})(?P<gap>(?:-? ?ish\b| or so\b)?[ -]?)(?P<rest>[a-z/].{{0,40}})?"
)
_BOUNDED = re.compile(rf"\b(?:{_BOUND}) $")
_ESTIMATE = re.compile(rf"^(?:{_BOUND}) |\b(?:few|several)\b|ish\b| or so\b")
_PART_AFTER = re.compile(rf"{AND_A_PART}(?! ?of\b)")  # "a metre and a half"
_LOOSE_AFTER = re.compile(  # "two metres fifty", "three foot six"
    rf" (?P<number>[1-9]\d?|{SPELLED})(?: in)?"
    r"(?= ?(?:$|[,;!?]|\.(?!\d)|(?:to|and|then|for|at|in)\b|(?:for|back)))"
)
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

_SPEEDS = (  # fraction of the way from the default to the low (negative) or high (positive) end of the range
    (
        -1.0,
        r"(?:very|really|extremely|super|ever so) (?:slow|slowly|gently|carefully)|as (?:slow|slowly) as (?:you can"
        r"|possible)|as (?:slow|slowly) as an? \w+|as slow as \w+|dead slow|(?:at|in) a crawl|at a snail'?s pace",
    ),
    (
        1.0,
        r"(?:very|really|extremely|super) (?:fast|quick|quickly|swiftly|rapidly)|as (?:fast|quick"
        r"|quickly) as (?:you can|possible|an? \w+|lightning|the wind)|(?:at |with )?(?:full|top|maximum|max) speed"
        r"|(?:at )?full (?:tilt|pelt)|flat out",
    ),
    (
        -0.5,
        r"nice and (?:easy|slow|slowly|steady|gently)|slow and (?:easy|steady|careful)"
        r"|slow(?:ly|er)?|gently|carefully|cautiously|leisurely|unhurriedly|calmly|at a (?:slow|gentle|leisurely"
        r"|relaxed) (?:pace|speed)|slow speed|without rush(?:ing)?",
    ),
    (
        0.5,
        r"fast(?:er)?|quick(?:ly|er)?|swiftly|rapidly|speedily|briskly|hastily|hurriedly|at a (?:fast|quick"
        r"|brisk) (?:pace|speed)|in a hurry|at speed(?! of\b)|at the double|on the double|double quick|at a gallop",
    ),
)
_SPEED = tuple((fraction, re.compile(rf"\b(?:{words})\b")) for fraction, words in _SPEEDS)
LITTLE = re.compile(
    r"\b(?:just )?(?:a (?:little |tiny )?bit|a (?:little|tad|touch|smidge)|slightly|somewhat|a short (?:way"
    r"|distance))\b(?! (?:of|wave|bow|step|poke|touch|tap|lap|loop|circle|girl|boy))"
)
_FAR = re.compile(r"\b(?:a lot|far|a long (?:way|distance)|very far)\b(?! (?:side|end|wall|left|right))")
_AROUND = re.compile(
    r"\b(?:(?:all|right) the way (?:a)?round|(?:a )?360|three sixty|(?:a )?(?:full|complete|whole) (?:turn|circle"
    r"|rotation|spin|revolution|lap|loop))\b"
)
_ABOUT = re.compile(
    r"\b(?:around|round|about(?: face| turn)?|u[ -]?(?:turn|e?y)|other way|opposite (?:way|direction)|your back|behind you"
    r"|(?:a )?180|one[ -]eighty|half turn)\b"
)
_RADIUS = re.compile(r"(?:with |of |in |at )*(?:an? |the )?(?P<what>radius|diameter)(?: of)?(?: about| around)? ?$")
_RADIUS_AFTER = re.compile(r"(?: in)?[ -](?P<what>radius|diameter|wide|across)\b")
_COUNT_WORD = re.compile(r"\b(?:once|twice|thrice|one time|a single time)\b(?! more)")
_BARE_ANGLE = re.compile(
    r"(?:^|\b(?:(?:do|make|pull|perform) )?an? )(180|360|one[ -]eighty|three[ -]sixty)\b(?! ?(?:deg|turn|m\b|cm|sec|met))"
)
_TRAILING = re.compile(  # "turn left ninety"
    rf"\b(?:by|left|right|forwards?|backwards?|ahead|clockwise|straight) (?P<number>(?!one$){SPELLED})$"
)
_TURNED = re.compile(  # "turn thirty to the left"
    rf"\b(?:turn|spin|rotate|pivot|swivel) (?P<number>{SPELLED})(?= (?:to (?:the|your) )?(?:left|right)\b)"
)
_DIGIT = re.compile(DIGITS)
_MINUS = re.compile(r"\b(?:minus|negative) $")
_PI = re.compile(
    rf"(?:(?P<times>{DIGITS}|{SPELLED}|half|a quarter(?: of)?) ?\*? ?)?(?<![a-z])pi"
    rf"(?: ?(?:/|over|divided by) ?(?P<over>{DIGITS}|{SPELLED}))?(?: ?(?:rads?|radians?))?(?![\w/])"
)
_AT = re.compile(r"\bat (?:about |around |roughly )?$")
_MIRROR = re.compile(r"\b(?:anti|counter)-? ?clockwise\b|\bccw\b")
_FOREVER = re.compile(
    r"\b(?:forever|endlessly|indefinitely|nonstop|non-stop|without (?:stopping|a pause|pause)|(?:until|till) (?:i"
    r"|we) (?:(?:say|tell you to|shout)(?: the word)? \w+|(?:come|get|am|are) back|return|call you|(?:am|are) ready))\b"
)

COLOURS = tuple("red green blue yellow orange purple violet pink white black grey gray brown golden silver cyan".split())
_COLOUR = re.compile(rf"\b(?:{'|'.join(COLOURS)})\b")
_SIDES = {
    "left": re.compile(
        r"\b(?:left|leftwards?|leftmost|lefthand|lefty|counter-? ?clockwise|anti-? ?clockwise|ccw"
        r"|widdershins)\b"
    ),
    "right": re.compile(
        r"\b(?:right(?! now\b| away\b| here\b| there\b| ahead\b| in front\b| up\b| where\b| back\b| behind\b| about\b"
        r"| at\b| this\b| into\b| next\b| after\b| on\b(?! the)|ly\b)|rightwards?|rightmost|righthand"
        r"|(?<!counter)(?<!counter-)(?<!counter )(?<!anti)(?<!anti-)(?<!anti )clockwise|cw)\b"
    ),
}
_DIRECTIONS = {
    "ahead": re.compile(r"\b(?:ahead|forwards?|straight|in front|front|centre|center|middle)\b"),
    "behind": re.compile(r"\b(?:behind|backwards?|back(?! (?:up|to)))\b"),
    "up": re.compile(r"\b(?:up(?! ahead)|upwards?|sky|ceiling|above)\b"),
    "down": re.compile(r"\b(?:down|downwards?|floor|ground|below)\b"),
}


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
    return following if found and found[0] in _LASTING else None


def _values(text: str) -> tuple[list[tuple[str, float, str]], str]:
    """Quantities with a unit, and the text without them."""
    values, position, times = [], 0, 1.0
    while match := _QUANTITY.search(text, position):
        found = unit_of(match["rest"] or "")
        loose = re.fullmatch(r"(?:an?|one)", match["number"].strip()) is not None
        part = found and _PART_AFTER.match(text, match.start("rest") + found[2].end())
        loose = loose and not part
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
            times, start = {"twice": 2.0, "thrice": 3.0}[twice[1]], twice.start()
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
    share = {"double": 2.0, "twice": 2.0, "triple": 3.0}.get(said) or number(
        f"{said.rstrip('%').removesuffix('cent')} ".replace("per ", "")
    )
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
        if not pace and (found := pattern.search(text)):
            pace, manner = fraction, found[0]
        text = pattern.sub(" ", text)
    text = _PI.sub(_radians, text)
    forever, text = bool(_FOREVER.search(text)), _FOREVER.sub(" ", text)
    around, about = bool(_AROUND.search(text)), bool(_ABOUT.search(text))
    text = _BARE_ANGLE.sub("turn around", text)
    values, text = _values(text)
    values += shares
    for match in _COUNT_WORD.finditer(text):
        values.append(("count", {"twice": 2.0, "thrice": 3.0}.get(match[0], 1.0), match[0]))
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
    little, far = bool(LITTLE.search(text)), bool(_FAR.search(text))
    text = _FAR.sub(" ", LITTLE.sub(" ", text))
    sides = tuple(side for side, pattern in _SIDES.items() if pattern.search(text))
    directions = sides + tuple(name for name, pattern in _DIRECTIONS.items() if pattern.search(text))
    colours = tuple(dict.fromkeys(_COLOUR.findall(text)))
    estimates = tuple(said for _, _, said in values if _ESTIMATE.search(said))
    said = Quantities(tuple(values), estimates, pace, manner, little, far, around, about, forever, sides, directions, colours)
    return said, " ".join(text.split())


def mirrored(text: str) -> str:
    """The clause with right said as left, for what a head can't and need not tell apart."""
    text = _SIDES["right"].sub(
        lambda match: "counterclockwise" if match[0].endswith(("clockwise", "cw")) else match[0].replace("right", "left"), text
    )
    return _MIRROR.sub("counterclockwise", text)
