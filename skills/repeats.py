"""Counts the sweeps of a periodic signal, so that "wave three times" ends after three waves."""

from __future__ import annotations

import math


class Sweeps:
    """Sweeps of a signal between its turning points.

    Args:
        least: Smallest sweep that counts [unit of the signal].
    """

    def __init__(self, least: float) -> None:
        self._least = least
        self._extreme, self._direction, self._seen = math.nan, 0.0, 0

    def count(self, value: float) -> int:
        """Sweeps so far, `value` included (nan: not now). A sweep counts once it is at least `least` long."""
        if math.isnan(value):
            return self._seen
        if math.isnan(self._extreme) or self._direction * (value - self._extreme) > 0.0:
            self._extreme = value
        elif abs(value - self._extreme) >= self._least:
            self._seen += 1
            self._direction, self._extreme = math.copysign(1.0, value - self._extreme), value
        return self._seen
