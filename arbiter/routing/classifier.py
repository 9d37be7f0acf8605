"""Multinomial logistic regression on [sentence vector, tf-idf], in numpy: fitted when the project is built, or at start
when the loaded skills are others than those."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from arbiter.routing.features import SparseRows

STRENGTH = 20.0  # inverse of the ridge penalty; 5 .. 100 score alike on the dev set
NONE = "none"


@dataclass(frozen=True, slots=True)
class LinearClassifier:
    """Class probabilities of a clause.

    Attributes:
        classes: Names; "none" is one of them.
        on_vector: shape (size, classes). on_words: shape (terms, classes). bias: shape (classes,).
    """

    classes: tuple[str, ...]
    on_vector: np.ndarray
    on_words: np.ndarray
    bias: np.ndarray

    def probabilities(self, vectors: np.ndarray, rows: SparseRows) -> np.ndarray:
        """Shape (n, classes)."""
        logits = vectors @ self.on_vector + rows.times(self.on_words) + self.bias
        return _softmax(logits)


def _softmax(logits: np.ndarray) -> np.ndarray:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def fit(labels: Sequence[str], vectors: np.ndarray, rows: SparseRows, terms: int, iterations: int = 120) -> LinearClassifier:
    """Fits a head.

    Args:
        labels: Class of each phrase.
        vectors: Sentence vectors, shape (n, size). rows: tf-idf of the same phrases. terms: Columns of `rows`.
    """
    classes = tuple(sorted(set(labels)))
    target = np.array([classes.index(label) for label in labels])
    one_hot = np.eye(len(classes), dtype=np.float32)[target]
    size, k = vectors.shape[1], len(classes)
    weight = _balance(target, k)[:, None]
    by_column = np.argsort(rows.columns, kind="stable")
    sorted_columns, owner = rows.columns[by_column], np.repeat(np.arange(len(labels)), np.diff(rows.start))[by_column]
    present, first = np.unique(sorted_columns, return_index=True)
    entry = rows.values[by_column][:, None]

    def split(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        x = x.astype(np.float32).reshape(-1, k)
        return x[:size], x[size : size + terms], x[-1]

    def loss(x: np.ndarray) -> tuple[float, np.ndarray]:
        on_vector, on_words, bias = split(x)
        p = _softmax(vectors @ on_vector + rows.times(on_words) + bias)
        error = weight * (p - one_hot) * STRENGTH
        gradient = np.zeros((size + terms + 1, k), np.float64)
        gradient[:size] = vectors.T @ error
        gradient[size + present] = np.add.reduceat(entry * error[owner], first, axis=0)
        gradient[-1] = error.sum(axis=0)
        penalty = x.reshape(-1, k)[:-1]
        gradient[:-1] += penalty
        entropy = -np.log(np.maximum(p[np.arange(len(target)), target], 1e-30))
        return STRENGTH * float(weight[:, 0] @ entropy) + 0.5 * float(np.square(penalty).sum()), gradient.ravel()

    solution = minimise(loss, np.zeros((size + terms + 1) * k), iterations)
    return LinearClassifier(classes, *split(solution))


def _balance(target: np.ndarray, k: int) -> np.ndarray:
    """Weights that lift small classes (a plug-in has ten phrases, a built-in two hundred)."""
    counts = np.bincount(target, minlength=k)
    weight = np.sqrt(counts.mean() / counts)
    return np.clip(weight, 0.5, 3.0)[target].astype(np.float32)


def minimise(
    loss: Callable[[np.ndarray], tuple[float, np.ndarray]], x: np.ndarray, iterations: int, memory: int = 8
) -> np.ndarray:
    """L-BFGS with a backtracking line search, for smooth convex losses."""
    value, gradient = loss(x)
    steps: list[tuple[np.ndarray, np.ndarray, float]] = []
    for _ in range(iterations):
        direction = -_inverse_hessian_times(gradient, steps)
        slope = float(direction @ gradient)
        if slope > -1e-10 * max(1.0, abs(value)):
            break
        length = 1.0 if steps else min(1.0, 1.0 / float(np.abs(gradient).sum()))
        while True:
            new_value, new_gradient = loss(x + length * direction)
            if new_value <= value + 1e-4 * length * slope or length < 1e-8:
                break
            length *= 0.5
        step, change = length * direction, new_gradient - gradient
        if (curvature := float(step @ change)) > 1e-12:
            steps = [*steps[-(memory - 1) :], (step, change, 1.0 / curvature)]
        converged = abs(value - new_value) < 1e-6 * max(1.0, abs(value))
        x, value, gradient = x + step, new_value, new_gradient
        if converged:
            break
    return x


def _inverse_hessian_times(gradient: np.ndarray, steps: list[tuple[np.ndarray, np.ndarray, float]]) -> np.ndarray:
    """Nocedal and Wright, algorithm 7.4."""
    q, alphas = gradient.copy(), []
    for step, change, rho in reversed(steps):
        alphas.append(rho * float(step @ q))
        q -= alphas[-1] * change
    if steps:
        step, change, rho = steps[-1]
        q /= rho * float(change @ change)
    for (step, change, rho), alpha in zip(steps, reversed(alphas), strict=True):
        q += step * (alpha - rho * float(change @ q))
    return q
