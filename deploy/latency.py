"""Measures latency from words to motion: instruction -> routed -> first command -> end of the blend.

    python -m deploy.latency [--tree default.yaml] [--rounds 10] [--real] [--json FILE]

Every ordered pair of policy kinds, each measured `rounds` times in simulation. Lockstep by default: times are those of the
tick, exact and repeatable, and slow work takes its configured delay. `--real` follows the machine's clock.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from arbiter.errors import RobotError
from deploy.cli.command import CommandParser, command
from deploy.cli.extras import extra
from deploy.cli.outputs import output_file
from deploy.cli.progress import progress


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("deploy.latency", description=__doc__)
    p.add_argument("--tree", default="default.yaml", help="tree file, or a name in deploy/trees")
    p.add_argument("--rounds", type=int, default=10, help="measurements of each pair")
    p.add_argument("--real", action="store_true", help="the machine's clock instead of lockstep")
    p.add_argument("--json", type=output_file, metavar="FILE", help="writes the table")
    p.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="overrides a key of the tree file")
    return p


with extra(__name__, parser):
    import numpy as np

    from deploy.runtime.assemble import assemble
    from deploy.runtime.config import load_tree
    from deploy.runtime.masks import check_settings
    from deploy.runtime.session import Session

# (pair, what runs first, what is then asked, seconds between)
PAIRS = (
    ("locomotion -> locomotion", "walk forward", "turn left", 1.0),
    ("locomotion -> chunk, arms", "walk forward", "wave your right hand", 1.0),
    ("locomotion -> chunk, whole body", "stand still", "take a bow", 1.0),
    ("chunk -> chunk, arms", "wave your right hand", "raise your arms", 1.5),
    ("chunk -> locomotion, whole body", "take a bow", "walk forward", 1.0),
    ("fallback -> chunk, arms", "", "wave your left hand", 0.5),
    ("locomotion -> fallback (stop)", "walk forward", "stop", 1.0),
)
LONGEST = 15.0  # [s] to wait for one measurement


def measure(tree: str, rounds: int, real: bool, settings: list[str], seed: int = 0) -> dict[str, dict[str, list[float]]]:
    """Samples by pair: "routed", "first_command", "blend_end" since the instruction [s]."""
    loaded = load_tree(tree, settings)
    assembly = assemble(loaded, fast=not real, seed=seed)
    session = Session(assembly.robot, assembly.arbiter, assembly.clock, [], assembly.observers)
    samples: dict[str, dict[str, list[float]]] = {}
    try:
        session.start()
        _until(session, lambda: assembly.arbiter.world.ready, 15.0)
        _for(session, 1.0)
        for pair, first, then, seconds in progress(rounds * PAIRS, "measuring", rounds * len(PAIRS)):
            taken = _once(session, first, then, seconds)
            if fault := assembly.arbiter.safety.fault:
                raise RobotError(f"{pair}: {fault}; what follows cannot be measured")
            for key, value in taken.items():
                samples.setdefault(pair, {}).setdefault(key, []).append(value)
    finally:
        assembly.close()
    return samples


def _once(session: Session, first: str, then: str, seconds: float) -> dict[str, float]:
    inbox, executor = session.arbiter.inbox, session.arbiter.executor
    if first:
        inbox.say(first)
        _until(session, lambda: executor.log and executor.log[-1].first_command is not None, LONGEST)
    _for(session, seconds)
    count = executor.log.total
    inbox.say(then)
    _until(session, lambda: executor.log.total > count, 1.0)
    item = executor.log[-1]
    if item.result == "stopped":  # answered in the tick that heard it
        taken = {"routed": 0.0, "first_command": 0.0}
    else:
        _until(session, lambda: item.blend_end is not None or item.finished is not None, LONGEST)
        times = {"routed": item.routed, "first_command": item.first_command, "blend_end": item.blend_end}
        taken = {key: value - item.at for key, value in times.items() if value is not None}
    inbox.stop("next measurement")
    _for(session, 1.0)
    inbox.say("stand still")
    _until(session, lambda: executor.idle, LONGEST)
    _for(session, 1.0)
    return taken


def _for(session: Session, seconds: float) -> None:
    end = session.clock.now + seconds
    while session.clock.now < end:
        session.step()


def _until(session: Session, done, limit: float) -> None:
    end = session.clock.now + limit
    while not done() and session.clock.now < end:
        session.step()


def table(samples: dict[str, dict[str, list[float]]]) -> list[dict[str, Any]]:
    """p50, p99 and max of each step [ms], a row for each pair."""
    rows = []
    for pair, steps in samples.items():
        row: dict[str, Any] = {"pair": pair, "samples": max(len(values) for values in steps.values())}
        for key, values in steps.items():
            ms = 1e3 * np.array(values)
            row[key] = [round(float(x), 1) for x in (np.percentile(ms, 50), np.percentile(ms, 99), ms.max())]
        rows.append(row)
    return rows


@command
def main(argv: list[str] | None = None) -> int:
    """Prints the table."""
    args = parser().parse_args(argv)
    check_settings(args.set)
    rows = table(measure(args.tree, args.rounds, args.real, args.set))
    print("ms after the instruction, p50 / p99 / max\n")
    print(f"{'switch':<36} {'routed':>20} {'first command':>22} {'blend end':>22}")
    for row in rows:
        cells = [" / ".join(f"{x:.0f}" for x in row.get(key, ())) or "-" for key in ("routed", "first_command", "blend_end")]
        print(f"{row['pair']:<36} {cells[0]:>20} {cells[1]:>22} {cells[2]:>22}")
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
