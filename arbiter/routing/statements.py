"""Statements, questions and imagined scenes: clauses with a command's words that request nothing.

What is plainly one by its first words; of the rest, the encoder tells remarks (`structure`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set

from arbiter.routing.languages.english import english
from arbiter.routing.patterns import patterns
from arbiter.routing.structure import Clause

(_TELLS,) = patterns("statements", "tells")
_DETERMINED = rf"(?:{'|'.join(sorted(english().determiners))})"

_NAME = re.compile(r"\s*([A-Z][a-z]+),")


def somebody(text: str, found: Sequence[Clause], known: Set[str]) -> str:
    """Whom a text names in front, "Nadia, sit down", as the robot is not called; "" for nobody.

    Args:
        text: As given: names have a capital. found: Its clauses, which tell forms of address and manners.
        known: Words of the skills' phrases, of politeness and of address.
    """
    name = _NAME.match(text)
    if name is None or not found or found[0].words[0].role != "other":
        return ""
    return "" if name[1].lower() in known | english().structure else name[1]


class Statements:
    """Tells clauses that are a statement, a question or a thought rather than a command.

    Args:
        verbs: That commands of the skills begin with; of others they tell something: "robots walk", "the path turns left".
        asked: Words of the skills' phrases, none of which is such a subject or such a verb: "two steps turn left", "your hands".
    """

    def __init__(self, verbs: Set[str], asked: Set[str]) -> None:
        verb = "|".join(map(re.escape, sorted(verbs, key=len, reverse=True))) or "(?!)"
        self._asked = asked
        self._of_others = re.compile(
            rf"^(?:{_DETERMINED} )*(?:(?P<subject>(?!\w+ss )\w+s)|people|children)"
            rf" (?:(?:can|will|should|must|may|do|always|often|never) )?(?:{verb})\b"
            rf"|^{_DETERMINED} \w+ (?P<told>(?:{verb})(?:e?s\b|e?d(?= )))"
        )

    def __call__(self, clause: str) -> bool:
        """Whether a canonical clause is one."""
        others = self._of_others.search(clause)
        return _TELLS.search(clause) is not None or (others is not None and self._asked.isdisjoint(others.groups()))
