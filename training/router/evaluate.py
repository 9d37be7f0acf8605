"""Measures the router on labelled phrases that it was neither fitted nor tuned on.

python -m training.router.evaluate [--set report|surprise|first_sight|FILE.txt | --grid NAME|all] [--by KEY] [--show] [--json]
"""

from __future__ import annotations

import argparse
import inspect
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from arbiter.errors import ConfigError
from arbiter.skill import SkillCall
from deploy.cli.command import CommandParser, in_one_line
from training.router.aims import aims_table
from training.router.figures import beside, grouped, summary, table
from training.router.grids import GRIDS, grid
from training.router.judge import PhraseResult, judge, plan_of
from training.router.phrases import PhraseSet, load_sets
from training.router.plans import WantedPlan, vocabulary

if TYPE_CHECKING:
    from arbiter.routing import Router
    from arbiter.skill import Steps

GROUPINGS: dict[str, Callable[[PhraseResult], str]] = {
    "kind": lambda result: result.phrase.kind,
    "author": lambda result: result.phrase.author,
    "frame": lambda result: result.phrase.frame,
}


def add_source(p: argparse.ArgumentParser) -> None:
    """The options that say which phrases."""
    p.add_argument("--set", default="report", help="phrases: report, surprise, dev, first_sight, or a file or folder of such")
    p.add_argument("--grid", choices=("all", *GRIDS), help="phrases made from small lists, in place of a set")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("training.router.evaluate", description=__doc__)
    add_source(p)
    p.add_argument("--model", type=Path, help="folder of another encoder and head (default: the router's own)")
    p.add_argument("--by", choices=tuple(GROUPINGS), default="kind", help="what the rows of the table are")
    p.add_argument("--show", action="store_true", help="print every phrase that went wrong")
    p.add_argument("--before", type=Path, help="figures of another run, by --json: a table of before and after")
    p.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    return p


def sets_of(args: argparse.Namespace) -> tuple[PhraseSet, ...]:
    """The phrases that the options name."""
    if args.grid:
        names = GRIDS if args.grid == "all" else (args.grid,)
        return tuple(map(grid, names))
    return load_sets(args.set)


def done(plan: WantedPlan, router: Router) -> Steps:
    """A plan that a phrase follows, as routed: values that it does not tell are the defaults."""
    from arbiter.routing.choice import defaults

    return tuple(
        tuple(
            SkillCall(call.skill, defaults(router.skills, call.skill) | {value.name: value.value for value in call.values})
            for call in step
        )
        for step in plan
    )


def run(router: Router, phrase_set: PhraseSet) -> list[PhraseResult]:
    """Routes every phrase of a set."""
    from arbiter.routing.corpus import canonical
    from arbiter.routing.text import written_out

    known, fitted = vocabulary(router.skills.values()), frozenset(router.scorer.texts)
    contextual = "last" in inspect.signature(router.route).parameters  # a router of long ago is measured beside that of today
    results = []
    for phrase in tqdm(phrase_set.phrases, desc=phrase_set.name, disable=None):
        before = (done(phrase.last, router),) if contextual else ()
        start = time.thread_time_ns()
        route = router.route(phrase.text, *before)
        cpu_ms = (time.thread_time_ns() - start) / 1e6
        results.append(judge(phrase, route, cpu_ms, known, canonical(written_out(phrase.text)) in fitted))
    return results


def evaluate(phrase_sets: Sequence[PhraseSet], model: Path | None = None) -> list[PhraseResult]:
    """Routes sets, each with the skills that it tells of."""
    from arbiter.routing import Router
    from skills import builtin_skills

    plain = Router(builtin_skills(), model)
    results = []
    for each in phrase_sets:
        router = Router([*builtin_skills(), *each.skills], model) if each.skills else plain
        results += run(router, each)
    return results


def written(plan: WantedPlan) -> str:
    """A wanted plan in a line, with its values."""
    calls = [
        " + ".join(" ".join((call.skill, *(f"{v.name}{v.relation}{v.value}" for v in call.values))) for call in step)
        for step in plan
    ]
    return ", ".join(calls)


def show(result: PhraseResult) -> str:
    """One line on a phrase that went wrong."""
    route, phrase = result.route, result.phrase
    plan = ", ".join(" + ".join(call.skill for call in step) for step in route.steps) or "-"
    values = [
        f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for s in route.steps for c in s for k, v in c.parameters.items()
    ]
    wanted = [*map(written, phrase.wanted[:2]), *(["none"] if phrase.refusable or not phrase.wanted else [])]
    notes = "".join(f" note {'|'.join(group)}" for group in phrase.notes)
    said = f"{phrase.text!r}: {phrase.kind}, wanted {' | '.join(wanted)}{notes}, got {route.outcome} {plan} {' '.join(values)}"
    return f"{result.finding:9} {said} ({route.score:.2f}) {route.reason}"


def before_groups(file: Path) -> list[dict[str, Any]]:
    """The groups of another run. Raises ConfigError."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))["groups"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{file} holds no figures ({error}); `training.router.evaluate --json > {file}` writes them") from error


def main() -> None:
    args = parser().parse_args()
    before = before_groups(args.before) if args.before else None
    results = evaluate(sets_of(args), args.model)
    if args.show:
        print("\n".join(show(result) for result in results if not result.exact))
    figures, groups = summary(results), grouped(results, GROUPINGS[args.by])
    if args.json:
        print(json.dumps({**figures, "groups": [group.as_json() for group in groups]}))
    else:
        print("\n".join(f"{name:28} {value}" for name, value in figures.items()))
        print(table(groups), aims_table(results), sep="\n\n")
        if before is not None:
            print("", beside(before, groups), sep="\n")


__all__ = ["evaluate", "judge", "plan_of", "run", "summary"]

if __name__ == "__main__":
    sys.exit(in_one_line(main))
