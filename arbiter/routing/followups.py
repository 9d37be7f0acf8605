"""Words that refer to the last plan: "again", "a bit more", "twice as far", "the other hand", "and back".

A small grammar, not a list of phrases: marks (again, onward, more, less, a comparative, a factor, the other one, the way back),
sides, colours and quantities, in any order, and fillers. A clause in which anything else stands has a verb of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from arbiter import strict
from arbiter.errors import ConfigError
from arbiter.routing.numerals import DIGITS, SPELLED, number
from arbiter.routing.patterns import patterns
from arbiter.routing.quantities import Quantities, extract
from arbiter.routing.text import strip_politeness, words

FILE = Path(__file__).parent / "languages" / "english_followups.yaml"
_CLASSES = (
    *"again latest single once onward further more less little much".split(),
    *"undo back backwards opposite other parts ways ones apart both fast slow".split(),
)
_MORE_OF, _ANOTHER, _ALL_OF, _OF_THEM, _COUNTS, _LATER, _BARE, _PRAISE, ONGOING, _ANCHORS = patterns(
    "followups", "more_of another all_of of_them counts later bare praise ongoing anchors"
)
_ALSO = {"single": ("again",), "once": ("again",), "further": ("more",)}
_DIRECTIONS = frozenset(
    "ahead forward forwards straight behind up upwards down downwards left right leftwards rightwards clockwise "
    "counterclockwise anticlockwise".split()
)


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The file of one language.

    Attributes:
        marks: What each phrase is: the name of its class, or (dimension, +1 or -1). pattern: Finds them, the longest first.
        factor: "twice as far": groups `times`, `as`, `noun` and `all`. factors: Their values.
        named: Dimension by what may follow "as" and "the".
        fillers, light, parts, ways: Words.
    """

    marks: Mapping[str, Any]
    pattern: re.Pattern[str]
    factor: re.Pattern[str]
    factors: Mapping[str, float]
    named: Mapping[str, str]
    fillers: frozenset[str]
    light: frozenset[str]
    parts: frozenset[str]
    ways: frozenset[str]


def _any(phrases: Iterable[str]) -> str:
    return "|".join(sorted(phrases, key=lambda phrase: (-len(phrase), phrase)))


@cache
def lexicon(path: Path = FILE) -> Lexicon:
    """Reads a language's file. Raises ConfigError for what is missing in it, or is no list of plain lower-case words."""
    data = strict.parse(path).plain()
    for name in (*_CLASSES, "fillers", "light"):
        for phrase in data.get(name) or [""]:
            if not isinstance(phrase, str) or not re.fullmatch(r"[a-z]+(?: [a-z]+)*", phrase):
                raise ConfigError(f"{path}: {name}: {phrase!r} is no list of plain lower-case words")
    marks: dict[str, Any] = {phrase: name for name in _CLASSES for phrase in data[name]}
    named = {}
    for dimension, said in data["dimensions"].items():
        marks |= {phrase: (dimension, sign) for name, sign in (("more", 1), ("less", -1)) for phrase in said[name]}
        named |= dict.fromkeys((*said["as"], *said["noun"]), dimension)
    adjectives, nouns = ([word for said in data["dimensions"].values() for word in said[name]] for name in ("as", "noun"))
    factor = (
        rf"\b(?<!\ba )(?P<times>{_any(data['factors'])}|(?:{SPELLED}|{DIGITS}) times)"
        rf"(?: as (?P<as>{_any(adjectives)})(?: as (?:before|that))?| (?:the |your |that )?(?P<noun>{_any(nouns)})"
        rf"|(?P<all> (?:that|it)|(?<=way))|$)"
    )
    in_words = {name: frozenset(" ".join(data[name]).split()) for name in ("fillers", "light", "parts", "ways")}
    in_words["fillers"] |= {*nouns}
    return Lexicon(marks, re.compile(rf"\b(?:{_any(marks)})\b"), re.compile(factor), data["factors"], named, **in_words)


@dataclass(frozen=True, slots=True)
class FollowUp:
    """What a clause says of the last plan.

    Attributes:
        words: As said. command: The same with "two metres" for "two more metres".
        rest: Words of a command of its own ("wave again": "wave"); "" where there are none.
        marks: Names of the classes that were said: "again", "single" and "once" (both are "again", too), "onward", "more",
            "further" (is "more", too), "latest" (its last step), "less", "little", "much", "undo", "back", "backwards",
            "opposite", "other", "manner" ("slowly"), "anchor" (refers to it), "light" (a verb like "go").
        compare: (dimension, +1 or -1) of each comparative. factors: (dimension, factor) of "twice as far".
        nouns: What "other" and a side belong to: "hand", "way", "one".
        said: Quantities, sides, directions and colours.
    """

    words: str
    command: str
    rest: str
    marks: frozenset[str]
    compare: tuple[tuple[str, int], ...]
    factors: tuple[tuple[str, float], ...]
    nouns: tuple[str, ...]
    said: Quantities

    @property
    def changes(self) -> bool:
        """It asks for something else than the last plan as it was."""
        amount = self.marks & {"single", "more", "less", "backwards", "opposite", "other"}
        return bool(amount or self.compare or self.factors or self.detailed)

    @property
    def counted(self) -> bool:
        """It says how often, and changes nothing."""
        amounts = self.marks & {"less", "backwards", "opposite", "other", "back", "undo"} or self.compare or self.factors
        kinds = {kind for kind, *_ in self.said.values}
        return kinds == {"count"} and not (amounts or self.said.sides or self.said.directions or self.said.colours)

    @property
    def detailed(self) -> bool:
        """It names a side, a direction, a colour or a quantity."""
        said = self.said
        return bool(said.values or said.sides or said.directions or said.colours)

    @property
    def goes_on(self) -> bool:
        """It may ask for a way of its own: "turn left, then go on for a metre"."""
        far = any(kind in ("distance", "steps") for kind, *_ in self.said.values)
        return far and {"onward"} <= self.marks <= {"onward", "light", "anchor"}

    @property
    def plain(self) -> bool:
        """It may be a command of its own just as well: "back", "reverse", "left"; the last plan only tells how far."""
        if self.marks & {"onward", "light"} and (self.said.directions or "back" in self.marks):
            return True  # "keep going forward", "go further back"
        compared = self.compare and "manner" not in self.marks
        return not (
            self.marks & {"again", "onward", "more", "less", "undo", "opposite", "other", "anchor"} or compared or self.factors
        )


class _Marks:
    """What the words of one text say of a last plan, gathered while they are taken out of it."""

    def __init__(self) -> None:
        self.marks: set[str] = set()
        self.compare: list[tuple[str, int]] = []
        self.factors: list[tuple[str, float]] = []
        self.nouns: list[str] = []

    def more(self, match: re.Match[str]) -> str:
        said = match.groupdict()
        again = said.get("unit", "").startswith("time")  # "two more times"
        self.marks.add("again" if again else "more")
        if again and said["number"] in ("one", "a"):
            self.marks.add("once")
            return " "
        return f"{said['number']} {said['unit']}" if "unit" in said else said["counted"] or "a "

    def factor(self, match: re.Match[str]) -> str:
        if not (match["as"] or match["noun"] or match["all"]) and extract(match["times"])[0].values:
            return match[0]  # "do that twice"
        named = lexicon().named.get(match["as"] or match["noun"] or "", "amount")
        times = match["times"]
        self.factors.append((named, lexicon().factors.get(times) or number(times.removesuffix(" times"))))
        return " "

    def mark(self, match: re.Match[str]) -> str:
        kind = lexicon().marks[match[0]]
        if kind == "ones" and _COUNTS.match(match.string, match.end()):
            return match[0]
        if isinstance(kind, tuple):
            self.compare.append(kind)
        elif kind in ("fast", "slow"):
            self.marks.add("manner")
            self.compare.append(("speed", 1 if kind == "fast" else -1))
        elif kind == "apart":
            return f" {match[0].replace(' ', '-')} "
        elif kind in ("parts", "ways", "ones"):
            self.nouns.append(match[0])
        else:
            self.marks.update((kind, *_ALSO.get(kind, ())))
        return " "


@lru_cache(maxsize=256)
def follow_up(text: str) -> FollowUp | None:
    """A normalised, expanded text as a follow-up; None where no word of it refers to a last plan."""
    known, read = lexicon(), _Marks()
    marks = read.marks
    left = _OF_THEM.sub(lambda match: f"do that {match['count'] or match['made']} times", _ALL_OF.sub(r"\g<said> ", text))
    left = command = _ANOTHER.sub(read.more, _MORE_OF.sub(read.more, _PRAISE.sub("", left)))
    left, ongoing = ONGOING.subn(" ", known.factor.sub(read.factor, left))
    left = known.pattern.sub(read.mark, left)
    marks |= {"onward"} if ongoing else set()
    marks |= {"anchor"} if _ANCHORS.search(left) else set()
    left = strip_politeness(" ".join(left.replace(",", " ").split()))
    said, rest = extract(left)
    found = [word for word in words(rest) if word not in known.fillers]
    bare = " ".join(found)
    if marks & {"more", "less"} and _BARE.fullmatch(bare):
        said, found = Quantities((("number", number(bare), bare),)), []
    if known.light & set(found):
        marks.add("light")
    if "opposite" in marks and known.parts & set(read.nouns):
        marks.add("other")  # "the opposite hand"
        marks.discard("opposite")
    unread = set(found) - known.light - _read(said)
    by, times, nouns = tuple(read.compare), tuple(read.factors), tuple(read.nouns)
    follow = FollowUp(text, command, " ".join(found) if unread else "", frozenset(marks), by, times, nouns, said)
    if _LATER.search(text) or not (marks - {"anchor", "light", "little", "much"} or follow.changes):
        return None
    return follow


def marks() -> frozenset[str]:
    """Words of the marks, to which typing errors are mended."""
    return frozenset(word for phrase in lexicon().marks for word in phrase.split())


def _read(said: Quantities) -> set[str]:
    """Words that `extract` reads and leaves in the clause."""
    steps = ("step", "steps") if any(kind == "steps" for kind, *_ in said.values) else ()
    return {*said.colours, *steps, *(_DIRECTIONS if said.directions else ())}
