"""Clause -> how well each loaded skill fits: the shipped classifier, columns fitted at start for other skills, calibration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from arbiter.routing.artefact import Artefact
from arbiter.routing.classifier import NONE, minimise
from arbiter.routing.opposites import class_of
from arbiter.routing.quantities import extract, mirrored
from arbiter.routing.text import expand, normalise, strip_politeness, words
from arbiter.skill import Skill

FEATURES = (
    "log odds of the class",
    "log odds of none",
    "lead over the next class",
    "similarity to the class's phrases",
    "similarity to refused phrases",
    "share of words that the class's phrases lack",
    "share of words that are only in refused phrases",
    "first word is the class's",
    "first word is only in refused phrases",
    "log of the word count",
)
SAME = 0.75  # cosine from which a refused phrase of the corpus is taken to mean a new skill, and is left out
RIDGE = 2.0  # penalty of the columns fitted at start
CACHE = 1024  # vectors kept


@lru_cache(maxsize=256)
def bare(text: str) -> str:
    """The words of a clause without politeness, numbers and manner."""
    clause = strip_politeness(expand(normalise(text)))
    return " ".join(words(strip_politeness(extract(clause)[1])))


@lru_cache(maxsize=256)
def canonical(text: str) -> str:
    """A clause as the head sees it: its bare words, right said as left."""
    clause = strip_politeness(expand(normalise(text)))
    return " ".join(words(mirrored(strip_politeness(extract(clause)[1]))))


def own_phrases(skills: Iterable[Skill]) -> dict[str, tuple[str, ...]]:
    """The bare utterances of skills, with the names of those whose utterances they are."""
    owners: dict[str, list[str]] = {}
    for skill in skills:
        for phrase in dict.fromkeys(bare(text) for text in skill.utterances):
            owners.setdefault(phrase, []).append(skill.name)
    return {phrase: tuple(names) for phrase, names in owners.items() if phrase}


def sided(text: str) -> bool:
    """Whether a clause names left or right."""
    return bool(extract(expand(normalise(text)))[0].sides)


@dataclass(frozen=True, slots=True)
class Scored:
    """What the scorer makes of one clause.

    Attributes:
        probability: Of each class, and of "none".
        best: The likeliest class other than "none". features: See FEATURES, shape (10,).
        score: Calibrated probability that `best` is what is meant.
        margin: Score minus that of the next class.
        next: The next likely class ("none" included).
    """

    probability: dict[str, float]
    best: str
    features: np.ndarray
    score: float
    margin: float
    next: str


class Scorer:
    """Args:
    skills: The loaded skills.
    artefact: The shipped head.
    encode: Texts -> unit vectors.
    joined: Classes that are opposites: their probabilities count as one when it comes to whether, not which.
    """

    def __init__(
        self, skills: Sequence[Skill], artefact: Artefact, encode: Callable[[Sequence[str]], np.ndarray], joined: dict[str, str]
    ) -> None:
        self._artefact, self._encode, self._joined = artefact, encode, joined
        names = [skill.name for skill in skills]
        everyone = sorted(set(artefact.owners) | set(names))
        self.class_of = {name: class_of(name, everyone) for name in names}
        self._rows = {text: row for row, text in enumerate(artefact.texts)}
        self._cache: dict[str, np.ndarray] = {}
        owners = [class_of(owner, everyone) if owner in self.class_of or owner == NONE else "" for owner in artefact.owners]
        self._base = tuple(name if name in owners else "" for name in artefact.head.classes)  # "": of a skill that isn't loaded
        new = [
            (canonical(text), self.class_of[skill.name], skill.name, sided(text)) for skill in skills for text in skill.utterances
        ]
        new = list(
            {
                row[:2]: row for row in new if row[0] and (row[0] not in self._rows or owners[self._rows[row[0]]] != row[1])
            }.values()
        )
        vectors = self.vectors([text for text, *_ in new])
        unlike = np.ones(len(owners), bool)
        if new:
            unlike = (artefact.vectors @ vectors.T).max(axis=1) < SAME
        phrases: list[tuple[str, str, str, bool, np.ndarray]] = [
            (text, label or NONE, owner, bool(side), vector)
            for text, label, owner, side, vector, fits in zip(
                artefact.texts, owners, artefact.owners, artefact.sided, artefact.vectors, unlike, strict=True
            )
            if label not in ("", NONE) or fits
        ]
        phrases += [(*row, vector) for row, vector in zip(new, vectors, strict=True)]
        phrases.sort(key=lambda phrase: phrase[1])  # stable; each class is one slice
        self.texts, self.labels = tuple(phrase[0] for phrase in phrases), tuple(phrase[1] for phrase in phrases)
        self.owners = tuple(phrase[2] for phrase in phrases)
        self.sided = np.array([phrase[3] for phrase in phrases])
        self.matrix = np.array([phrase[4] for phrase in phrases], np.float32)
        self.members: dict[str, slice] = {}
        self.words: dict[str, frozenset[str]] = {}
        for label in sorted(set(self.labels)):
            first = self.labels.index(label)
            self.members[label] = slice(first, first + self.labels.count(label))
            self.words[label] = frozenset(word for text in self.texts[self.members[label]] for word in words(text))
        self._phrases = frozenset(text for text, label in zip(self.texts, self.labels, strict=True) if label != NONE)
        self._groups = {
            best: tuple(name for name in self.members if joined.get(name, name) == joined.get(best, best))
            for best in self.members
        }
        self._group_words = {
            best: frozenset().union(*(self.words[name] for name in group)) for best, group in self._groups.items()
        }
        asked = frozenset().union(*(found for label, found in self.words.items() if label != NONE))
        self.only_refused = self.words.get(NONE, frozenset()) - asked
        self._columns, self._new_words, self._on_new = self._fit_new(new)

    def knows(self, text: str) -> bool:
        """Whether a canonical clause is a phrase of a skill as it stands ("walk round and round")."""
        return text in self._phrases

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors, shape (n, size); those of known phrases are looked up.

        One text a run: activations are quantised over the whole input, so that in a batch one text would change another's vector.
        """
        return np.array([self._vector(text) for text in texts], np.float32).reshape(len(texts), self._artefact.vectors.shape[1])

    def forget(self) -> None:
        """Drops the vectors of clauses met so far; for measurements."""
        self._cache.clear()

    def _vector(self, text: str) -> np.ndarray:
        if (row := self._rows.get(text)) is not None:
            return self._artefact.vectors[row]
        if (vector := self._cache.get(text)) is None:
            if len(self._cache) >= CACHE:
                self._cache.clear()
            vector = self._cache[text] = self._encode([text])[0]
        return vector

    def _base_logits(self, texts: Sequence[str], vectors: np.ndarray) -> np.ndarray:
        head = self._artefact.head
        return vectors @ head.on_vector + self._artefact.vocabulary.rows(texts).times(head.on_words) + head.bias

    def _fit_new(self, new: list[tuple[str, str, str, bool]]) -> tuple[tuple[str, ...], dict[str, int], np.ndarray]:
        """One column for each class with phrases that the shipped head was not fitted on; its own logits stay as they are."""
        columns = tuple(sorted({label for _, label, *_ in new}))
        vocabulary = {word: i for i, word in enumerate(sorted({word for text, *_ in new for word in words(text)}))}
        if not columns:
            return (), {}, np.zeros((self.matrix.shape[1] + 1, 0))
        x = self._new_features(self.texts, self.matrix, vocabulary)
        base = np.logaddexp.reduce(self._base_logits(self.texts, self.matrix), axis=1)
        fresh = {(text, label) for text, label, *_ in new}
        target = np.array(
            [
                1 + columns.index(label) if (text, label) in fresh else 0
                for text, label in zip(self.texts, self.labels, strict=True)
            ]
        )
        one_hot = np.eye(1 + len(columns), dtype=np.float32)[target]
        weight = np.where(target > 0, 6.0, 1.0).astype(np.float32)

        def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
            w = flat.astype(np.float32).reshape(x.shape[1], len(columns))
            logits = np.concatenate([base[:, None], x @ w], axis=1)
            log_p = logits - np.logaddexp.reduce(logits, axis=1)[:, None]
            error = weight[:, None] * (np.exp(log_p) - one_hot)
            gradient = (x.T @ error[:, 1:]).astype(np.float64) + RIDGE / 20.0 * w
            return float(-(weight * log_p[np.arange(len(target)), target]).sum()) + RIDGE / 40.0 * float(
                np.square(w).sum()
            ), gradient.ravel()

        solution = minimise(loss, np.zeros(x.shape[1] * len(columns)), 60)
        return columns, vocabulary, solution.reshape(x.shape[1], len(columns)).astype(np.float32)

    def _new_features(self, texts: Sequence[str], vectors: np.ndarray, vocabulary: dict[str, int]) -> np.ndarray:
        x = np.zeros((len(texts), vectors.shape[1] + len(vocabulary) + 1), np.float32)
        x[:, : vectors.shape[1]] = vectors
        for row, text in enumerate(texts):
            found = [vocabulary[word] for word in words(text) if word in vocabulary]
            if found:
                x[row, [vectors.shape[1] + i for i in found]] = 1.0 / np.sqrt(len(words(text)))
        x[:, -1] = 1.0
        return x

    def score(self, texts: Sequence[str]) -> list[Scored]:
        """Scores canonical clauses."""
        vectors = self.vectors(texts)
        logits = self._base_logits(texts, vectors)
        if self._columns:
            logits = np.concatenate([logits, self._new_features(texts, vectors, self._new_words) @ self._on_new], axis=1)
        shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
        shifted /= shifted.sum(axis=1, keepdims=True)
        return [self._one(text, vector, p) for text, vector, p in zip(texts, vectors, shifted, strict=True)]

    def _one(self, text: str, vector: np.ndarray, p: np.ndarray) -> Scored:
        probability = dict.fromkeys(self.members, 0.0)
        for name, value in zip((*self._base, *self._columns), p, strict=True):
            probability[name or NONE] = probability.get(name or NONE, 0.0) + float(value)
        grouped: dict[str, float] = {}
        for name, value in probability.items():
            grouped[self._joined.get(name, name)] = grouped.get(self._joined.get(name, name), 0.0) + value
        best = max((name for name in probability if name != NONE), key=probability.__getitem__, default=NONE)
        group = self._joined.get(best, best)
        other = max((name for name in grouped if name != group), key=grouped.__getitem__, default=NONE)
        features = self._features(text, vector, best, grouped[group], grouped.get(other, 0.0), probability.get(NONE, 0.0))
        calibration = self._artefact.calibration
        score = float(1.0 / (1.0 + np.exp(-(features @ calibration.weights + calibration.bias))))
        lead = 1.0 - min(1.0, grouped.get(other, 0.0) / max(grouped[group], 1e-9))
        return Scored(probability, best, features, score, score * lead, other)

    def _features(self, text: str, vector: np.ndarray, best: str, mine: float, other: float, none: float) -> np.ndarray:
        cosines = self.matrix @ vector  # once for all phrases: to gather the rows of a class costs more than the product
        nearest = max((float(cosines[self.members[name]].max()) for name in self._groups[best]), default=0.0)
        refused = float(cosines[self.members[NONE]].max()) if NONE in self.members else 0.0
        found = words(text)
        mine_words = self._group_words[best]
        weights = np.array([self._artefact.vocabulary.weight(word) for word in found])
        total = max(float(weights.sum()), 1e-9)
        lacking = float(weights @ [word not in mine_words for word in found]) / total
        strange = float(weights @ [word in self.only_refused for word in found]) / total
        logit = [float(np.log(max(q, 1e-4) / max(1.0 - q, 1e-4))) for q in (mine, none)]
        first = found[0]
        return np.array(
            [
                *logit,
                mine - other,
                nearest,
                refused,
                lacking,
                strange,
                first in mine_words,
                first in self.only_refused,
                np.log1p(len(found)),
            ],
            np.float64,
        )
