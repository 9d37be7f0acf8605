"""The loop: tick, physics, clock. One place for every way to run: demonstration, console, benchmark, test."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from arbiter.arbiter import Arbiter, TickReport
from arbiter.errors import RobotError
from arbiter.robot import Robot
from arbiter.types import Mode
from deploy.words import Source

Observer = Callable[[TickReport], None]
LINGER = 1.0  # [s] that a run goes on once everything asked is done
SETTLE = 3.0  # [s] given to the stop in reverse
SWITCH = 0.0005  # [s] after which a thread that runs Python hands over to the tick


class Session:
    """One run of the robot.

    Args:
        robot: A connected robot.
        arbiter: Its arbiter.
        clock: Real or lockstep (`deploy.clock`).
        sources: Where instructions come from.
        observers: Called with each tick's report, between ticks; whatever is slow in them belongs on their own threads.
        beat: Called after every tick, those of the stop too: the heartbeat that a supervisor listens to.
    """

    def __init__(self, robot: Robot, arbiter: Arbiter, clock, sources: Sequence[Source] = (),
                 observers: Sequence[Observer] = (), beat: Callable[[], None] = lambda: None) -> None:
        self.robot, self.arbiter, self.clock = robot, arbiter, clock
        self.sources, self.observers = list(sources), list(observers)
        self.faulted = False
        self.interrupts = 0
        self._idle_since: float | None = None
        self._started = 0.0
        self._dt = arbiter.model.dt
        self._by_operator = False
        self._beat = beat

    def start(self, arm: bool = True) -> None:
        """Starts the clock and arms; without `arm` it stays passive until the operator does.

        Raises RobotError if the safety layer refuses.
        """
        if self.clock.real:  # a worker in Python holds the interpreter for 5 ms at a time otherwise, several times in a tick
            sys.setswitchinterval(SWITCH)
        self.clock.start()
        self._started = self.clock.now
        self._by_operator = not arm
        refusal = self.arbiter.arm(self._started) if arm else ""
        if refusal:
            raise RobotError(f"not armed: {refusal}")

    def run(self, seconds: float | None = None) -> None:
        """Ticks until `seconds` have passed, or everything asked is done, or an interrupt asked to end."""
        while not self._over(seconds):
            self.step()

    def step(self) -> TickReport:
        """One tick and the time until the next."""
        now = self.clock.now
        # A robot that is down takes instructions, too, and cancels them: who said them shall not wait for ever.
        idle = (self.arbiter.world.ready or self._down) and self.arbiter.errands.idle
        for source in self.sources:
            source.poll(now - self._started, idle, self.arbiter.inbox)
        report = self.arbiter.tick(now)
        self.faulted = self.faulted or bool(self.arbiter.safety.fault)
        for observer in self.observers:
            observer(report)
        self._pass_time()
        return report

    @property
    def _down(self) -> bool:
        """It will not stand by itself before an operator resets it: a fault, damped, or stopped on its way up."""
        safety = self.arbiter.safety
        return bool(safety.fault or self.arbiter.world.halted) or safety.mode in (Mode.DAMP, Mode.OFF)

    def _over(self, seconds: float | None) -> bool:
        now, arbiter = self.clock.now, self.arbiter
        if self.interrupts:
            return True
        if seconds is not None:
            return now - self._started >= seconds - 1e-9
        waiting = self._by_operator and arbiter.safety.mode is Mode.PASSIVE  # nobody has armed it: it does not start by itself
        starting = not arbiter.world.ready and not self._down and not waiting
        if not self.sources or not all(source.done for source in self.sources) or not arbiter.errands.idle or starting:
            self._idle_since = None
            return False
        self._idle_since = now if self._idle_since is None else self._idle_since
        return now - self._idle_since >= LINGER

    def stop(self) -> None:
        """In reverse: stand, (harness), damp. A second interrupt damps at once."""
        self.arbiter.inbox.stop("end of the run")
        deadline = self.clock.now + SETTLE
        hang = getattr(self.robot, "hang", None)
        while self.clock.now < deadline and self.interrupts < 2 and self.arbiter.safety.mode is Mode.RUN:
            if hang is not None and self.clock.now > deadline - SETTLE / 2:
                hang()
                hang = None
            self.step_quietly()
        self.arbiter.safety.disarm()
        self.step_quietly()

    def step_quietly(self) -> None:
        """A tick that no source and no report sees."""
        self.arbiter.tick(self.clock.now)
        self._pass_time()

    def _pass_time(self) -> None:
        """Until the next tick. Simulated physics goes on by one period, however many were missed: on a machine that is too
        slow the simulation is slow, too, but the robot is never without commands. A real robot's time passes by itself."""
        self._beat()
        self.clock.wait()
        self.robot.step(self._dt)
