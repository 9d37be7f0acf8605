"""Counts how often a joint went to and fro, so that "wave three times" ends after three waves."""

from __future__ import annotations

import math


class Sweeps:
    """Sweeps of a signal between its turning points.

    Args:
        least: Smallest sweep that counts [unit of the signal].
    """

    def __init__(self, least: float) -> None:
        self._least = least
        self.restart(math.nan)

    def restart(self, run: float) -> None:
        """Forgets everything. `run` tells one run of a skill from the next: the stamp at which it began [s]."""
        self._run, self._extreme, self._direction, self._seen = run, math.nan, 0.0, 0

    def count(self, run: float, value: float) -> int:
        """Sweeps of the run so far, `value` included (nan: not now). A sweep counts once it is at least `least` long."""
        if run != self._run:
            self.restart(run)
        if math.isnan(value):
            return self._seen
        if math.isnan(self._extreme) or self._direction * (value - self._extreme) > 0.0:
            self._extreme = value
        elif abs(value - self._extreme) >= self._least:
            self._seen += 1
            self._direction, self._extreme = math.copysign(1.0, value - self._extreme), value
        return self._seen
