"""Runs the command cycle on its own thread at the motors' rate, and measures how well it keeps time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from arbiter.threads import our_thread
from deploy.drivers.can.cycle import Cycle
from deploy.host.thread_priority import CYCLE, claim_realtime


@dataclass(slots=True)
class CycleTiming:
    """How the thread kept time.

    Attributes:
        rounds: Rounds run. late: of them, begun more than a quarter of a period late. skipped: rounds left out.
        worst, mean: Lateness of a round's begin [s]. busy: mean time that a round takes [s].
    """

    rounds: int = 0
    late: int = 0
    skipped: int = 0
    worst: float = 0.0
    mean: float = 0.0
    busy: float = 0.0


class CycleThread:
    """The 250 Hz thread. It sleeps until the next whole period; a round that comes too late is left out, not caught up."""

    def __init__(self, cycle: Cycle, period: float, before: Callable[[float], None], clock=time.monotonic):
        self.cycle, self.period, self.before, self.clock = cycle, period, before, clock
        self.pace = CycleTiming()
        self.realtime = False
        self._stop = threading.Event()
        self._thread = our_thread("can cycle", self._run)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(timeout=1.0)

    def _run(self) -> None:
        self.realtime = claim_realtime(CYCLE)
        due = self.clock()
        while not self._stop.is_set():
            begun = self.clock()
            self._count(begun - due)
            self.before(begun)
            self.cycle.round(begun)
            self.pace.busy += 0.02 * (self.clock() - begun - self.pace.busy)
            self._sleep_until(due + self.period / 2)
            self.cycle.receive(self.clock())
            due += self.period
            behind = int((self.clock() - due) / self.period)
            if behind > 0:
                self.pace.skipped += behind
                due += behind * self.period
            self._sleep_until(due)

    def _count(self, lateness: float) -> None:
        pace = self.pace
        pace.rounds += 1
        pace.late += lateness > self.period / 4
        pace.worst = max(pace.worst, lateness)
        pace.mean += 0.01 * (lateness - pace.mean)

    def _sleep_until(self, moment: float) -> None:
        left = moment - self.clock()
        if left > 0.0:
            time.sleep(left)
