"""How often a whole plan is to be done: "three times: wave, then bow"; "walk forward and turn left, four times"."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from arbiter.routing.connectives import BREAKS
from arbiter.routing.languages.english import english
from arbiter.routing.numerals import NUMBER_WORDS, TIMES, number
from arbiter.routing.structure import Clause, Word
from arbiter.routing.text import words

TELLING = ("command", "follow-up", "negated")  # kinds of clauses that may tell how often
LIKELY = 0.55  # mean probability from which words are taken to tell of repetition
MARKS = tuple(BREAKS)
_ENDS = " ,.;:!?"


@dataclass(frozen=True, slots=True)
class RepeatedPlan:
    """A text that says of its whole plan how often.

    Attributes:
        said: The words that say it. times: How often. rest: The text without them.
        each: Each command by itself so often, and not one after the other.
        named: The words name the plan ("do all of that twice"); else they only stand apart from it.
    """

    said: str
    times: int
    rest: str
    each: bool
    named: bool


def of_plan(found: Sequence[Clause]) -> RepeatedPlan | None:
    """What the clauses of a text say of its whole plan; None where they say nothing.

    A number of times behind a comma is of the plan only if that has several parts: whoever has parsed the rest decides.
    """
    told = [
        word if clause.kind in TELLING else replace(word, role="frame")  # what stands beside the plan
        for clause in _set_apart(found)
        for word in clause.words
    ]
    plans = [plan for begin, end in _runs(told) if (plan := _plan(told, begin, end))]
    return max(plans, key=lambda plan: plan.times, default=None)  # "again and again, six times in all"


def _set_apart(found: Sequence[Clause]) -> list[Clause]:
    """Clauses with a mark behind a number of times in front of them all: "three times | arms up and down"."""
    if not found:
        return []
    first, ways = found[0].words, english().conjunctions | english().particles
    said = [*itertools.takewhile(lambda word: word.role == "repetition", first)]
    verbless = bool(found[1:]) and all(ways.issuperset(words(clause.text)) for clause in found[1:])  # "arms up | and down"
    if not said or said[-1].text not in english().counted or not (len(said) == len(first) or verbless):
        return [*found]
    marked = (*said[:-1], replace(said[-1], text=f"{said[-1].text},"), *first[len(said) :])
    return [replace(found[0], words=marked), *found[1:]]


def _runs(told: Sequence[Word]) -> Iterator[tuple[int, int]]:
    """Where words that tell of repetition begin and end, with those around them that name a plan: "do both | four times"."""
    begin = 0
    for i, word in enumerate(told):
        ends = i + 1 == len(told) or word.text.endswith(MARKS) or not _of_repetition(told[i + 1])
        if ends and _of_repetition(word):
            core = [k for k in range(begin, i + 1) if told[k].role == "repetition"]
            if core and fmean(told[k].certainty for k in core) >= LIKELY:
                bounded = begin == 0 or told[begin - 1].role in ("order", "frame") or told[begin - 1].text.endswith(MARKS)
                yield (begin if bounded else core[0]), i + 1
        if ends or not _of_repetition(word):
            begin = i + 1


def _of_repetition(word: Word) -> bool:
    """Whether a word tells of repetition, or names a plan."""
    said = word.text.strip(_ENDS)
    named = said in english().whole or said in english().performing
    return word.role == "repetition" or (word.role in ("other", "order") and named)


def _courtesy(word: Word) -> bool:
    return word.role == "frame" and word.text.strip(_ENDS) not in english().whole  # "do three things: ..."


def _plan(told: Sequence[Word], begin: int, end: int) -> RepeatedPlan | None:
    """What words from `begin` to `end` say of the plan of the others; None where they say it of a part."""
    said = words(_text(told[begin:end]))
    while end < len(told) and _courtesy(told[end]) and not told[end - 1].text.endswith(MARKS):
        end += 1  # "twice please: ..."
    named, each = bool(english().whole.intersection(said)), bool(english().singly.intersection(said))
    while begin and told[begin - 1].role in ("order", "frame"):
        begin -= 1
    first = all(word.role == "frame" for word in told[:begin])
    last = all(word.role == "frame" for word in told[end:])
    apart = begin > 0 and told[begin - 1].text.endswith(MARKS)
    rest, times = _text(told[:begin], told[end:]), _count(said)
    mere = not named and {"again", "once"}.intersection(said)  # of the last command: "turn right, then once more"
    if times < 2 or mere or not words(rest):
        return None
    ahead = first and (named or said[-1] == "of" or told[end - 1].text.endswith(MARKS))
    if ahead or (last and (named or apart or each)):
        return RepeatedPlan(" ".join(said), times, rest, each, named)
    return None


def _text(*told: Sequence[Word]) -> str:
    return " ".join(word.text for word in itertools.chain(*told)).strip(_ENDS)


def _count(said: Sequence[str]) -> int:
    """The number of times that words name; 0 for none."""
    if {*said} >= {"second", "time"}:
        return 2  # "all of that a second time"
    adverb = next((word for word in said if word in TIMES or word == "again"), "")
    behind = [*itertools.dropwhile(lambda word: not _figure(word), said)]
    figures = [*itertools.takewhile(bool, map(_figure, behind))]
    if not adverb and english().whole.intersection(behind[len(figures) :][:1]):
        return 0  # "do three things: ..."
    times = TIMES.get(adverb, 2) if adverb else round(number(" ".join(figures))) if figures else 0
    times += "more" in said
    return max(2, times) if "repeat" in said else times


def _figure(word: str) -> str:
    """The number that a word is, "3" of "x3"; "" for none."""
    bare = word.strip("x")
    return bare if bare.isdecimal() else word * (word in NUMBER_WORDS)
