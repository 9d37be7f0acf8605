"""How often a whole plan is to be done: "three times: wave, then bow"; "walk forward and turn left, four times"."""

from __future__ import annotations

import re
from dataclasses import dataclass

from arbiter.routing.numerals import SPELLED, number

_ROW = r" (?:in a row|in succession|one after the other|back to back)"
_COUNT = rf"(?:\d{{1,3}}|{SPELLED}|an?(?: couple| few)?(?: of)?|several)"
_TIMES = (
    rf"(?:(?:twice|thrice|{_COUNT} (?:times|reps?|repetitions?|rounds?|runs?|cycles?|goes|sets?)(?: of (?:it|that|this))?)"
    rf"(?: over| in all| in total| each|{_ROW})?|(?:times|x) (?:\d{{1,3}}|{SPELLED}))"
)
_ALL = (
    r"(?:(?:all|both) (?:of )?(?:that|this|it|these|them)"
    r"|(?:the|this|that|these|those) (?:whole |entire |same |following )*(?:things?|steps|sequence|lot|pair|routine|exercise)"
    r"|the (?:following|same)|that|this|it|both|everything|these)"
)
_DO = rf"(?:(?:please )?(?:do|repeat|perform|run|execute|play)(?: {_ALL})?)"
_FRONT = re.compile(
    rf"^(?:{_DO} )?(?P<of>{_COUNT} (?:reps|repetitions|rounds|runs|cycles|sets) of) ?:? *(?=\w)"
    rf"|^(?:{_DO} |{_ALL} )?(?P<times>{_TIMES}) ?[:;] *|^(?:{_DO} (?P<then>{_TIMES})|(?P<row>{_TIMES}(?<=row)))[ ,:;-]+(?=\w)"
)
_BACK = re.compile(
    rf"(?:(?:[,.;:!]+(?: and| then)*|(?: and| then)+) (?:please )?(?:{_DO}|{_ALL}) (?P<times>{_TIMES})"
    rf"|[,;:] ?(?:all )?(?P<then>{_TIMES})"
    rf"|(?:[,.;:!]+(?: and| then)*|(?: and| then)+) (?:please )?(?:{_DO}|run through {_ALL}) "
    r"(?P<again>once(?: more| again)?|one more time|again|a second time))(?: please| thanks)?[ .!]*$"
)
_NUMBER = re.compile(rf"\d{{1,3}}|{SPELLED}")
_ONCE_MORE = ("once", "once more", "once again", "one more time", "again", "a second time")
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
    if said in _ONCE_MORE:
        return 2
    found = _NUMBER.search(said)
    return _WORDS.get(said.split()[0]) or round(number(found[0]) if found else number(said.split(" times")[0]))
