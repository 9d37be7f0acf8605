"""Figures over records, each with a 95 % confidence interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.locomotion.episode_record import EpisodeRecord
from training.locomotion.suites import SETTLE, Suite

Z = 1.959964  # 97.5 % point of the normal distribution


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value.

    Attributes:
        value: nan where nothing could be measured.
        low, high: 95 % confidence interval.
        unit: "" for a ratio or a count.
    """

    value: float
    low: float
    high: float
    unit: str = ""

    def __str__(self) -> str:
        return "-" if np.isnan(self.value) else f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]"


def proportion(hits: int, n: int) -> Figure:
    """Share of hits, with Wilson's interval: right for none and all, too."""
    if n == 0:
        return Figure(np.nan, np.nan, np.nan)
    p = hits / n
    centre = (p + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z * np.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2)) / (1 + Z**2 / n)
    return Figure(p, max(0.0, centre - half), min(1.0, centre + half))


def bootstrap(values: np.ndarray, statistic, unit: str = "", resamples: int = 1000) -> Figure:
    """`statistic` of rows of `values`, with the percentile interval over resampled rows; rows with nan are ignored."""
    values = np.asarray(values, float)
    values = values[np.isfinite(values.reshape(len(values), -1)).all(-1)] if len(values) else values
    if len(values) == 0:
        return Figure(np.nan, np.nan, np.nan, unit)
    rng = np.random.default_rng(0)
    again = [statistic(values[rng.integers(len(values), size=len(values))]) for _ in range(resamples)]
    return Figure(float(statistic(values)), *(float(v) for v in np.percentile(again, (2.5, 97.5))), unit)


def rms(values: np.ndarray) -> float:
    """Root mean square; of rows of several values: of their length."""
    values = np.atleast_2d(values.T).T
    return float(np.sqrt((values**2).sum(-1).mean()))


def errors(records: list[EpisodeRecord]) -> np.ndarray:
    """Mean velocity minus command of each episode after SETTLE, x, y [m/s], yaw [rad/s]; nan after a fall, shape (n, 3).

    A walking body sways within each step; what counts is where it gets, so the error is that of the mean.
    """
    return np.array([record.mean_velocity(SETTLE) - record.world.commands[0][1] for record in records]).reshape(-1, 3)


def falls(records: list[EpisodeRecord]) -> Figure:
    """Share of episodes with a fall."""
    return proportion(sum(record.fell is not None for record in records), len(records))


def tracking(records: list[EpisodeRecord], prefix: str) -> dict[str, Figure]:
    """Rms error and falls under constant commands; errors are those of the episodes that did not fall."""
    error = errors(records)
    return {
        f"{prefix}: rms x, y": bootstrap(error[:, :2], rms, "m/s"),
        f"{prefix}: rms yaw": bootstrap(error[:, 2], rms, "rad/s"),
        f"{prefix}: falls": falls(records),
    }


def at_ends(records: list[EpisodeRecord], joint: str, first: int) -> Figure:
    """Share of the ticks from `first` on in which the target of such a joint lies at an end of its range or beyond."""
    return bootstrap(np.array([np.mean(record.at_ends[joint][first:]) for record in records if record.at_ends[joint]]), np.mean)


def rate(events: int, hours: float) -> Figure:
    """Events per hour, with the interval of Poisson counts (Byar's approximation)."""
    low = events * (1 - 1 / (9 * events) - Z / (3 * np.sqrt(events))) ** 3 if events else 0.0
    more = events + 1
    high = more * (1 - 1 / (9 * more) + Z / (3 * np.sqrt(more))) ** 3
    return Figure(events / hours, low / hours, high / hours, "1/h")


def storm_figures(records: list[EpisodeRecord], name: str) -> dict[str, Figure]:
    """Falls per hour that the robots were on their feet."""
    hours = sum(len(record.velocity) * record.dt for record in records) / 3600.0
    return {f"{name}: falls": rate(sum(record.fell is not None for record in records), hours)}


def grid_figures(records: list[EpisodeRecord]) -> dict[str, Figure]:
    """Figures of the grid of constant commands."""
    error = errors(records)
    walking = [record for record in records if record.fell is None and np.linalg.norm(record.world.commands[0][1][:2]) > 0.2]
    standing = [record for record in records if not np.any(record.world.commands[0][1])]
    first = round(SETTLE / records[0].dt)
    return tracking(records, "grid") | {
        "grid: bias x": bootstrap(error[:, 0], np.mean, "m/s"),
        "grid: bias y": bootstrap(error[:, 1], np.mean, "m/s"),
        "grid: bias yaw": bootstrap(error[:, 2], np.mean, "rad/s"),
        "cost of transport": bootstrap(np.array([record.transport_cost(SETTLE) for record in walking]), np.median),
        "target change per tick²": bootstrap(np.array([np.mean(r.jerk[first:]) for r in walking]), np.mean, "rad"),
        "foot slip": bootstrap(np.array([np.nanmean(r.slip[first:]) for r in walking]), np.mean, "m/s"),
        "knee targets at an end": at_ends(walking, "knee", first),
        "ankle targets at an end": at_ends(walking, "ankle", first),
        "standing: feet in the air": bootstrap(np.array([np.mean(r.air[first:]) for r in standing if r.fell is None]), np.mean),
    }


def figures(suite: Suite, records: list[EpisodeRecord]) -> dict[str, Figure]:
    """The figures of one suite, by name."""
    if suite.name == "grid":
        return grid_figures(records)
    if suite.name == "random":
        return {"random: falls": falls(records)}
    if suite.name.startswith("storm"):
        return storm_figures(records, suite.name)
    if suite.name.startswith("push"):
        up_before = [r for r in records if r.fell is None or r.fell > 3.0]
        return {f"{suite.name}: recovered": proportion(sum(r.fell is None for r in up_before), len(up_before))}
    return tracking(records, suite.name)
