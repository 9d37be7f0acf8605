"""Hours of random instructions: no fall, no limit broken, no memory that grows.

    python -m tests.faults.soak --seeds 20 --minutes 6                a night's work, or an hour's
    python -m tests.faults.soak --seeds 1 --minutes 60                one long run
    python -m tests.faults.soak --first 7 --seeds 1 --minutes 2.5     one again, bit for bit: it ends where it fell
    python -m tests.faults.soak --legs --seeds 20                     instructions to the legs only, in quick succession
    python -m tests.faults.soak --storm --seeds 6 --minutes 4         starts and stops of the legs, 0.1 to 0.7 s apart

Built-in instructions in random modes (replace, queue, together), 0.1 to 4 s apart, with bursts of 20 and a stop now and then,
in lockstep. Judged in MuJoCo's truth. On a fall the last instructions are told with their times; then an operator resets the
robot and it goes on.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from tests.faults.moments import fallen
from tests.sim.rig import SimRun

MORE = (
    "keep walking until I say stop",
    "faster",
    "slower",
    "freeze",
    "hold it",
    "stop now",
    "again",
    "walk forward two meters",
    "walk back half a meter",
    "walk forward and wave your right hand",
    "turn left, then bow",
    "walk forward, then turn right",
    "sidestep left and raise your arms",
    "go forward slowly",
    "walk quickly",
    "turn around",
    "turn left 45 degrees",
    "walk forward at 0.5 m/s for 3 seconds",
    "touch the red ball",
    "touch the green ball",
    "make me a sandwich",
    "",
)
LEGS = ("walk", "sidestep", "turn", "stand_still", "stop")  # beginnings of names of skills of the legs
MODES = ("replace", "queue", "together")
BURST = 20
BLOCK = 1000  # ticks between two looks at limits and memory
REMEMBERED = 12
LIFT = 20.0  # [s] that the way back to standing may take
RESETS = 3


@dataclass(frozen=True, slots=True)
class Talk:
    """How somebody talks.

    Attributes:
        legs: Only to the legs.
        longest: Between two instructions [s], at most.
        stops: Share of instructions after which the operator stops.
        pauses: Whether time passes after a stop as after an instruction.
        bursts: Share that comes as twenty at once.
        modes: Of the instructions.
    """

    legs: bool = False
    longest: float = 4.0
    stops: float = 0.08
    pauses: bool = False
    bursts: float = 0.02
    modes: tuple[str, ...] = MODES


ALL, LEGS_ONLY = Talk(), Talk(legs=True, longest=1.0)
STORM = Talk(legs=True, longest=0.7, stops=0.5, pauses=True, bursts=0.0, modes=("replace",))


@dataclass(slots=True)
class Fall:
    """One fall.

    Attributes:
        seed, at: Where: `--first SEED --minutes AT/60` falls again.
        mode, fault: Of the safety layer at that moment; a fall in mode "run" without a fault is nobody's plan.
        owner: Who had the legs.
        last: What was said before, as (time before the fall [s], mode of the instruction, text).
    """

    seed: int
    at: float
    mode: str
    fault: str
    owner: str
    last: list[tuple[float, str, str]]

    def __str__(self) -> str:
        said = "; ".join(f"-{ago:.2f} s {how} {text!r}" for ago, how, text in self.last)
        return f"seed {self.seed}: FELL at {self.at:.2f} s in mode {self.mode} {self.fault!r}, legs: {self.owner}; {said}"


@dataclass(slots=True)
class Run:
    """One seed's result. `memory`: resident [MiB] after the first minute and at the end."""

    seed: int
    seconds: float = 0.0
    said: int = 0
    falls: list[Fall] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    memory: tuple[float, float] = (0.0, 0.0)


class Soak:
    """A simulated robot, somebody who talks to it at random, and who looks at the truth."""

    def __init__(self, seed: int, talk: Talk = ALL, on_fall: Callable[[SimRun], None] = lambda sim: None) -> None:
        self.sim = SimRun(seed=seed)
        self._rng = np.random.default_rng([seed, 14])
        self.words, self._how = vocabulary(self.sim, talk.legs), talk
        self.run, self._on_fall = Run(seed), on_fall
        self._last: deque[tuple[float, str, str]] = deque(maxlen=REMEMBERED)
        self._began = self.sim.now
        self._looked = self._fallen = False
        self.sim.session.observers.append(self._watch)

    def talk(self, seconds: float) -> Run:
        """Goes on for `seconds`."""
        end = self.sim.now + seconds
        while self.sim.now < end:
            for _ in range(BURST if self._rng.random() < self._how.bursts else 1):
                self._say()
            self._wait(min(float(self._rng.uniform(0.1, self._how.longest)), end - self.sim.now))
            if self._rng.random() < self._how.stops:
                self._last.append((self.sim.now, "stop", ""))
                self.sim.arbiter.inbox.stop("soak")
                if self._how.pauses:
                    self._wait(float(self._rng.uniform(0.1, self._how.longest)))
        self._look()
        self.run.seconds = self.sim.now - self._began
        return self.run

    def _say(self) -> None:
        text, how = str(self._rng.choice(self.words)), str(self._rng.choice(self._how.modes))
        self._last.append((self.sim.now, how, text))
        self.sim.arbiter.inbox.say(text, how)
        self.run.said += 1

    def _wait(self, seconds: float) -> None:
        self.sim.wait(seconds)
        if len(self.sim.truth) > BLOCK:
            self._look()
        if self._fallen:
            self._set_up_again()

    def _watch(self, report) -> None:
        """After each tick."""
        if self._fallen or not fallen(self.sim.truth[-1], self.sim.model.fall_tilt):
            return
        self._fallen = True
        owner = report.owners[int(np.argmax(self.sim.model.groups["legs"]))]
        safety = self.sim.arbiter.safety
        self.run.falls.append(
            Fall(
                self.run.seed,
                self.sim.now - self._began,
                safety.mode.value,
                safety.fault,
                owner,
                [(self.sim.now - at, how, text) for at, how, text in self._last],
            )
        )
        print(self.run.falls[-1], file=sys.stderr, flush=True)
        self._on_fall(self.sim)

    def _set_up_again(self) -> None:
        sim = self.sim
        for _ in range(RESETS):  # a leg that is caught on its way up ends the start ramp
            sim.wait(1.0)
            sim.arbiter.inbox.reset()
            sim.wait(0.1)
            if sim.until(lambda: sim.arbiter.world.ready, LIFT):
                break
        else:
            raise RuntimeError(f"seed {self.run.seed}: not ready after {RESETS} resets: {sim.arbiter.safety.fault}")
        sim.wait(1.0)
        self._look()
        self._fallen = False

    def _look(self) -> None:
        """Limits of the ticks since the last look, which are then forgotten; memory. A fallen robot's joints may meet stops."""
        sim = self.sim
        self.run.broken += [line for line in sim.broken_limits() if not (self._fallen and line.startswith("range of a joint"))]
        for kept in (sim.truth, sim.commands, sim.reports):
            del kept[:-3]
        now = resident()
        if not self._looked and sim.now - self._began > 60.0:
            self._looked, self.run.memory = True, (now, now)
        self.run.memory = (self.run.memory[0], now)

    def close(self) -> None:
        self.sim.assembly.close()


def vocabulary(sim: SimRun, legs: bool) -> list[str]:
    """All that the built-in skills listen to, and more; each skill is as likely as any other utterance."""
    skills = sim.arbiter.executor.skills
    if legs:
        skills = {name: skill for name, skill in skills.items() if name.startswith(LEGS)}
    words = [text for skill in skills.values() for text in skill.utterances[:4]]
    return words if legs else words + list(MORE)


def resident() -> float:
    """Memory of this process [MiB]."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m tests.faults.soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--seeds", type=int, default=20, help="runs, one after the other (default 20)")
    p.add_argument("--first", type=int, default=0, help="seed of the first run (default 0)")
    p.add_argument("--minutes", type=float, default=6.0, help="of simulated time for each run (default 6)")
    how = p.add_mutually_exclusive_group()
    how.add_argument("--legs", action="store_true", help="instructions to the legs only, at most 1 s apart")
    how.add_argument("--storm", action="store_true", help="starts and stops of the legs, 0.1 to 0.7 s apart")
    p.add_argument("--json", type=Path, metavar="FILE", help="writes the runs so far, after each")
    return p


def main(argv: list[str] | None = None) -> int:
    """Runs. Returns the exit status: 1 if a robot fell or a limit was broken."""
    args = parser().parse_args(argv)
    began, runs = time.monotonic(), []
    for seed in range(args.first, args.first + args.seeds):
        runs.append(run := one(seed, STORM if args.storm else LEGS_ONLY if args.legs else ALL, 60.0 * args.minutes))
        gc.collect()  # a closed run is one great cycle of 65 MiB: left alone, four of them wait for the collector
        print(
            f"seed {seed}: {run.said} instructions in {run.seconds:.0f} s, {len(run.falls)} falls, "
            f"limits broken: {run.broken or 'none'}, memory {run.memory[0]:.0f} -> {run.memory[1]:.0f} MiB",
            flush=True,
        )
        if args.json:
            args.json.write_text(json.dumps([asdict(run) for run in runs], indent=1))
    print(summary(runs, time.monotonic() - began))
    return int(any(run.falls or run.broken for run in runs))


def one(seed: int, how: Talk, seconds: float) -> Run:
    """A seed, from beginning to end; nothing of it is kept but its result."""
    soak = Soak(seed, how)
    try:
        return soak.talk(seconds)
    finally:
        soak.close()


def summary(runs: list[Run], took: float) -> str:
    """All of it in a line."""
    falls = [fall for run in runs for fall in run.falls]
    minutes, plain = sum(run.seconds for run in runs) / 60.0, sum(f.mode == "run" and not f.fault for f in falls)
    return (
        f"{len(falls)} falls ({plain} in mode run without a fault) in "
        f"{minutes:.0f} simulated minutes ({60.0 * len(falls) / minutes:.1f} an hour) of "
        f"{sum(run.said for run in runs)} instructions; "
        f"limits broken: {sum(len(run.broken) for run in runs)}; took {took / 60.0:.0f} min"
    )


if __name__ == "__main__":
    sys.exit(main())
