"""`deploy.policy check`: the table of everything that was found, or JSON."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from deploy.cli.progress import progress
from deploy.policies.check.chunks import check_chunks, is_chunk_policy
from deploy.robots.description import load_model
from policies.locomotion.probes.probe_finding import ProbeFinding


def run(args: argparse.Namespace) -> int:
    """Prints what was found. Exit status 0: nothing failed; 1: something did."""
    model = load_model(args.robot)
    if is_chunk_policy(args.file):
        found = check_chunks(args.file, args.prompt, model)
    else:
        from deploy.policies.check.locomotion import check_locomotion

        found = check_locomotion(args.file, args.card, model, drawn)
    print(as_json(args.file, model.name, found) if args.json else table(found))
    return 1 if any(finding.level == "fail" for finding in found) else 0


def drawn(steps: Sequence, what: str) -> Iterable:
    """The steps, with a bar where people look on."""
    return progress(steps, what, len(steps))


def as_json(file: str, robot: str, found: Sequence[ProbeFinding]) -> str:
    """One value: the file, the robot, every finding, how many of each kind."""
    lines = [{key: value for key, value in asdict(finding).items() if _said(value)} for finding in found]
    return json.dumps({"file": str(Path(file)), "robot": robot, "findings": lines, "counts": counts(found)}, indent=1)


def _said(value: object) -> bool:
    """JSON knows no infinities."""
    return value not in (None, "") and not (isinstance(value, float) and not math.isfinite(value))


def counts(found: Sequence[ProbeFinding]) -> dict[str, int]:
    """How many passed, are to be looked at, failed, are not known."""
    return {level: sum(one.level == level for one in found) for level in ("pass", "warn", "fail", "not probed")}


def table(found: Sequence[ProbeFinding]) -> str:
    """For the terminal: how it is, what was looked at, what was seen, the bound; below it, the way out."""
    width = max((len(finding.check) for finding in found), default=0)
    lines = []
    for one in found:
        mark = "-" if one.level == "not probed" else one.level
        bound = f"  [{one.bound}]" if one.bound else ""
        lines.append(f"{mark:4}  {one.check:{width}}  {one.seen}{bound}")
        if one.advice:
            lines.append(f"{'':4}  {'':{width}}  -> {one.advice}")
    lines.append(", ".join(f"{count} {level}" for level, count in counts(found).items()))
    return "\n".join(lines)
