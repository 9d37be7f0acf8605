"""The phrases that clauses are compared with: the shipped ones, and those of skills that the shipped head does not know."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from arbiter.routing.artefact import Artefact
from arbiter.routing.classifier import NONE
from arbiter.routing.opposites import class_of
from arbiter.routing.quantities import extract, mirrored
from arbiter.routing.text import strip_politeness, words, written_out
from arbiter.skill import Skill

SAME = 0.75  # cosine from which a refused phrase of the corpus is taken to mean a new skill, and is left out
CLAIMED = 0.8  # the same of a phrase of another skill, which in addition is nearer to the new skill than to its own utterances


@lru_cache(maxsize=1024)
def bare(clause: str) -> str:
    """The words of a plain clause without politeness, numbers and manner."""
    return " ".join(words(strip_politeness(extract(strip_politeness(clause))[1])))


@lru_cache(maxsize=1024)
def canonical(clause: str) -> str:
    """A plain clause as the head sees it: its bare words, right said as left."""
    return " ".join(words(mirrored(strip_politeness(extract(strip_politeness(clause))[1]))))


def sided(clause: str) -> bool:
    """Whether a plain clause names left or right."""
    return bool(extract(clause)[0].sides)


def utterances(skill: Skill) -> tuple[str, ...]:
    """The canonical utterances of a skill."""
    return tuple(filter(None, (canonical(written_out(text)) for text in skill.utterances)))


def own_phrases(skills: Iterable[Skill]) -> dict[str, tuple[str, ...]]:
    """The bare utterances of skills, with the names of those whose utterances they are."""
    owners: dict[str, list[str]] = {}
    for skill in skills:
        for phrase in dict.fromkeys(bare(written_out(text)) for text in skill.utterances):
            owners.setdefault(phrase, []).append(skill.name)
    return {phrase: tuple(names) for phrase, names in owners.items() if phrase}


def sole_owners(skills: Iterable[Skill], shipped: Collection[str]) -> dict[str, str]:
    """The bare utterances that lead to one skill: those of a third party's before those of the `shipped` ones."""
    found = {phrase: [name for name in names if name not in shipped] or names for phrase, names in own_phrases(skills).items()}
    return {phrase: names[0] for phrase, names in found.items() if len(names) == 1}


class Row(NamedTuple):
    """A canonical phrase: the class of its skill ("" of one that isn't loaded), its skill or "none", whether it names a side."""

    text: str
    label: str
    owner: str
    sided: bool


@dataclass(frozen=True, slots=True)
class Corpus:
    """Phrases sorted by label.

    Attributes:
        texts: Canonical. labels: Class of a loaded skill, or "none". owners: Skill of each, or "none".
        classes: Class of each, that of a skill which isn't loaded too.
        sided: Whether each named a side, shape (n,). vectors: Sentence vectors, float32, shape (n, size).
        new: Phrases that the shipped head was not fitted on.
    """

    texts: tuple[str, ...]
    labels: tuple[str, ...]
    owners: tuple[str, ...]
    classes: tuple[str, ...]
    sided: np.ndarray
    vectors: np.ndarray
    new: tuple[str, ...]


def gathered(skills: Sequence[Skill], artefact: Artefact, encode: Callable[[Sequence[str]], np.ndarray]) -> Corpus:
    """The shipped phrases and the utterances of skills that are not among them; without shipped phrases that mean a new skill."""
    names = {skill.name for skill in skills}
    everyone = sorted({*artefact.owners, *names})
    classes = {owner: class_of(owner, everyone) for owner in everyone}
    shipped = [
        Row(text, classes[owner] if owner in names or owner == NONE else "", owner, bool(side))
        for text, owner, side in zip(artefact.texts, artefact.owners, artefact.sided, strict=True)
    ]
    known = {row[:2] for row in shipped}
    uttered = [
        Row(canonical(text), classes[skill.name], skill.name, sided(text))
        for skill in skills
        for text in map(written_out, skill.utterances)
    ]
    new = list({row[:2]: row for row in uttered if row.text and row[:2] not in known}.values())
    vectors = np.asarray(encode([row.text for row in new]), np.float32).reshape(len(new), artefact.vectors.shape[1])
    kept = _unclaimed(shipped, artefact.vectors, new, vectors, {row[:2] for row in uttered})
    rows = [row for row, stays in zip(shipped, kept, strict=True) if stays] + new
    order = sorted(range(len(rows)), key=lambda i: rows[i].label or NONE)  # stable; each class is one slice
    rows = [rows[i] for i in order]
    return Corpus(
        tuple(row.text for row in rows),
        tuple(row.label or NONE for row in rows),
        tuple(row.owner for row in rows),
        tuple(classes[row.owner] for row in rows),
        np.array([row.sided for row in rows]),
        np.concatenate([artefact.vectors[kept], vectors])[order],
        tuple(row.text for row in new),
    )


def _unclaimed(
    shipped: Sequence[Row], vectors: np.ndarray, new: Sequence[Row], theirs: np.ndarray, uttered: set[tuple[str, str]]
) -> np.ndarray:
    """Which shipped phrases mean no new skill, shape (n,). The utterances of a loaded skill stay unless it has the same."""
    if not new:
        return np.ones(len(shipped), bool)
    near = (vectors @ theirs.T).max(axis=1)
    same = {row.text for row in new}
    own = np.array([row[:2] in uttered and row.text not in same for row in shipped])  # what both have is the new skill's
    labels = np.array([row.label or NONE for row in shipped])
    claimed = np.where(labels == NONE, near >= SAME, near >= CLAIMED) & ~own
    for label in set(labels[own].tolist()):
        mine = labels == label
        claimed[mine] &= near[mine] > (vectors[mine] @ vectors[mine & own].T).max(axis=1)
    return ~claimed & np.array([row.text not in same for row in shipped])
