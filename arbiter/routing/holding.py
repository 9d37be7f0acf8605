"""What is to be held for a time: "bow and hold it for two seconds" is one command with a duration."""

from __future__ import annotations

import re

from arbiter.routing.quantities import extract
from arbiter.routing.text import words

_HELD = re.compile(
    r"[,;]? ?\b(?:and|then|and then)? ?\b(?:(?:hold|keep)(?: (?:it|that|this|them|the \w+|your \w+|there|up|out|down|still))*"
    r"|(?:stay|remain) (?:down|up|like (?:that|this))) "
    r"(?=for [\w.]+(?: \w+){0,3}? ?(?:s|secs?|seconds?|mins?|minutes?|ms|hours?)\b)"
)


def held(text: str) -> str:
    """A normalised text with each "and hold it for ..." as a time of the command before it; after a way, as a stand."""
    return _HELD.sub(_of_the_command, text)


def _of_the_command(found: re.Match[str]) -> str:
    before = found.string[: found.start()]
    if {kind for kind, *_ in extract(before)[0].values} & {"distance", "steps", "angle"}:
        return ", then stand still "
    return " " if words(before) else found[0]
