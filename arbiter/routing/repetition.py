"""How often a whole plan is to be done: "three times: wave, then bow"; "walk forward and turn left, four times"."""

from __future__ import annotations

from dataclasses import dataclass

from arbiter.routing.numerals import number
from arbiter.routing.patterns import patterns

_FRONT, _BACK, _NUMBER, _ONCE_MORE = patterns("repetition", "front back number once_more")
_WORDS = {"twice": 2, "thrice": 3}


@dataclass(frozen=True, slots=True)
class RepeatedPlan:
    """A text that says of its whole plan how often.

    Attributes:
        said: The words that say it. times: How often. rest: The text without them.
    """

    said: str
    times: int
    rest: str


def of_plan(text: str) -> RepeatedPlan | None:
    """What a normalised text says of its whole plan; None where it says nothing.

    A number of times behind a comma is of the plan only if that has several parts: whoever has parsed the rest decides.
    """
    for pattern in (_FRONT, _BACK):
        if match := pattern.search(text):
            said = next(said for name, said in match.groupdict().items() if said)
            rest = (text[: match.start()] + text[match.end() :]).strip(" ,;:.!")
            if rest:
                return RepeatedPlan(said, _count(said), rest)
    return None


def _count(said: str) -> int:
    if _ONCE_MORE.fullmatch(said):
        return 2
    found = _NUMBER.search(said)
    return _WORDS.get(said.split()[0]) or round(number(found[0]) if found else number(said.split(" times")[0]))
