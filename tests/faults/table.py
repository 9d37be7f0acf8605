"""The fault table: every kind of fault while the robot walks, gestures and hands over, judged in simulation truth.

    python -m tests.faults.table                          docs/results/fault_table.md anew, all of it
    python -m tests.faults.table --rows 4a,5,rig        some rows, or kinds, to the screen
    python -m tests.faults.table --moments 3              three moments of each situation

Each fault is injected into a fork of the same run at the same moment (see `moments`). A cell tells each mode of the safety layer
with the tick at which it began (a tick is 20 ms, counted from the fault), FELL where the robot falls in truth, and the result of
the instruction. What was measured at 152fa06, before falls were looked into, stands beside it (`table_before.txt`).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.faults.causes import Cause
from tests.faults.kinds import KINDS, RIG, on_rig
from tests.faults.moments import JUDGED, Moment, forked, judge
from tests.sim.rig import SimRun

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "results" / "fault_table.md"
SITUATIONS = ("walking", "gesture", "hand-over")
SPREAD = 0.16  # [s] between two moments of a situation: a third of a step


def walking(sim: SimRun) -> None:
    sim.arbiter.inbox.say("walk forward for 12 seconds")
    sim.wait(3.0)


def gesture(sim: SimRun) -> None:
    sim.arbiter.inbox.say("wave your right hand")
    sim.wait(1.5)


def hand_over(sim: SimRun) -> None:
    """From a walk to a bow: the moment lies shortly after the bow was asked for, before legs change hands."""
    sim.arbiter.inbox.say("walk forward for 12 seconds")
    sim.wait(2.0)
    sim.arbiter.inbox.say("take a bow")
    sim.wait(0.4)


BEGIN = dict(zip(SITUATIONS, (walking, gesture, hand_over), strict=True))
Cell = tuple[str, bool, bool]  # what it says, whether the robot fell, whether it did in mode RUN without a fault


def cell(moment: Moment, result: str) -> Cell:
    """The text of one outcome."""
    words = [moment.trace, *([f"[{result}]"] if result else []), *moment.broken]
    return " ".join(words), moment.fell is not None, moment.silent


def watched(sim: SimRun, cause: Cause, situation: str, index: int) -> Cell:
    """Injects and looks. In a fork."""
    moment = judge(sim, cause, situation, index, 0.0)
    return cell(moment, sim.arbiter.executor.log[-1].result)


def measure(situation: str, causes: Sequence[Cause], count: int, seed: int, robot: str) -> dict[str, list[Cell]]:
    """The cells of every cause in one situation, `count` moments each."""
    found: dict[str, list[Cell]] = {cause.name: [] for cause in causes}
    with SimRun(seed=seed, robot=robot) as sim:
        BEGIN[situation](sim)
        for index in range(count):
            for cause in causes:
                got = forked(lambda c=cause, i=index: watched(sim, c, situation, i))
                if not isinstance(got, tuple):
                    got = (f"no outcome: {got}", True, False)
                found[cause.name].append(got)
            sim.wait(SPREAD)
    return found


def simulated() -> list[Cause]:
    """The rows of the simulated robot, the one without a fault first."""
    rows = [Cause(number, title, act) for number, (title, act) in KINDS.items()]
    return [Cause("0", "no fault", lambda sim, rng: None), *rows]


def rig() -> list[Cause]:
    """The rows of the rig."""
    return [Cause(text, "", on_rig(text), "rig") for text in RIG]


# -- before -----------------------------------------------------------------------------------------------------------


def before() -> dict[str, tuple[str, ...]]:
    """Cells by row, as they were measured at 152fa06: three a row, one on the rig."""
    table = {}
    for line in (HERE / "table_before.txt").read_text().splitlines():
        cells = [word.strip() for word in line.strip("| ").split("|")]
        if cells[0] in RIG:
            table[cells[0]] = (" ".join(cells[1:]).strip(),)
        else:
            table[cells[0].split()[0]] = tuple(text.partition(": ")[2] for text in cells[1:4])
    return table


# -- the page ---------------------------------------------------------------------------------------------------------


def text_of(cells: Sequence[Cell]) -> str:
    """One cell of the page: the outcome, or how many of several fell and the first that did."""
    if len(cells) == 1:
        return cells[0][0]
    fell = [text for text, down, _ in cells if down]
    return f"fell {len(fell)} of {len(cells)}: {(fell or [cells[0][0]])[0]}"


def table(causes: Sequence[Cause], columns: dict[str, dict[str, list[Cell]]], old: dict[str, tuple[str, ...]]) -> list[str]:
    """Lines of one table, with its sum."""
    names = list(columns)
    lines = ["| fault | " + " | ".join(f"{name}: before | after" for name in names) + " |", "|---" * (2 * len(names) + 1) + "|"]
    for cause in causes:
        was = old.get(cause.name, ("",) * len(names))
        cells = [f"{was[k]} | {text_of(columns[name][cause.name])}" for k, name in enumerate(names)]
        lines.append(f"| {cause.name} {cause.group} | " + " | ".join(cells) + " |")
    sums = []
    for k, name in enumerate(names):
        rows = [columns[name][cause.name] for cause in causes]
        fell, most = sum(down for row in rows for _, down, _ in row), sum(len(row) for row in rows)
        was = sum("FELL" in row[k] for row in old_rows(causes, old))
        sums.append(
            f"{was} of {len(list(old_rows(causes, old)))} fell | {fell} of {most} fell, "
            f"{sum(quiet for row in rows for _, _, quiet in row)} in RUN without a fault"
        )
    return [*lines, "| **all** | " + " | ".join(sums) + " |"]


def old_rows(causes: Sequence[Cause], old: dict[str, tuple[str, ...]]) -> Iterable[tuple[str, ...]]:
    return (old[cause.name] for cause in causes if cause.name in old)


HEAD = """# Fault table

Every kind of fault, one moment each, measured {day} by `{command}` (columns "after"). Columns
"before": at 152fa06, by another script and at other moments. Each fault is injected into a fork of the same run in lockstep
simulation at the same moment, and judged for {seconds:g} s by MuJoCo's true state. Fall rates over many moments:
[falls.md](falls.md).

A cell holds, in order:

- `mode@tick`: a mode of the safety layer, and the tick (20 ms, counted from the fault) at which it began;
- FELL: the base tilted beyond the fall angle, or the torso came down;
- DRV: the driver of the CAN buses damped all motors by itself, whatever the safety layer sent;
- in brackets the result of the instruction, if it ended;
- limits that were broken before a fall, if any.

"""


def page(command: str, parts: Iterable[tuple[str, list[str]]]) -> str:
    """The whole page."""
    return (
        HEAD.format(command=command, seconds=JUDGED, day=time.strftime("%Y-%m-%d"))
        + "\n\n".join(f"## {title}\n\n" + "\n".join(lines) for title, lines in parts)
        + "\n"
    )


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m tests.faults.table", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--rows", default="", help="rows (4a), kinds (4) or rig, comma between them (default: all)")
    p.add_argument("--moments", type=int, default=1, help="of each situation (default 1)")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--markdown", action="store_true", help="to the screen instead of docs/results/fault_table.md")
    return p


def chosen(text: str) -> list[Cause]:
    """The rows asked for. Raises SystemExit for one that is none."""
    rows, words = [*simulated(), *rig()], [word for word in text.split(",") if word]
    for word in words:
        if not any(_asked(cause, word) for cause in rows):
            raise SystemExit(f"no row {word!r}; there are: {', '.join(cause.name for cause in rows)}")
    return [cause for cause in rows if not words or any(_asked(cause, word) for word in words)]


def _asked(cause: Cause, word: str) -> bool:
    kind = "rig" if cause.robot == "rig" else cause.name.rstrip("abcdefghijklmnopqrstuvwxyz")
    return word in (cause.name, kind)


def main(argv: list[str] | None = None) -> int:
    """Runs. Returns the exit status."""
    args = parser().parse_args(argv)
    began, old, rows = time.monotonic(), before(), chosen(args.rows)
    parts = []
    for title, robot, situations in (("Simulated robot", "simulated", SITUATIONS), ("Rig, walking", "rig", SITUATIONS[:1])):
        causes = [cause for cause in rows if cause.robot == robot]
        if causes:
            columns = {}
            for name in situations:
                columns[name] = measure(name, causes, args.moments, args.seed, robot)
                print(f"{title}, {name}: {len(causes)} rows after {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
            parts.append((title, table(causes, columns, old)))
    command = " ".join(["python -m tests.faults.table", *(sys.argv[1:] if argv is None else argv)])
    text = page(command, parts)
    if args.rows or args.markdown:
        print(text)
    else:
        PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
