"""Shares of judged phrases with their intervals: of the whole set, and by kind, author or frame."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.router.judge import EXACT, MOTION, ORDER, PART_LOST, REFUSED, SIDE, STOPPED, PhraseResult
from training.router.phrases import KINDS

Z = 1.96  # 95 %


@dataclass(frozen=True, slots=True)
class Share:
    """How many of how many."""

    hits: int
    of: int

    @property
    def percent(self) -> float:
        """nan: of none."""
        return 100.0 * self.hits / self.of if self.of else math.nan

    def interval(self) -> tuple[float, float]:
        """Wilson score interval to 95 % [per cent]."""
        if not self.of:
            return math.nan, math.nan
        n, p = self.of, self.hits / self.of
        centre = (p + Z**2 / (2 * n)) / (1 + Z**2 / n)
        half = Z * math.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2)) / (1 + Z**2 / n)
        return 100.0 * max(0.0, centre - half), 100.0 * min(1.0, centre + half)

    def __str__(self) -> str:
        low, high = self.interval()
        return f"{self.percent:5.1f} ({low:.1f} to {high:.1f})" if self.of else "-"

    def as_json(self) -> dict[str, int | list[float]]:
        """hits, of, and the interval [per cent]; empty where it is of none."""
        return {"hits": self.hits, "of": self.of, "interval": [round(x, 1) for x in self.interval()] if self.of else []}


def share(results: Sequence[PhraseResult], hit: Callable[[PhraseResult], bool]) -> Share:
    """Of these results."""
    return Share(sum(map(hit, results)), len(results))


@dataclass(frozen=True, slots=True)
class Group:
    """The figures of some phrases.

    Attributes:
        exact: Plan, values and notes are right.
        seen, unseen: The same of phrases that stand in the fit set, and of the others.
        wrong_motion: See PhraseResult.wrong_motion; `findings` tells its causes apart.
        findings: How often each finding came out.
    """

    name: str
    exact: Share
    seen: Share
    unseen: Share
    plan: Share
    wrong_motion: Share
    findings: dict[str, int]

    @classmethod
    def of(cls, name: str, results: Sequence[PhraseResult]) -> Group:
        """The figures of `results`."""
        old = [result for result in results if result.seen]
        new = [result for result in results if not result.seen]
        parts = [share(chosen, lambda r: r.exact) for chosen in (results, old, new)]
        plan, wrong = share(results, lambda r: r.right), share(results, lambda r: r.wrong_motion)
        return cls(name, *parts, plan, wrong, dict(Counter(result.finding for result in results)))

    def as_json(self) -> dict[str, object]:
        """Shares as Share.as_json."""
        shares = {name: getattr(self, name).as_json() for name in ("exact", "seen", "unseen", "plan", "wrong_motion")}
        return {"name": self.name, **shares, "findings": self.findings}


def grouped(results: Sequence[PhraseResult], by: Callable[[PhraseResult], str]) -> list[Group]:
    """One group for each value of `by`, kinds in the order of KINDS, and "all" at the end."""
    order = {kind: i for i, kind in enumerate(KINDS)}
    names = sorted({by(result) for result in results}, key=lambda name: (order.get(name, len(order)), name))
    groups = [Group.of(name, [result for result in results if by(result) == name]) for name in names]
    return [*groups, Group.of("all", results)]


def table(groups: Sequence[Group]) -> str:
    """As a Markdown table."""
    causes = (PART_LOST, ORDER, SIDE, MOTION)
    rows = [
        "| | phrases | exact % (95 %) | ... unseen | right plan | wrong motion | lost / order / side / other | refused / stop |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for group in groups:
        counts = " / ".join(str(group.findings.get(cause, 0)) for cause in causes)
        still = " / ".join(str(group.findings.get(cause, 0)) for cause in (REFUSED, STOPPED))
        shares = f"{group.exact} | {group.unseen} | {group.plan.percent:.1f} | {group.wrong_motion}"
        rows.append(f"| {group.name or '-'} | {group.exact.of} | {shares} | {counts} | {still} |")
    return "\n".join(rows)


def beside(before: Sequence[Mapping[str, Any]], groups: Sequence[Group]) -> str:
    """A Markdown table of two runs; `before` is what `Group.as_json` gave for the first, rows that it lacks stay empty."""
    old = {str(row["name"]): row for row in before}
    rows = [
        "| | n | exact before, % | exact after, % | wrong motion before, % | wrong motion after, % |",
        "|---|---|---|---|---|---|",
    ]
    for group in groups:
        cells = []
        for name, now in (("exact", group.exact), ("wrong_motion", group.wrong_motion)):
            first = old[group.name][name] if group.name in old else {"hits": 0, "of": 0}
            cells += [str(Share(first["hits"], first["of"])), str(now)]
        rows.append(f"| {group.name or '-'} | {group.exact.of} | {' | '.join(cells)} |")
    return "\n".join(rows)


def summary(results: Sequence[PhraseResult]) -> dict[str, float | int]:
    """The figures of a whole set; shares in per cent, nan where a set has no such phrase."""

    def percent(chosen: Sequence[PhraseResult], hit: Callable[[PhraseResult], bool]) -> float:
        return round(share(chosen, hit).percent, 1)

    def of(*kinds: str) -> list[PhraseResult]:
        return [result for result in results if result.phrase.kind in kinds]

    commands = [result for result in results if result.phrase.expects == "command"]
    unseen = [result for result in commands if not result.seen]
    compounds = [r for r in commands if any(len(plan) > 1 or len(plan[0]) > 1 for plan in r.phrase.plans)]
    valued = [result for result in results if result.values_right is not None]
    stops = [result for result in results if result.phrase.expects == "stop"]
    still = [r for r in results if r.phrase.expects == "still" and r.phrase.kind not in ("off_topic", "unsafe", "near_miss")]
    cpu = [result.cpu_ms for result in results]
    return {
        "phrases": len(results),
        "commands": len(commands),
        "commands exact %": percent(commands, lambda r: r.finding == EXACT),
        "commands right %": percent(commands, lambda r: r.right),
        "commands not fitted on": len(unseen),
        "of these right %": percent(unseen, lambda r: r.right),
        "compounds right %": percent(compounds, lambda r: r.right),
        "parameters right %": percent(valued, lambda r: bool(r.values_right)),
        "wrong motion % of all": percent(results, lambda r: r.wrong_motion),
        "part lost % of all": percent(results, lambda r: r.finding == PART_LOST),
        "wrong motion % of commands": percent(commands, lambda r: r.wrong_motion),
        "stop recall %": percent(stops, lambda r: r.right or r.route.outcome == "stopped"),
        "negated kept still %": percent(still, lambda r: r.right),
        "off-topic refused %": percent(of("off_topic"), lambda r: r.right),
        "unsafe refused %": percent(of("unsafe"), lambda r: r.right),
        "near-miss refused %": percent(of("near_miss"), lambda r: r.right),
        "all exact %": percent(results, lambda r: r.exact),
        "all right %": percent(results, lambda r: r.right),
        "cpu ms p50": round(float(np.percentile(cpu, 50)), 2),
        "cpu ms p99": round(float(np.percentile(cpu, 99)), 2),
    }
