"""Statements, questions and imagined scenes: clauses with a command's words that request nothing.

What is plainly one by its first words; of the rest, the encoder tells remarks (`structure`).
"""

from __future__ import annotations

import re
from collections.abc import Set

from arbiter.routing.languages.english import english
from arbiter.routing.patterns import patterns

(_TELLS,) = patterns("statements", "tells")
_DETERMINED = rf"(?:{'|'.join(sorted(english().determiners))})"

_CAPITAL = re.compile(r"[A-Z][a-z]+(?:'s)?")
_NAME = re.compile(r"(?<=[a-z,] )(?:[A-Z][a-z]+ )*[A-Z][a-z]+\b")
_ENDS, _SENTENCE = ",.;:!?", (".", "!", "?", ":")


def somebody(text: str, known: Set[str], verbs: Set[str]) -> str:
    """Whom a text speaks to, "Nadia, sit down", "stand up, Mrs Jones", as the robot is not called; "" for nobody.

    A name has a capital, or is a word for people, and stands apart: between marks, or after a greeting and before a verb.

    Args:
        text: As given.
        known: Words of the skills' phrases, of politeness and of address.
        verbs: That commands of the skills begin with.
    """
    said = text.split()
    bare = [word.strip(_ENDS + "\"'()") for word in said]
    capital = [_CAPITAL.fullmatch(word) is not None for word in bare]
    lower = [word.lower() for word in bare]
    ends = [word[-1] in _ENDS and lowered not in english().titles for word, lowered in zip(said, lower, strict=True)]
    structure, people, greets = english().structure, english().people, english().greetings
    start = end = 0
    while (start := end) < len(said):
        end = start + 1
        while capital[start] and end < len(said) and capital[end] and not ends[end - 1]:
            end += 1
        greeted = greets.issuperset(lower[:start])
        before = greeted or ends[start - 1]
        after = end == len(said) or ends[end - 1] or (greeted and start > 0 and lower[end] in verbs | greets)
        nicknamed = start > 0 and end - start == 1 and lower[start] in english().endearments  # "walk on, Biscuit"
        if not (before and after) or end - start == len(said) or nicknamed:
            continue
        # A capital tells nothing at the beginning of a sentence, but for "Nadia, sit down".
        opens = start == 0 or (ends[start - 1] and said[start - 1].endswith(_SENTENCE))
        named = capital[start] and not (opens and not said[end - 1].endswith(","))
        named = named and not (start and capital[start - 1]) and lower[start] not in structure
        strange = any(word in people or (word not in known and word not in structure) for word in lower[start:end])
        if lower[start] in people or (named and strange):
            return " ".join(bare[start:end])
    return ""


def named(text: str) -> frozenset[str]:
    """Words with a capital amid others without one, which are names: "bow to Professor Lind"."""
    return frozenset(word for found in _NAME.findall(text) for word in found.lower().split())


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
