"""Which of several commands comes first and which last, where words beside them tell: "the bow comes last, start with a wave"."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

from arbiter.routing.languages.english import BETWEEN, LAST, english
from arbiter.routing.structure import SURE, Clause, Word

_ENDS = " ,.;:!?"
_THEN = Word("then", "order", 1.0)


def in_told_order(found: Sequence[Clause]) -> tuple[Clause, ...]:
    """The clauses in the order to be done, without the words that told it; as they are where nothing tells another order."""
    places: list[int] = []
    parted = [_parted(clause) for clause in found]
    for lead, _, tail in parted:
        told = _place(tail) if tail else _place(lead)
        follows = bool(lead) and bool(places) and places[-1] != LAST
        places.append(told if told is not None else places[-1] if follows else BETWEEN)
    order = sorted(range(len(found)), key=places.__getitem__)
    behind = any(_place(tail) is not None for _, _, tail in parted)
    if (order == list(range(len(found))) and not behind) or not all(body for _, body, _ in parted):
        return tuple(found)
    return tuple(replace(found[i], words=(*([_THEN] if number else []), *_ended(parted[i][1]))) for number, i in enumerate(order))


def _parted(clause: Clause) -> tuple[list[Word], list[Word], list[Word]]:
    """The order words in front, the rest, and the order words behind that tell a place."""
    words = list(clause.words)
    lead = list(itertools.takewhile(_orders, words))
    tail = list(itertools.takewhile(_orders, reversed(words[len(lead) :])))[::-1]
    if _place(tail) is None or fmean(word.certainty for word in tail) < SURE:
        tail = []
    return lead, words[len(lead) : len(words) - len(tail)], tail


def _orders(word: Word) -> bool:
    return word.role == "order"


def _place(words: Sequence[Word]) -> int | None:
    """The place that words tell; None for none."""
    said = {word.text.strip(_ENDS) for word in words}
    if "then" in said:
        return None  # "turn right first and then bow": of the clause before
    return next((place for place, names in enumerate(english().places) if said & names), None)


def _ended(words: Sequence[Word]) -> list[Word]:
    """Words without a mark at their end, which may have been behind what told the order."""
    return [*words[:-1], replace(words[-1], text=words[-1].text.rstrip(_ENDS))]
