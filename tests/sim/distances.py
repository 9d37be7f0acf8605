"""How far and how straight a walk goes by words: measured in simulation, with sensor noise, judged by MuJoCo's true state.

    python -m tests.sim.distances                               every walk, ten seeds, to the screen
    python -m tests.sim.distances --seeds 2 --only forward      some walks
    python -m tests.sim.distances --robot g1                    the Unitree G1 (tests/unitree_g1.py), or the folder of a robot
    python -m tests.sim.distances --json now.json
    python -m tests.sim.distances --page before.json now.json   docs/results/walking.md from two such files

Every seed is one run in lockstep in which all walks are said in an order of its own. A walk is judged from standing to standing,
by the torso's centre of mass: the base frame's origin swings.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from skills.rotations import rotations
from tests.sim.rig import SimRun
from tests.sim.walks import Walk, walks
from tests.unitree_g1 import policy_folder, write_folder

PAGE = Path(__file__).parents[2] / "docs" / "results" / "walking.md"
LONG = 0.9  # [m, rad] of a walk that has a speed of its own, beside start and stop
REST = 1.0  # [s] between a walk's end and its judgement, and before the next
LIMIT = 120.0  # [s] for one walk
SWAY = 48  # ticks over which a path is averaged: two steps
STEADY = 0.25  # of the way at both ends, where it starts and stops: not part of the speed
SHARE, LEAST, HEADING = 0.03, 0.04, 2.0  # the aim: of the way, but [m]; [degrees]


@dataclass(frozen=True, slots=True)
class Judged:
    """One walk in truth.

    Attributes:
        group, text: See Walk. seed: Of the run.
        asked: Way [m], angle [rad] of a turn, radius of a circle [m]. gone: The same, in truth.
        aside: Drift to the side [m]; of turns and circles: from where they should end.
        heading: Error [degrees]; of turns and circles: of the angle.
        speed, reached: Asked, and in the middle of the way in truth [m/s, rad/s].
        fell: It fell.
        result, reason: What the skill said.
    """

    group: str
    text: str
    seed: int
    asked: float
    gone: float
    aside: float
    heading: float
    speed: float
    reached: float
    fell: bool
    result: str
    reason: str

    @property
    def turns(self) -> bool:
        return self.group.startswith("turn")

    @property
    def way(self) -> float:
        """Length of the way that was asked for [m]; of a turn on the spot 0. All circles are full ones."""
        return 0.0 if self.turns else 2.0 * np.pi * self.asked if self.group.startswith("circle") else self.asked

    @property
    def near(self) -> bool:
        """It is within the aim."""
        far, aside = (max(SHARE * length, LEAST) for length in (0.0 if self.turns else self.asked, self.way))
        gone = self.turns or abs(self.gone - self.asked) <= far
        return gone and self.aside <= aside and abs(self.heading) <= HEADING and not self.fell


def path_of(run: SimRun, since: int) -> np.ndarray:
    """True path of the torso's centre of mass in the frame in which it stood: x, y [m], heading [rad], shape (T, 3)."""
    turned = rotations(np.array([truth.base_quat for truth in run.truth[since:]]))
    place = np.array([truth.base_pos for truth in run.truth[since:]]) + turned @ run.model.known_body.torso
    yaw = np.unwrap(np.arctan2(turned[:, 1, 0], turned[:, 0, 0]))
    (x, y), c, s = (place - place[0])[:, :2].T, np.cos(yaw[0]), np.sin(yaw[0])
    return np.column_stack((c * x + s * y, c * y - s * x, yaw - yaw[0]))


def steady(stamps: np.ndarray, gone: np.ndarray) -> float:
    """Speed in the middle of the way: between its first and last STEADY."""
    begin, end = (int(np.argmax(gone >= share * gone[-1])) for share in (STEADY, 1.0 - STEADY))
    return float((gone[end] - gone[begin]) / max(stamps[end] - stamps[begin], 1e-9))


def fitted_radius(path: np.ndarray) -> float:
    """Radius of the circle through a path x, y [m], shape (T, 2), by least squares."""
    matrix = np.column_stack((2.0 * path, np.ones(len(path))))
    x, y, rest = np.linalg.lstsq(matrix, (path**2).sum(axis=1), rcond=None)[0]
    return float(np.sqrt(max(rest + x * x + y * y, 0.0)))


def judged(walk: Walk, run: SimRun, seed: int) -> Judged:
    """Says it, waits and looks."""
    since, falls = run.mark(), run.falls
    item = run.say(walk.text, limit=LIMIT)
    run.wait(REST)
    path, parameters = path_of(run, since), item.route.steps[0][0].parameters
    stamps, speed, length = np.arange(len(path)) * run.model.dt, float(parameters["speed"]), length_of(path)
    asked, end = walk.asked(speed), path[-1]
    if walk.way == "turn":
        along = walk.sign * path[:, 2]
        gone, aside, off = along[-1], float(np.hypot(*end[:2])), along[-1] - asked
    elif walk.way == "circle":
        along, radius = length, float(parameters["radius"])
        goal = radius * np.array((np.sin(asked / radius), walk.sign * (1.0 - np.cos(asked / radius))))
        aside, off = float(np.hypot(*(end[:2] - goal))), walk.sign * end[2] - asked / radius
        gone, asked = fitted_radius(path[:, :2]), radius
    else:
        along, off = path[:, :2] @ walk.direction, end[2]
        gone, aside = along[-1], abs(float(end[0] * walk.direction[1] - end[1] * walk.direction[0]))
    return Judged(
        walk.group, walk.text, seed, asked, float(gone), aside, float(np.degrees(off)), speed, steady(stamps, along),
        run.falls > falls, str(item.result), item.reason,
    )  # fmt: skip


def length_of(path: np.ndarray) -> np.ndarray:
    """Length of the path until each tick [m], without the sway of the steps, shape (T,)."""
    width = min(SWAY, len(path))
    padded = np.pad(path[:, :2], ((width // 2, width - 1 - width // 2), (0, 0)), mode="edge")
    calm = np.column_stack([np.convolve(column, np.full(width, 1.0 / width), "valid") for column in padded.T])
    return np.append(0.0, np.hypot(*np.diff(calm, axis=0).T).cumsum())


def measure(seed: int, chosen: Sequence[Walk], robot: str = "") -> Iterable[Judged]:
    """All walks of a seed; a robot that fell is set up again."""
    run, order = None, np.random.default_rng(seed).permutation(len(chosen))
    for index in order.tolist():
        run = run or SimRun(seed=seed, settings=[f"robot={json.dumps(robot)}"] if robot else ())
        found = judged(chosen[index], run, seed)
        yield found
        del run.truth[:-1], run.commands[:-1], run.reports[:-1]
        if found.fell:
            run.assembly.close()
            run = None
    if run is not None:
        run.assembly.close()


# -- the table --------------------------------------------------------------------------------------------------------

COLUMNS = ("walks", "n", "within the aim", "distance", "to the side", "heading", "speed", "said it succeeded", "fell")
BEGIN, END = "<!-- distances: written by `python -m tests.sim.distances --page` -->", "<!-- end of distances -->"


@dataclass(frozen=True, slots=True)
class Measured:
    """All walks of a run of this command. `about`: when, at which commit and how they were measured."""

    about: str
    walks: tuple[Judged, ...]

    @property
    def groups(self) -> list[str]:
        """Lines of the table."""
        return sorted({one.group for one in self.walks})


def row(group: str, found: Sequence[Judged]) -> tuple[str, ...]:
    """One line of the table: medians, and in brackets the worst."""
    off = [abs(one.gone - one.asked) for one in found]
    share = [one.reached / one.speed for one in found if one.asked >= LONG or group.startswith("circle")]
    return (
        group,
        str(len(found)),
        f"{100 * np.mean([one.near for one in found]):.0f} %",
        "" if all(one.turns for one in found) else f"{100 * np.median(off):.1f} ({100 * max(off):.0f}) cm",
        f"{100 * np.median([one.aside for one in found]):.1f} ({100 * max(one.aside for one in found):.0f}) cm",
        f"{np.median([abs(one.heading) for one in found]):.1f} ({max(abs(one.heading) for one in found):.1f})°",
        f"{100 * min(share):.0f} to {100 * max(share):.0f} %" if share else "",
        str(sum(one.result == "succeeded" for one in found)),
        str(sum(one.fell for one in found)),
    )


def lines(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Markdown; the first row is the head."""
    return [f"| {' | '.join(cells)} |" for cells in (rows[0], ("---",) * len(rows[0]), *rows[1:])]


def table(found: Sequence[Judged], groups: Sequence[str]) -> list[str]:
    """Lines of Markdown of one run."""
    return lines([COLUMNS, *(row(group, [one for one in found if one.group == group]) for group in groups)])


def compared(before: Measured, now: Measured) -> list[str]:
    """Lines of Markdown: both in every cell."""
    rows = [("walks", "n", *(f"{name}: before, now" for name in COLUMNS[2:7]), "said it succeeded", "fell")]
    for group in now.groups:
        was, is_now = (row(group, [one for one in run.walks if one.group == group]) for run in (before, now))
        rows.append(
            (group, f"{was[1]}, {is_now[1]}", *(f"{a}, {b}" if b else "" for a, b in zip(was[2:], is_now[2:], strict=True)))
        )
    counts = [(sum(one.near for one in run.walks), len(run.walks)) for run in (before, now)]
    rows.append(("**all**", "", ", ".join(f"{near} of {total}" for near, total in counts), *[""] * 6))
    return lines(rows)


def read(file: Path) -> Measured:
    """What --json wrote."""
    kept = json.loads(file.read_text())
    return Measured(kept["about"], tuple(Judged(**one) for one in kept["walks"]))


def write_page(files: Sequence[Path]) -> None:
    """The section of the page, from pairs of runs: before and now."""
    parts = [BEGIN]
    for before, now in zip(map(read, files[::2]), map(read, files[1::2]), strict=True):
        parts += ["", f"Before: {before.about}. Now: {now.about}.", "", *compared(before, now)]
    head, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(head + "\n".join([*parts, "", END]) + rest.partition(END)[2])


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m tests.sim.distances", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--seeds", type=int, default=10, help="runs (default 10)")
    p.add_argument("--first", type=int, default=0, help="seed of the first run (default 0)")
    p.add_argument("--only", default="", metavar="WORDS", help="walks whose group or text has these words")
    p.add_argument("--robot", default="", metavar="FOLDER", help='another robot; "g1": the Unitree G1 of the tests')
    p.add_argument("--json", type=Path, metavar="FILE", help="writes every walk, after each seed")
    p.add_argument("--page", type=Path, nargs="+", metavar="FILE", help="BEFORE NOW [BEFORE NOW]: measures nothing")
    return p


def main(argv: list[str] | None = None) -> int:
    """Runs. Returns the exit status."""
    args = parser().parse_args(argv)
    if args.page:
        write_page(args.page)
        return 0
    chosen = [walk for walk in walks() if args.only in walk.group or args.only in walk.text]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    command = " ".join(["python -m tests.sim.distances", *(sys.argv[1:] if argv is None else argv)]).partition(" --json")[0]
    about = f"{time.strftime('%Y-%m-%d')} ({commit or 'no commit'}), `{command}`"
    found: list[Judged] = []
    with tempfile.TemporaryDirectory() as folder:
        robot = str(write_folder(Path(folder) / "unitree_g1", policy_folder())) if args.robot == "g1" else args.robot
        for seed in range(args.first, args.first + args.seeds):
            found += measure(seed, chosen, robot)
            print(f"seed {seed}: {len(found)} walks", file=sys.stderr, flush=True)
            if args.json:
                args.json.write_text(json.dumps({"about": about, "walks": [asdict(one) for one in found]}))
    print("\n".join(table(found, Measured(about, tuple(found)).groups)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
