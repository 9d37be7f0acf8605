"""The report's data of a run that may last for days, in bounded memory."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from arbiter.recent import Recent
from arbiter.types import Intervention

OPEN = 256  # newest items kept as they are: they may still change
ROWS = 100_000  # older ones, as text, about 300 bytes each; of those before them only their number is told
STEP = 1.01  # ratio of neighbouring bins of a duration
LEAST = 100.0  # [ns] of the first bin
BINS = 2000  # up to 44 s
UNITS = {"position": "rad", "velocity": "rad/s", "acceleration": "rad/s²", "torque": "N·m"}
KINDS = 6  # told in the closing line
POINTS = 36_000  # an hour at 10 Hz


class Rows[T]:
    """Items of a log as rows of the report, in the order in which they came.

    Args:
        log: The log; `take` has to be called before it drops what is new.
        row: Makes the row of an item.
        final: Whether an item changes no more.
    """

    def __init__(self, log: Recent[T], row: Callable[[T], dict[str, Any]], final: Callable[[T], bool], rows: int = ROWS) -> None:
        self._log, self._row, self._final = log, row, final
        self._seen = 0
        self._open: deque[T] = deque()
        self._old: deque[str] = deque(maxlen=rows)
        self.left_out = 0

    def take(self) -> None:
        """Takes what is new. Between ticks."""
        if self._log.total == self._seen:
            return
        self._open.extend(self._log.since(self._seen))
        self._seen = self._log.total
        while len(self._open) > OPEN and self._final(self._open[0]):
            self.left_out += len(self._old) == self._old.maxlen
            self._old.append(json.dumps(self._row(self._open.popleft())))

    def build(self) -> list[dict[str, Any]]:
        """All rows."""
        self.take()
        return [*map(json.loads, self._old), *map(self._row, self._open)]


class Durations:
    """Durations as counts in logarithmic bins of 1 % each, so that memory does not grow with the run.

    Args:
        names: Names of the stages that are timed.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._counts = np.zeros((len(names), BINS), np.int64)
        self._most = np.zeros(len(names))
        self._new: list[tuple[int, ...]] = []
        self.count = 0

    def add(self, ns: tuple[int, ...]) -> None:
        """One duration of each [ns]."""
        self._new.append(ns)
        self.count += 1
        if len(self._new) >= 1000:
            self._fold()

    def _fold(self) -> None:
        table = np.array(self._new, np.float64).reshape(-1, len(self._names))
        bins = np.clip(np.log(np.maximum(table, LEAST) / LEAST) / np.log(STEP), 0, BINS - 1).astype(int)
        for column in range(len(self._names)):
            self._counts[column] += np.bincount(bins[:, column], minlength=BINS)
        self._most = np.maximum(self._most, table.max(axis=0, initial=0.0))
        self._new.clear()

    def build(self) -> Mapping[str, dict[str, float]]:
        """p50, p99 and max of each [µs]; the quantiles to 1 %."""
        if not self.count:
            return {}
        self._fold()
        middles = LEAST * STEP ** (np.arange(BINS) + 0.5)
        table = {}
        for name, counts, most in zip(self._names, self._counts, self._most, strict=True):
            below = np.cumsum(counts)
            p50, p99 = (min(middles[np.searchsorted(below, share * below[-1])], most) for share in (0.5, 0.99))
            table[name] = {"p50": round(p50 / 1e3, 2), "p99": round(p99 / 1e3, 2), "max": round(most / 1e3, 2)}
        return table


class BasePath:
    """Path of the base: at most `hz` points a second, fewer in a long run."""

    def __init__(self, hz: float, points: int = POINTS) -> None:
        self._hz, self._points = hz, points
        self._next = 0.0
        self.points: list[list[float]] = []

    def due(self, at: float) -> bool:
        """Whether a point at `at` [s] is wanted."""
        return at >= self._next - 1e-6

    def add(self, point: list[float]) -> None:
        """Adds a point, its time [s] first; every second one is dropped when there are too many."""
        self.points.append(point)
        if len(self.points) > self._points:
            del self.points[1::2]
            self._hz /= 2.0
        self._next = (np.floor(point[0] * self._hz + 1e-6) + 1.0) / self._hz


class Trims:
    """Interventions of the safety layer by check and policy: number, and largest change."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], dict[str, Any]] = {}

    def take(self, interventions: Iterable[Intervention]) -> None:
        """Those of a tick."""
        for one in interventions:
            row = self._found.setdefault(
                (one.check, one.policy),
                {
                    "check": one.check,
                    "policy": one.policy,
                    "count": 0,
                    "most": 0.0,
                    "joint": one.joint,
                    "unit": UNITS.get(one.check, ""),
                },
            )
            row["count"] += 1
            size = abs(one.asked - one.given)
            if size > row["most"]:
                row["most"], row["joint"] = float(size), one.joint

    def rows(self) -> list[dict[str, Any]]:
        """One a check and policy, the most frequent first."""
        return sorted((dict(row) for row in self._found.values()), key=lambda row: -row["count"])


def trims_told(safety: Mapping[str, Any]) -> str:
    """The report's `safety` in one line: interventions by kind, with the largest change."""
    total, trims = sum(safety["interventions"].values()), safety["trims"]
    if not total:
        return "nothing was trimmed"
    kinds = [_kind(row) for row in trims[:KINDS]]
    more = total - sum(row["count"] for row in trims[:KINDS])
    return f"{total} trims: " + "; ".join([*kinds, *([f"{more} others"] if more else [])])


def _kind(row: Mapping[str, Any]) -> str:
    size = f", by {row['most']:.2g} {row['unit']} at most ({row['joint']})" if row["unit"] and row["most"] else ""
    return f"{row['count']} {row['check']} of {row['policy']}{size}"
