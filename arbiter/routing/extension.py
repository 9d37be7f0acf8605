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
    shipped = np.zeros((size + len(vocabulary.index) + 1, len(classes)), np.float32)
    shipped[:size, :old], shipped[size : size + len(head.on_words), :old] = head.on_vector, head.on_words
    shipped[-1, :old] = head.bias
    rows = vocabulary.rows(texts)
    across = rows.transposed(len(vocabulary.index))
    target, each = np.array([classes.index(label) for label in labels]), np.arange(len(labels))
    weight = np.where(target >= old, WEIGHT, 1.0).astype(np.float32)

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        w = flat.reshape(shipped.shape)
        logits = vectors @ w[:size] + rows.times(w[size:-1]) + w[-1]
        log_p = logits - np.logaddexp.reduce(logits, axis=1)[:, None]
        change = (w - shipped) / STRENGTH
        change[-1] = 0.0  # biases are free
        error = np.exp(log_p)
        error[each, target] -= 1.0
        error *= weight[:, None]
        gradient = np.concatenate([vectors.T @ error, across.times(error), error.sum(axis=0, keepdims=True)]) + change
        value = -float(weight @ log_p[each, target]) + STRENGTH / 2.0 * float(np.square(change).sum())
        return value, gradient.ravel()

    w = minimise(loss, shipped.ravel(), ITERATIONS).reshape(shipped.shape)
    w[-1, old:] += PRIOR
    return LinearClassifier(classes, w[:size], w[size:-1], w[-1])
