"""Fall rates: something goes wrong, or somebody stops the robot, at random moments of what it is doing.

    python -m tests.faults.moments                                          every cause in every situation, 10 moments each
    python -m tests.faults.moments --causes settle,stop-word --count 100    more of some
    python -m tests.faults.moments --robot rig --causes can0:unplug       the rig has faults of its own
    python -m tests.faults.moments --list                                   what there is
    python -m tests.faults.moments --situations forward --causes settle --only 17    one moment again, tick by tick

Judged in MuJoCo's truth for 6 s: the base tilts beyond the robot's fall angle, or the torso comes down. A moment is a fork of a
run in lockstep: an exact copy, so that every cause meets the same moments, and costs no start-up. Moments are spread evenly
over the time that the situation is under way. Fall rates come with Wilson's 95 % interval.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import pickle
import select
import signal
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from tests.faults.causes import CAUSES, Cause
from tests.faults.situations import SITUATIONS
from tests.sim.rig import SimRun

JUDGED = 6.0  # [s] after the cause
AFTER = 25  # ticks that a moment goes on after the fall, to see which mode comes next
COLLAPSED = 0.44  # [m] of the torso, which is at 0.63 standing and at 0.61 in a bow
PER_PASS = 5  # moments of one beginning of a situation
PATIENCE = 120.0  # [s] of real time that a fork may take
QUIET = 1.5  # [s] between two beginnings


@dataclass(frozen=True, slots=True)
class Moment:
    """What became of one moment.

    Attributes:
        situation, cause: Their names.
        index: Number of the moment in its situation; `--only` takes it.
        into: How far into the situation it was [s].
        fell: Ticks from the cause to the fall; None: it did not fall.
        modes: Each mode of the safety layer and the ticks after the cause at which it began; ("run", 0) first.
        fault: The latched fault at the end, or at the fall.
        reason: Why the mode left RUN first.
        silent: It fell in mode RUN without a fault.
        broken: Limits broken, of commands and of joints in truth, before the fall.
        driver: Ticks until the driver damped the motors by itself; None: it did not.
    """

    situation: str
    cause: str
    index: int
    into: float
    fell: int | None
    modes: tuple[tuple[str, int], ...]
    fault: str = ""
    reason: str = ""
    silent: bool = False
    broken: tuple[str, ...] = ()
    driver: int | None = None

    @property
    def trace(self) -> str:
        """Such as "run@0 settle@2 DRV@3 FELL@40 damp@41"."""
        words = [(tick, f"{mode}@{tick}") for mode, tick in self.modes]
        words += [] if self.driver is None else [(self.driver, f"DRV@{self.driver}")]
        words += [] if self.fell is None else [(self.fell, f"FELL@{self.fell}")]
        return " ".join(word for _, word in sorted(words, key=lambda word: word[0]))


class Judge:
    """Looks at the truth after every step of the robot, whoever lets it step."""

    def __init__(self, sim: SimRun) -> None:
        self._sim, self._step = sim, sim.robot.step
        self.ticks = 0
        self.fell: int | None = None
        self.driver: int | None = None
        self.modes: list[tuple[str, int]] = []
        self.fault = self.reason = ""
        self.silent = False
        sim.robot.step = self._after

    def _after(self, dt: float) -> None:
        self._step(dt)
        safety, truth = self._sim.arbiter.safety, self._sim.robot.truth
        mode = safety.mode.value
        if not self.modes or self.modes[-1][0] != mode:
            self.modes.append((mode, self.ticks))
        if mode != "run" and not self.reason:
            self.reason = safety.reason
        if self.driver is None and getattr(self._sim.robot, "damped_by", ""):
            self.driver = self.ticks
        if self.fell is None and fallen(truth, self._sim.model.fall_tilt):
            self.fell, self.silent = self.ticks, mode == "run" and not safety.fault
            self.fault = safety.fault
        self.ticks += 1

    def watch(self, seconds: float) -> None:
        """Ticks on until `seconds` after the cause, or until a fall is well over."""
        last = round(seconds / self._sim.model.dt)
        while self.ticks < last and (self.fell is None or self.ticks < self.fell + AFTER):
            self._sim.session.step()
        self.fault = self.fault or self._sim.arbiter.safety.fault


def fallen(truth, most: float) -> bool:
    """Whether the base has tilted beyond `most` [rad], or the torso has come down."""
    w, _, _, z = truth.base_quat
    return 2.0 * math.acos(min(1.0, math.hypot(w, z))) > most or truth.torso_height < COLLAPSED


def judge(sim: SimRun, cause: Cause, situation: str, index: int, into: float, seconds: float = JUDGED) -> Moment:
    """Does it, now, and looks at what becomes of it. Spoils `sim`: call it in a fork."""
    began, end = sim.mark(), cause.name == "end-of-program"
    watch = Judge(sim)
    cause.act(sim, np.random.default_rng(index))
    watch.watch(0.0 if end else seconds)
    until = None if watch.fell is None else began + watch.fell
    if end and watch.fell is not None and watch.fell >= watch.ticks - 1:
        watch.fell = None  # with the last tick motors damp
    return Moment(
        situation,
        cause.name,
        index,
        round(into, 3),
        watch.fell,
        tuple(watch.modes),
        watch.fault,
        watch.reason,
        watch.silent,
        tuple(sim.broken_limits(max(began - 2, 0), until)),
        watch.driver,
    )


def forked(work: Callable[[], object], patience: float = PATIENCE) -> object:
    """What `work()` returns in a fork of this process; an error's text if it raised, took too long or died."""
    out, into = os.pipe()
    with warnings.catch_warnings():  # the threads that Python warns of are BLAS's, which outlives a fork
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        os.close(out)
        try:
            answer = work()
        except BaseException as error:  # whatever happens in a fork ends there
            answer = f"{type(error).__name__}: {error}"
        with os.fdopen(into, "wb") as pipe:
            pickle.dump(answer, pipe)
        os._exit(0)
    os.close(into)
    with os.fdopen(out, "rb") as pipe:
        ready, _, _ = select.select([pipe], [], [], patience)
        if not ready:
            os.kill(pid, signal.SIGKILL)
        data = pipe.read() if ready else b""
    os.waitpid(pid, 0)
    return pickle.loads(data) if data else f"no answer within {patience:g} s"


def moments(
    situation: str,
    causes: Sequence[Cause],
    count: int,
    seed: int = 0,
    robot: str = "simulated",
    only: int | None = None,
    per_pass: int = PER_PASS,
    seconds: float = JUDGED,
) -> Iterable[Moment]:
    """`count` moments of one situation, each with every cause. Raises RuntimeError where a fork did not answer."""
    rng = np.random.default_rng([seed, *situation.encode()])
    with SimRun(seed=seed, robot=robot) as sim:
        index = 0
        while index < count:
            sim.until(lambda: sim.arbiter.executor.idle, 40.0)
            sim.wait(QUIET)
            length = SITUATIONS[situation](sim, rng)
            began = sim.now
            for into in np.sort(rng.uniform(0.0, length, min(per_pass, count - index))):
                sim.wait(began + into - sim.now)
                if fallen(sim.robot.truth, sim.model.fall_tilt):
                    raise RuntimeError(
                        f"{situation}: the robot fell before anything went wrong, {into:.2f} s into pass "
                        f"{index // per_pass} of seed {seed}; another seed may not"
                    )
                for cause in causes if only in (None, index) else ():
                    found = forked(lambda c=cause, i=index, t=into: judge(sim, c, situation, i, t, seconds))
                    if not isinstance(found, Moment):
                        raise RuntimeError(f"{situation}, {cause.name}, moment {index}: {found}")
                    yield found
                index += 1


# -- figures ----------------------------------------------------------------------------------------------------------


def wilson(k: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """95 % interval of a rate of which `k` of `n` were seen."""
    if n == 0:
        return 0.0, 1.0
    p, w = k / n, z * z / n
    half = z * math.sqrt(p * (1.0 - p) / n + w / (4.0 * n))
    return max(0.0, (p + w / 2.0 - half) / (1.0 + w)), min(1.0, (p + w / 2.0 + half) / (1.0 + w))


def markdown(found: Sequence[Moment]) -> str:
    """The table: a row a cause, a column a situation, all of them with their interval at the end."""
    situations = list(dict.fromkeys(moment.situation for moment in found))
    lines = [
        "| cause | " + " | ".join(situations) + " | all | 95 % | in RUN without a fault |",
        "|---" * (len(situations) + 4) + "|",
    ]
    group = None
    for name in dict.fromkeys(moment.cause for moment in found):
        if CAUSES[name].group != group:
            group = CAUSES[name].group
            lines.append(f"| *{HEADINGS[group]}* |" + " |" * (len(situations) + 3))
        of_cause = [moment for moment in found if moment.cause == name]
        cells = [_share([m for m in of_cause if m.situation == s]) for s in situations]
        low, high = wilson(sum(m.fell is not None for m in of_cause), len(of_cause))
        silent = sum(m.silent for m in of_cause)
        lines.append(
            f"| {name} | "
            + " | ".join([*cells, f"**{_share(of_cause)}**"])
            + f" | {100 * low:.0f} to {100 * high:.0f} % | {silent} |"
        )
    return "\n".join(lines)


HEADINGS = {
    "none": "nothing goes wrong",
    "healthy": "legs, IMU and walking policy are healthy",
    "policy": "the walking policy failed, or asks for nonsense",
    "cut": "legs or IMU gone, or damping asked for: a fall is what is expected",
}


def _share(found: Sequence[Moment]) -> str:
    return f"{sum(moment.fell is not None for moment in found)}/{len(found)}" if found else ""


def traces(found: Sequence[Moment], most: int = 3) -> str:
    """What the modes did, by cause: the commonest sequences, and why they left RUN."""
    lines = []
    for name in dict.fromkeys(moment.cause for moment in found):
        of_cause = [moment for moment in found if moment.cause == name]
        lines.append(f"{name}:")
        ways = Counter((_way(moment), moment.reason or moment.fault) for moment in of_cause)
        lines += [f"  {n:4} x {way}   {why}" for (way, why), n in ways.most_common(most)]
        broken = Counter(limit for moment in of_cause for limit in moment.broken)
        lines += [f"  limit broken {n} x: {limit}" for limit, n in broken.most_common(most)]
    return "\n".join(lines)


def _way(moment: Moment) -> str:
    return " ".join(word.split("@")[0] for word in moment.trace.split())


# -- the command ------------------------------------------------------------------------------------------------------


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m tests.faults.moments", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--causes", default="", help="names or groups, comma between them (default: all that the robot can show)")
    p.add_argument("--situations", default="", help="names, comma between them (default: all)")
    p.add_argument("--count", type=int, default=10, help="moments of each situation with each cause (default 10)")
    p.add_argument("--seed", type=int, default=0, help="of the moments and of the simulation (default 0)")
    p.add_argument("--robot", choices=("simulated", "rig"), default="simulated")
    p.add_argument("--workers", type=int, default=1, help="processes (default 1)")
    p.add_argument("--only", type=int, metavar="INDEX", help="one moment alone, with its modes")
    p.add_argument("--json", type=Path, metavar="FILE", help="writes every moment, after each situation")
    p.add_argument("--read", type=Path, nargs="+", default=[], metavar="FILE", help="the tables of moments that --json wrote")
    p.add_argument("--markdown", action="store_true", help="the table alone")
    p.add_argument("--list", action="store_true", help="situations and causes")
    return p


def chosen(text: str, robot: str) -> list[Cause]:
    """Causes by name or group, in the table's order. Raises SystemExit for a name that is none."""
    able = [cause for cause in CAUSES.values() if cause.robot in ("any", robot)]
    wanted = [word for word in text.split(",") if word]
    for word in wanted:
        if not any(word in (cause.name, cause.group) for cause in able):
            raise SystemExit(f"no cause {word!r} on the {robot} robot; there are: {', '.join(c.name for c in able)}")
    return [cause for cause in able if not wanted or cause.name in wanted or cause.group in wanted]


def measure(situation: str, names: Sequence[str], count: int, seed: int, robot: str, only: int | None) -> list[Moment]:
    """One situation, in a process of its own."""
    return list(moments(situation, [CAUSES[name] for name in names], count, seed, robot, only))


def run(args: argparse.Namespace, situations: Sequence[str], names: Sequence[str]) -> list[Moment]:
    """Every situation, in processes of their own; what was found so far is written after each."""
    began, found = time.monotonic(), []
    with ProcessPoolExecutor(args.workers, multiprocessing.get_context("spawn")) as pool:
        work = partial(measure, names=names, count=args.count, seed=args.seed, robot=args.robot, only=args.only)
        for part in pool.map(work, situations):
            found += part
            if args.json:
                args.json.write_text(json.dumps([asdict(moment) for moment in found], indent=0))
            print(
                f"{part[0].situation if part else '-'}: {len(found)} moments after {time.monotonic() - began:.0f} s",
                file=sys.stderr,
            )
    return found


def read(file: Path) -> list[Moment]:
    """Moments that `--json` wrote; those of causes that there are no more are left out."""
    rows = json.loads(file.read_text())
    return [
        Moment(**{**row, "modes": tuple(map(tuple, row["modes"])), "broken": tuple(row["broken"])})
        for row in rows
        if row["cause"] in CAUSES
    ]


def main(argv: list[str] | None = None) -> int:
    """Runs. Returns the exit status: 1 if a robot fell in mode RUN without a fault, though something was wrong."""
    args = parser().parse_args(argv)
    causes = chosen(args.causes, args.robot)
    if args.list:
        print("situations:", ", ".join(SITUATIONS))
        print("\n".join(f"{cause.group:8} {cause.name}" for cause in causes))
        return 0
    situations = [name for name in args.situations.split(",") if name] or list(SITUATIONS)
    if unknown := [name for name in situations if name not in SITUATIONS]:
        raise SystemExit(f"no situation {unknown[0]!r}; there are: {', '.join(SITUATIONS)}")
    began = time.monotonic()
    found = [moment for file in args.read for moment in read(file)] or run(args, situations, [cause.name for cause in causes])
    found.sort(key=lambda moment: (list(HEADINGS).index(CAUSES[moment.cause].group), list(CAUSES).index(moment.cause)))
    if args.only is not None:
        print("\n".join(f"{m.situation} + {m.into:.2f} s, {m.cause}: {m.trace}   {m.reason or m.fault}" for m in found))
    else:
        print(markdown(found))
        if not args.markdown:
            print(f"\n{traces(found)}\n\n{len(found)} moments in {time.monotonic() - began:.0f} s")
    return int(any(moment.silent and CAUSES[moment.cause].group != "none" for moment in found))


if __name__ == "__main__":
    sys.exit(main())
