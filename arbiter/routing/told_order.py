"""Which of several commands comes first and which last, where words beside them tell: "the bow comes last, start with a wave"."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

from arbiter.routing.languages.english import BETWEEN, FIRST, LAST, english
from arbiter.routing.structure import CLEAR, SURE, Clause, Word

_ENDS = " ,.;:!?"
_THEN = Word("then", "order", 1.0)


def in_told_order(found: Sequence[Clause]) -> tuple[Clause, ...]:
    """The clauses in the order to be done, without the words that told it; as they are where nothing tells another order."""
    found = _led(found)
    places: list[int] = []
    told_of = _unbroken(found)
    parted = [_parted(clause) for clause in told_of]
    for lead, _, tail in parted:
        told = _place(tail) if tail else _place(lead)
        follows = bool(lead) and bool(places) and places[-1] != LAST
        places.append(told if told is not None else places[-1] if follows else BETWEEN)
    order = sorted(range(len(told_of)), key=places.__getitem__)
    behind = any(_place(tail) is not None for _, _, tail in parted)
    if (order == list(range(len(told_of))) and not behind) or not all(body for _, body, _ in parted):
        return tuple(found)
    return tuple(
        replace(told_of[i], words=(*([_THEN] if number else []), *_ended(parted[i][1]))) for number, i in enumerate(order)
    )


def _led(found: Sequence[Clause]) -> list[Clause]:
    """Clauses of which one that has nothing but order words leads the next: "and to start, a sidestep"."""
    led: list[Clause] = []
    for clause in found:
        if led and all(map(_orders, led[-1].words)):
            led[-1] = replace(clause, words=(*_ended(led[-1].words), *clause.words))
        else:
            led.append(clause)
    return led


def _unbroken(found: Sequence[Clause]) -> list[Clause]:
    """Clauses of which no word and no mark parts two: they are done one after the other, or are one: "to your start | point"."""
    whole: list[Clause] = []
    for clause in found:
        apart = not whole or whole[-1].words[-1].text.endswith(tuple(_ENDS.strip())) or _parted(whole[-1])[2]
        if apart or _parted(clause)[0]:
            whole.append(clause)
        else:
            whole[-1] = replace(whole[-1], words=(*whole[-1].words, *clause.words))
    return whole


def _parted(clause: Clause) -> tuple[list[Word], list[Word], list[Word]]:
    """The order words in front, the rest, and the order words behind that tell a place."""
    words = list(clause.words)
    lead = words[: len(list(itertools.takewhile(lambda pair: _leads(*pair), zip(words, [*words[1:], None], strict=True))))]
    tail = list(itertools.takewhile(_orders, reversed(words[len(lead) :])))[::-1]
    owned = english().possessives & {word.text for word in tail}  # "come back to your start"
    if owned or _place(tail) is None or fmean(word.certainty for word in tail) < SURE:
        tail = []
    return lead, words[len(lead) : len(words) - len(tail)], tail


def both_first(found: Sequence[Clause]) -> bool:
    """Whether two clauses are told to be the first, so that nobody can say which is."""
    parted = [(lead, body, tail) for lead, body, tail in map(_parted, found) if body]
    return sum(FIRST in (_place(lead), _place(tail)) for lead, _, tail in parted) > 1


def _leads(word: Word, after: Word | None) -> bool:
    """Whether a word in front orders: by itself, or as one that tells a place before such a word: "begin with"."""
    return _orders(word) or (after is not None and _orders(after) and word.certainty < CLEAR and _place([word]) is not None)


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
