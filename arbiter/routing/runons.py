"""Dictated words come without punctuation: "turn left walk forward two meters wave" is three commands."""

from __future__ import annotations

import re

_VERB = (
    r"(?:turn|walk|wave|sit|stand|bow|raise|lift|lower|touch|point|step|go|rotate|spin|sidestep|strafe|shuffle|slide|move|march"
    r"|put|come|get|pivot|approach|retreat|reverse|stroll|head|back up|back off|back away)"
)
_ENDS = (
    r"(?:forwards?|backwards?|ahead|straight|left|right|clockwise|around|round|up|down|back|again|once|twice|thrice|times"
    r"|met(?:er|re)s?|m|cm|feet|foot|inches|yards?|degrees|seconds?|secs?|minutes?|steps?|paces?|arms|hands?|ball|circles?|bow"
    r"|me|here)"
)
# A command verb after what ends a command that has its own verb. "A left turn" and "go ahead, walk" are one command each.
_NEXT = re.compile(
    rf"(?P<before>\b{_VERB}\b(?! ahead {_VERB})[^,.;:!?]*? {_ENDS}) "
    rf"(?!(?:turn|step|point|march|spin|head|back|slide|move)(?:$|[,.;:!?]| (?:and|then|to|of|please)\b))"
    rf"(?P<next>{_VERB}\b)(?! (?:of|your ball)\b)"
)
_REMARK = re.compile(
    rf"^(?P<before>(?:you are|it is|that is|this is|i am) (?:\w+ing )?"
    r"(?:way |far |a bit |much )?(?:too|so|very|getting|quite|really)"
    rf" [a-z]+(?: to me| for me| away)?)(?: please)? (?P<next>{_VERB}\b)"
)
_FIRST = re.compile(
    r"^(?P<before>(?:after|before|once|while|instead of|rather than|without)(?: you(?: have| are)?)? \w+(?:ing|ed)\b[^,.;:!?]*?)"
    rf"(?<! a)(?<! an)(?<! the)(?<! one) (?P<next>{_VERB}\b)"
)
_BEFORE = re.compile(rf"^(?P<before>(?:after|before|once|while) you {_VERB}\b[^,.;:!?]*? {_ENDS}) (?P<next>{_VERB}\b)")
_STEPS = re.compile(
    r"(?P<before>\bsteps? (?:forwards?|backwards?|back|left|right)) (?P<next>(?:\d+|an?|one|two|three|four|five) steps?\b)"
)


def punctuated(text: str) -> str:
    """A normalised text with a comma before each command that follows another one without any."""
    for pattern in (_REMARK, _FIRST, _BEFORE, _STEPS):
        text = pattern.sub(r"\g<before>, \g<next>", text)
    position = 0
    while match := _NEXT.search(text, position):
        start = match.start("next")
        text = f"{text[: start - 1]}, then {text[start:]}"
        position = start + len(", then") - 1
    return text
