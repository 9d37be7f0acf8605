"""Clause -> how well each loaded skill fits: the shipped classifier, columns fitted at start for other skills, calibration."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from arbiter.routing.artefact import Artefact
from arbiter.routing.classifier import NONE
from arbiter.routing.corpus import gathered
from arbiter.routing.extension import with_new
from arbiter.routing.opposites import class_of
from arbiter.routing.text import words
from arbiter.skill import Skill

FEATURES = 10  # that the calibration weighs
CACHE = 1024  # vectors kept


@dataclass(frozen=True, slots=True)
class Scored:
    """What the scorer makes of one clause.

    Attributes:
        probability: Of each class, and of "none".
        best: The likeliest class other than "none". features: What its score is made of.
        score: Calibrated probability that `best` is what is meant.
        margin: Score minus that of the next class.
        next: The next likely class ("none" included).
    """

    probability: dict[str, float]
    best: str
    features: dict[str, float]
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
        corpus = gathered(skills, artefact, self.vectors)
        self.texts, self.labels, self.owners = corpus.texts, corpus.labels, corpus.owners
        self.sided, self.matrix = corpus.sided, corpus.vectors
        self.members: dict[str, slice] = {}
        self.words: dict[str, frozenset[str]] = {}
        for label in sorted(set(self.labels)):
            first = self.labels.index(label)
            self.members[label] = slice(first, first + self.labels.count(label))
            self.words[label] = frozenset(word for text in self.texts[self.members[label]] for word in words(text))
        self._phrases = frozenset(text for text, label in zip(self.texts, self.labels, strict=True) if label != NONE)
        self.groups = {
            best: tuple(name for name in self.members if joined.get(name, name) == joined.get(best, best))
            for best in self.members
        }
        self._group_words = {
            best: frozenset().union(*(self.words[name] for name in group)) for best, group in self.groups.items()
        }
        self.asked = frozenset().union(*(found for label, found in self.words.items() if label != NONE))  # of skills' phrases
        self.only_refused = self.words.get(NONE, frozenset()) - self.asked
        self._head, self._vocabulary = with_new(artefact, corpus)
        self.learned = frozenset(
            term for term in self._vocabulary.index if " " not in term
        )  # words that the head has learned from
        self._classes = tuple(name if name in self.members else NONE for name in self._head.classes)  # of no loaded skill: none
        self.shipped = frozenset(artefact.owners)  # skills that the shipped head knows
        self.new = frozenset(self._head.classes) - set(artefact.head.classes)  # of which there are a few phrases only

    def skills_of(self, label: str) -> list[str]:
        """The skills of a class."""
        return [name for name, own in self.class_of.items() if own == label]

    def knows(self, text: str) -> bool:
        """Whether a canonical clause is a phrase of a skill as it stands ("walk round and round")."""
        return text in self._phrases

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors, shape (n, size); those of known phrases are looked up."""
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

    def score(self, texts: Sequence[str]) -> list[Scored]:
        """Scores canonical clauses."""
        vectors = self.vectors(texts)
        head = self._head
        logits = vectors @ head.on_vector + self._vocabulary.rows(texts).times(head.on_words) + head.bias
        shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
        shifted /= shifted.sum(axis=1, keepdims=True)
        return [self._one(text, vector, p) for text, vector, p in zip(texts, vectors, shifted, strict=True)]

    def _one(self, text: str, vector: np.ndarray, p: np.ndarray) -> Scored:
        probability = dict.fromkeys(self.members, 0.0)
        for name, value in zip(self._classes, p.tolist(), strict=True):
            probability[name] = probability.get(name, 0.0) + value
        grouped: dict[str, float] = {}
        for name, value in probability.items():
            group = self._joined.get(name, name)
            grouped[group] = grouped.get(group, 0.0) + value
        best = max((name for name in probability if name != NONE), key=probability.__getitem__, default=NONE)
        group = self._joined.get(best, best)
        other = max((name for name in grouped if name != group), key=grouped.__getitem__, default=NONE)
        features = self._features(text, vector, best, grouped[group], grouped.get(other, 0.0), probability.get(NONE, 0.0))
        calibration = self._artefact.calibration
        score = 1.0 / (1.0 + math.exp(-float(calibration.weights @ [*features.values()] + calibration.bias)))
        lead = 1.0 - min(1.0, grouped.get(other, 0.0) / max(grouped[group], 1e-9))
        return Scored(probability, best, features, score, score * lead, other)

    def _nearest(self, label: str, vector: np.ndarray) -> float:
        """Largest cosine of a vector to the phrases of a class.

        Row by row, and no product of matrices: BLAS would wake threads that, on a busy machine, take ten times as long.
        """
        return float(np.vecdot(self.matrix[self.members[label]], vector).max())

    def _features(self, text: str, vector: np.ndarray, best: str, mine: float, other: float, none: float) -> dict[str, float]:
        nearest = max((self._nearest(name, vector) for name in self.groups[best]), default=0.0)
        refused = self._nearest(NONE, vector) if NONE in self.members else 0.0
        found = words(text)
        mine_words = self._group_words[best]
        weights = {word: self._vocabulary.weight(word) * found.count(word) for word in found}
        total = max(sum(weights.values()), 1e-9)
        lacking = sum(weight for word, weight in weights.items() if word not in mine_words) / total
        strange = sum(weight for word, weight in weights.items() if word in self.only_refused) / total
        logit = [math.log(max(q, 1e-4) / max(1.0 - q, 1e-4)) for q in (mine, none)]
        return {
            "log odds of the class": logit[0],
            "log odds of none": logit[1],
            "lead over the next class": mine - other,
            "similarity to the class's phrases": nearest,
            "similarity to refused phrases": refused,
            "share of words that the class's phrases lack": lacking,
            "share of words that are only in refused phrases": strange,
            "first word is the class's": float(found[0] in mine_words),
            "first word is only in refused phrases": float(found[0] in self.only_refused),
            "log of the word count": math.log1p(len(found)),
        }
