"""The shipped head fitted again with phrases of further skills: L-BFGS from the shipped weights, in numpy alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from arbiter.routing.artefact import Artefact
from arbiter.routing.classifier import LinearClassifier, minimise
from arbiter.routing.corpus import Corpus
from arbiter.routing.features import TfidfVocabulary, terms

STRENGTH = 20.0  # inverse of the ridge penalty, as of the shipped head
ITERATIONS = 25  # more change nothing that the sets can tell
WEIGHT = 30.0  # of a new phrase against a shipped one: a skill has ten, the shipped ones a hundred and more
PRIOR = 2.5  # added to the logit of a new class: ten phrases show a small part of what may be said


def with_new(artefact: Artefact, corpus: Corpus) -> tuple[LinearClassifier, TfidfVocabulary]:
    """The head and the vocabulary for a corpus: the shipped ones, or, where it has new phrases, those fitted with these."""
    if not corpus.new:
        return artefact.head, artefact.vocabulary
    vocabulary = extended(artefact.vocabulary, corpus.texts, corpus.new)
    return refitted(artefact.head, vocabulary, corpus.texts, corpus.classes, corpus.vectors), vocabulary


def extended(vocabulary: TfidfVocabulary, texts: Sequence[str], new: Sequence[str]) -> TfidfVocabulary:
    """A vocabulary with the terms of `new` phrases, which are among `texts`, at its end."""
    added = sorted({term for text in new for term in terms(text)} - set(vocabulary.index))
    counts = Counter(term for text in new for term in set(terms(text)))
    idf = np.log((1.0 + len(texts)) / (1.0 + np.array([counts[term] for term in added], np.float32))) + 1.0
    return TfidfVocabulary.restored([*vocabulary.index, *added], np.concatenate([vocabulary.idf, idf]))


def refitted(
    head: LinearClassifier, vocabulary: TfidfVocabulary, texts: Sequence[str], labels: Sequence[str], vectors: np.ndarray
) -> LinearClassifier:
    """The head over the classes that `labels` has beside its own: the penalty keeps its weights near what they are.

    Args:
        head: To begin with.
        vocabulary: Its own, terms may have been added.
        texts: All phrases. labels: Class of each. vectors: Sentence vector of each, shape (n, size).
    """
    old, size = len(head.classes), vectors.shape[1]
    classes = (*head.classes, *sorted(set(labels) - set(head.classes)))
    rows = vocabulary.rows(texts)
    across, terms_of = rows.transposed(len(vocabulary.index)), len(head.on_words)
    on_words = np.zeros((len(vocabulary.index), old), np.float32)
    on_words[:terms_of] = head.on_words
    shipped = np.logaddexp.reduce(vectors @ head.on_vector + rows.times(on_words) + head.bias, axis=1)
    target = np.array([classes.index(label) for label in labels])
    new = np.flatnonzero(target >= old)
    mine = (new, target[new] - old)
    weight = np.where(target >= old, WEIGHT, 1.0).astype(np.float32)
    shape = (size + len(vocabulary.index) + 1, len(classes) - old)

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        w = flat.reshape(shape)
        logits = vectors @ w[:size] + rows.times(w[size:-1]) + w[-1]
        log_sum = np.logaddexp(np.logaddexp.reduce(logits, axis=1), shipped)
        error = np.exp(logits - log_sum[:, None])
        error[mine] -= 1.0
        error *= weight[:, None]
        change = w / STRENGTH
        change[-1] = 0.0  # biases are free
        gradient = np.concatenate([vectors.T @ error, across.times(error), error.sum(axis=0, keepdims=True)]) + change
        own = np.where(target >= old, 0.0, shipped)
        own[new] = logits[mine]
        value = float(weight @ (log_sum - own)) + STRENGTH / 2.0 * float(np.square(change).sum())
        return value, gradient.ravel()

    w = minimise(loss, np.zeros(shape, np.float32).ravel(), ITERATIONS).reshape(shape)
    w[-1] += PRIOR
    return LinearClassifier(
        classes, np.hstack([head.on_vector, w[:size]]), np.hstack([on_words, w[size:-1]]), np.concatenate([head.bias, w[-1]])
    )
