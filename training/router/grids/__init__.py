"""Phrases made from small lists, with the right answer by construction: frame x command x qualifier. Deterministic.

The lists were written without sight of the grammar that the router's parser is fitted on, and are not for fitting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from types import MappingProxyType

from training.router.grids.around import conditions, later, politeness, qualifiers, talk
from training.router.grids.compounds import corrections, enumerations, negation, order, pairs, repetition, together
from training.router.grids.third_party import SKILLS, third_party
from training.router.grids.values import followups, quantities, sides
from training.router.phrases import Phrase, PhraseSet

_MAKERS: tuple[Callable[[], Iterator[Phrase]], ...] = (
    *(conditions, later, politeness, talk, qualifiers, pairs, order, enumerations, repetition, together, negation),
    *(corrections, quantities, sides, followups, third_party),
)
GRIDS = MappingProxyType({maker.__name__: maker for maker in _MAKERS})


def grid(name: str) -> PhraseSet:
    """A grid, each text once for each plan before it. The author of its phrases is the grid."""
    phrases = {(phrase.text, phrase.last): replace(phrase, author=name) for phrase in GRIDS[name]()}
    return PhraseSet(name, tuple(phrases.values()), SKILLS if name == third_party.__name__ else ())
