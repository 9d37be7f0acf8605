"""What is to be held for a time: "bow and hold it for two seconds" is one command with a duration."""

from __future__ import annotations

import re

from arbiter.routing.patterns import patterns
from arbiter.routing.quantities import extract
from arbiter.routing.text import words

(_HELD,) = patterns("holding", "held")


def held(text: str) -> str:
    """A normalised text with each "and hold it for ..." as a time of the command before it; after a way, as a stand."""
    return _HELD.sub(_of_the_command, text)


def _of_the_command(found: re.Match[str]) -> str:
    before = found.string[: found.start()]
    if {kind for kind, *_ in extract(before)[0].values} & {"distance", "steps", "angle"}:
        return ", then stand still "
    return " " if words(before) else found[0]
