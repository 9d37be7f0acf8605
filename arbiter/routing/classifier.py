"""Multinomial logistic regression on [sentence vector, tf-idf], and the optimiser by which a plug-in's skills are added to it at
start. `training.router.fit` fits the one that ships."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

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
