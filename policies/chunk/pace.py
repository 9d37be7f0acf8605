"""Estimates how long a backend's inference takes, from the recent ones, robust against a single slow one."""

from __future__ import annotations

import math
from collections import deque

RECENT = 8  # inferences that are remembered
RANK = 0.75  # of the recent ones, shortest first: a hiccup in up to a quarter of them changes nothing


class Pace:
    """Durations of the inferences that were answered.

    The very first inference of a backend also loads, compiles and connects: it is no measure as soon as there is another.

    Attributes:
        usual: What an inference usually takes [s]: the upper quartile of the recent ones; with one only, that one; nan
            before the first.
    """

    def __init__(self) -> None:
        self._first = math.nan
        self._recent: deque[float] = deque(maxlen=RECENT)

    def note(self, duration: float) -> None:
        """An inference took `duration` [s]."""
        if math.isnan(self._first):
            self._first = duration
        else:
            self._recent.append(duration)

    @property
    def usual(self) -> float:
        if not self._recent:
            return self._first
        return sorted(self._recent)[math.floor(RANK * (len(self._recent) - 1))]

    def expected(self, plausible: float) -> float:
        """`usual`, but 0 while only the first inference is known and it took longer than `plausible` [s], or none is."""
        known = self._recent or self._first <= plausible
        return self.usual if known else 0.0
