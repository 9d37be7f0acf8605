"""What is to be held for a time: "bow and hold it for two seconds" is one command with a duration."""

from __future__ import annotations

import re

from arbiter.routing.text import words

_HELD = re.compile(
    r"[,;]? ?\b(?:and|then|and then)? ?\b(?:(?:hold|keep)(?: (?:it|that|this|them|the \w+|your \w+|there|up|out|down|still))*"
    r"|(?:stay|remain) (?:down|up|like (?:that|this))) "
    r"(?=for [\w.]+(?: \w+){0,3}? ?(?:s|secs?|seconds?|mins?|minutes?|ms|hours?)\b)"
)


def held(text: str) -> str:
    """A normalised text with each "and hold it for ..." as a time of the command before it."""
    return _HELD.sub(lambda found: " " if words(text[: found.start()]) else found[0], text)
