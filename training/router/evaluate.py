"""Measures the router on labelled phrases that it was neither fitted nor tuned on.

python -m training.router.evaluate [--set report|dev|FILE.txt] [--model DIR] [--show] [--json]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from deploy.cli.command import CommandParser, in_one_line
from training.router.phrases import Phrase, load_phrases

if TYPE_CHECKING:
    from arbiter.routing import Router
    from arbiter.skill import Route


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("training.router.evaluate", description=__doc__)
    p.add_argument("--set", default="report", help="phrases: report, dev, or a file in the same format")
    p.add_argument("--model", type=Path, help="folder of another encoder and head (default: the router's own)")
    p.add_argument("--show", action="store_true", help="print every phrase that went wrong")
    p.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    return p


HARMLESS = frozenset(("stop", "stand_still"))
TOLERANCE = 0.02  # relative, of a parameter


@dataclass(frozen=True, slots=True)
class PhraseResult:
    """How one phrase fared.

    Attributes:
        right: The plan is one of those asked for; a phrase to be refused was refused (or taken as a stop).
        wrong_motion: A motion starts that nobody asked for.
        parameters: Whether the values are right; None where none are labelled or the plan is wrong.
        cpu_ms: CPU time of the routing thread [ms].
    """

    phrase: Phrase
    route: Route
    right: bool
    wrong_motion: bool
    parameters: bool | None
    cpu_ms: float


def plan_of(route: Route) -> tuple[tuple[str, ...], ...]:
    """Names only; those at once are sorted."""
    return tuple(tuple(sorted(call.skill for call in step)) for step in route.steps)


def judge(phrase: Phrase, route: Route, cpu_ms: float) -> PhraseResult:
    """Compares a route with what the phrase asks for."""
    plan = () if route.outcome == "rejected" else plan_of(route)
    moves = {name for step in plan for name in step} - HARMLESS
    if not phrase.plans:
        return PhraseResult(phrase, route, not moves, bool(moves), None, cpu_ms)
    right = plan in phrase.plans
    asked = [{name for step in wanted for name in step} for wanted in phrase.plans]
    wrong = not right and bool(moves) and not any(moves <= wanted for wanted in asked)
    return PhraseResult(phrase, route, right, wrong, _values_right(phrase, route) if right else None, cpu_ms)


def _values_right(phrase: Phrase, route: Route) -> bool | None:
    given = {name: value for step in route.steps for call in step for name, value in call.parameters.items() if value is not None}
    wanted = {
        name: value
        for name, value in phrase.parameters.items()
        if any(name in call.parameters for step in route.steps for call in step)
    }
    if not wanted:
        return None
    return all(_equal(given.get(name), value) for name, value in wanted.items())


def _equal(given: float | str | None, wanted: float | str) -> bool:
    """Words exactly, numbers within TOLERANCE."""
    if isinstance(given, str) or isinstance(wanted, str) or given is None:
        return given == wanted
    return abs(given - wanted) <= TOLERANCE * wanted


def run(router: Router, phrases: Sequence[Phrase]) -> list[PhraseResult]:
    """Routes every phrase."""
    verdicts = []
    for phrase in tqdm(phrases, desc="phrases", disable=None):
        start = time.thread_time_ns()
        route = router.route(phrase.text)
        verdicts.append(judge(phrase, route, (time.thread_time_ns() - start) / 1e6))
    return verdicts


def summary(verdicts: Sequence[PhraseResult], fitted: frozenset[str]) -> dict[str, float | int]:
    """The figures of the table; shares in per cent, nan where a set has no such phrase."""

    from arbiter.routing.scorer import canonical

    def share(chosen: list[PhraseResult], hit) -> float:
        return round(100.0 * float(np.mean([hit(v) for v in chosen])), 1) if chosen else float("nan")

    commands = [v for v in verdicts if v.phrase.kind == "command"]
    unseen = [v for v in commands if canonical(v.phrase.text) not in fitted]
    of_kind = {
        kind: [v for v in verdicts if v.phrase.kind == kind] for kind in ("stop", "safe", "off_topic", "unsafe", "near_miss")
    }
    compounds = [v for v in commands if any(len(plan) > 1 or len(plan[0]) > 1 for plan in v.phrase.plans)]
    valued = [v for v in verdicts if v.parameters is not None]
    cpu = [v.cpu_ms for v in verdicts]
    return {
        "phrases": len(verdicts),
        "commands": len(commands),
        "commands right %": share(commands, lambda v: v.right),
        "commands not fitted on": len(unseen),
        "of these right %": share(unseen, lambda v: v.right),
        "compounds right %": share(compounds, lambda v: v.right),
        "parameters right %": share(valued, lambda v: v.parameters),
        "wrong motion % of all": share(list(verdicts), lambda v: v.wrong_motion),
        "wrong motion % of commands": share(commands, lambda v: v.wrong_motion),
        "stop recall %": share(of_kind["stop"], lambda v: v.right or v.route.outcome == "stopped"),
        "negated kept still %": share(of_kind["safe"], lambda v: v.right),
        "off-topic refused %": share(of_kind["off_topic"], lambda v: v.right),
        "unsafe refused %": share(of_kind["unsafe"], lambda v: v.right),
        "near-miss refused %": share(of_kind["near_miss"], lambda v: v.right),
        "all right %": share(list(verdicts), lambda v: v.right),
        "cpu ms p50": round(float(np.percentile(cpu, 50)), 2),
        "cpu ms p99": round(float(np.percentile(cpu, 99)), 2),
    }


def show(verdict: PhraseResult) -> str:
    """One line on a phrase that went wrong."""
    route = verdict.route
    plan = ", ".join("+".join(step) for step in plan_of(route)) or "-"
    wanted = (
        " | ".join(", ".join("+".join(step) for step in plan) for plan in verdict.phrase.plans) or f"none:{verdict.phrase.kind}"
    )
    mark = "MOTION" if verdict.wrong_motion else "value " if verdict.right else "missed"
    return f"{mark} {verdict.phrase.text!r}: wanted {wanted}, got {route.outcome} {plan} ({route.score:.2f}) {route.reason}"


def main() -> None:
    args = parser().parse_args()
    from arbiter.routing import Router  # takes a second: not for --help
    from skills import builtin_skills

    router = Router(builtin_skills(), args.model)
    verdicts = run(router, load_phrases(args.set))
    if args.show:
        for verdict in verdicts:
            if not verdict.right or verdict.parameters is False:
                print(show(verdict))
    figures = summary(verdicts, frozenset(map(str, router.scorer.texts)))
    print(json.dumps(figures) if args.json else "\n".join(f"{name:28} {value}" for name, value in figures.items()))


if __name__ == "__main__":
    sys.exit(in_one_line(main))
