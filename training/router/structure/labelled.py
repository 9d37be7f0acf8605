"""A labelled sentence, and the clauses that it is made of."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

HELD_OUT = 5  # one entry of a list in so many


@dataclass(frozen=True, slots=True)
class LabelledSentence:
    """One labelled sentence.

    Attributes:
        words: Its words, punctuation at their ends.
        starts: Whether a clause begins at each.
        clauses: Index into CLAUSES of the clause that each belongs to.
        roles: Index into ROLES of each.
    """

    words: tuple[str, ...]
    starts: tuple[bool, ...]
    clauses: tuple[int, ...]
    roles: tuple[int, ...]


@dataclass(slots=True)
class MadeClause:
    kind: str
    words: list[tuple[str, str]]  # word, role
    end: str = ""  # punctuation behind it

    def lead(self, words: Sequence[tuple[str, str]]) -> MadeClause:
        return MadeClause(self.kind, [*words, *self.words], self.end)

    def trail(self, words: Sequence[tuple[str, str]]) -> MadeClause:
        return MadeClause(self.kind, [*self.words, *words], self.end)


def held_out(entry: str) -> bool:
    """Whether an entry of a list is kept for the test."""
    return hashlib.sha256(entry.encode()).digest()[0] % HELD_OUT == 0
