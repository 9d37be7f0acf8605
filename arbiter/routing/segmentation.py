"""Dictated words come without punctuation: "turn left walk forward two meters wave" is three commands."""

from __future__ import annotations

import re

from arbiter.routing.text import strip_politeness

VERB = (
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
    rf"(?P<before>\b{VERB}\b(?! ahead {VERB})[^,.;:!?]*? {_ENDS}) "
    rf"(?!(?:turn|step|point|march|spin|head|back|slide|move)(?:$|[,.;:!?]| (?:and|then|to|of|please)\b))"
    rf"(?P<next>{VERB}\b)(?! (?:of|your ball)\b)"
)
_REMARK = re.compile(
    rf"^(?P<before>(?:you are|it is|that is|this is|i am) (?:\w+ing )?"
    r"(?:way |far |a bit |much )?(?:too|so|very|getting|quite|really)"
    rf" [a-z]+(?: to me| for me| away)?)(?: please)? (?P<next>{VERB}\b)"
)
_FIRST = re.compile(
    r"^(?P<before>(?:after|before|once|while|instead of|rather than|without)(?: you(?: have| are)?)? \w+(?:ing|ed)\b[^,.;:!?]*?)"
    rf"(?<! a)(?<! an)(?<! the)(?<! one) (?P<next>{VERB}\b)"
)
_BEFORE = re.compile(
    rf"^(?P<before>(?:after|before|once|while) you {VERB}\b[^,.;:!?]*? {_ENDS})"
    rf" (?P<next>(?:{VERB}|(?:take|make|give|do) (?:an?|your|me|us))\b)"
)
_STEPS = re.compile(
    r"(?P<before>\bsteps? (?:forwards?|backwards?|back|left|right)) (?P<next>(?:\d+|an?|one|two|three|four|five) steps?\b)"
)
_COMMAND = re.compile(rf"\b(?:{VERB}|face|take|make|left|right)\b")
_BREAK = re.compile(r"[,;:!?]|\.(?!\d)")
# Forbidden, under a condition, or told of others ("robots walk", "it is dangerous to walk").
_SCOPE = re.compile(
    r"\b(?:not|never|no|if|when|whenever|unless|until|till|who|which|ever"
    rf"|(?:to|i|you|he|she|we|they|robots|people|humans) {VERB})\b"
)


def commands(text: str) -> bool:
    """Whether what a text ends in asks for something: its last clause has a command verb that nothing rules out."""
    clause = strip_politeness(_BREAK.split(text)[-1])
    return _COMMAND.search(clause) is not None and _SCOPE.search(clause) is None


def punctuated(text: str) -> str:
    """A normalised text with a comma before each command that follows another one without any.

    Only a command is followed by one: what is forbidden, a condition or told of others ("don't walk forward turn left")
    reaches to the end of its clause.
    """
    for pattern in (_REMARK, _FIRST, _BEFORE, _STEPS):
        text = pattern.sub(r"\g<before>, \g<next>", text)
    position = 0
    while match := _NEXT.search(text, position):
        start = position = match.start("next")
        if not commands(text[:start]):
            continue
        text = f"{text[: start - 1]}, then {text[start:]}"
        position = start + len(", then") - 1
    return text
