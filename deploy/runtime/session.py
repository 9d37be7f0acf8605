"""The loop: tick, physics, clock. One place for every way to run: demonstration, console, benchmark, test."""

from __future__ import annotations

import gc
import sys
from collections import deque
from collections.abc import Callable, Sequence

from arbiter.errors import RobotError
from arbiter.handover.transition import check_envelope
from arbiter.robot import Hangable, Robot
from arbiter.skill import StartEnvelope
from arbiter.tick import Arbiter, TickReport
from arbiter.types import Mode
from arbiter.wall import walled
from deploy.runtime.instruction_sources import Source
from deploy.runtime.stops_only import StopsOnly

Observer = Callable[[TickReport], None]
LINGER = 1.0  # [s] that a run goes on once everything asked is done
REST = 6.0  # [s] within which it has to come to rest at the end
QUIET = 0.3  # [s] of rest that count as having come to it
AT_REST = StartEnvelope(tilt=0.4, joint_speed=1.5, ang_vel=0.5)
LIFT = 2.0  # [s] that the harness of a simulated robot is given to lift it
NOTICE = 5.0  # [s] between being at rest and damping, where only people can hold the robot
SWITCH = 0.0005  # [s] after which a thread that runs Python hands over to the tick


class Session:
    """One run of the robot.

    Args:
        robot: A connected robot.
        arbiter: Its arbiter.
        clock: Real or lockstep (`deploy.runtime.clock`).
        sources: Where instructions come from.
        observers: Called with each tick's report, between ticks; slow work belongs on threads of their own.
        beat: Called after every tick, during the stop too: the heartbeat for the supervisor.
        say: Takes a line for the user.

    Attributes:
        faulted: Whether a fault was latched at any time.
        ending: Why the run was asked to end; "" if it was not.
    """

    def __init__(
        self,
        robot: Robot,
        arbiter: Arbiter,
        clock,
        sources: Sequence[Source] = (),
        observers: Sequence[Observer] = (),
        beat: Callable[[], None] = lambda: None,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.robot, self.arbiter, self.clock = robot, arbiter, clock
        self.sources, self.observers = list(sources), list(observers)
        self.faulted, self.ending = False, ""
        self._idle_since: float | None = None
        self._started = 0.0
        self._dt = arbiter.model.dt
        self._by_operator = False
        self._beat, self._say = beat, say
        self._stops_only = StopsOnly(arbiter.inbox)
        self._step_error, self._alarms = "", deque[str](maxlen=4)
        arbiter.alarms.append(lambda: self._alarms.popleft() if self._alarms else "")

    def start(self, arm: bool = True) -> None:
        """Starts the clock and arms; without `arm` it stays passive until the operator does.

        Raises RobotError if the safety layer refuses.
        """
        if self.clock.real:  # a worker in Python holds the interpreter for 5 ms at a time otherwise, several times in a tick
            sys.setswitchinterval(SWITCH)
            # A full collection looks at all that was loaded, for a tick or longer; none of it is garbage before the end.
            gc.collect()
            gc.freeze()
        self.clock.start()
        self._started = self.clock.now
        self._by_operator = not arm
        refusal = self.arbiter.arm(self._started) if arm else ""
        if refusal:
            raise RobotError(f"not armed: {refusal}")

    def run(self, seconds: float | None = None) -> None:
        """Ticks until `seconds` have passed, or everything asked is done, or `end` was called."""
        while not self._over(seconds):
            self.step()

    def step(self) -> TickReport:
        """One tick and the time until the next."""
        now = self.clock.now
        # A robot that is down takes instructions, too, and cancels them: who said them shall not wait for ever.
        idle = (self.arbiter.world.ready or self._down) and self.arbiter.executor.idle
        for source in self.sources:
            source.poll(now - self._started, idle, self.arbiter.inbox)
        report = self._tick(now)
        for observer in self.observers:
            observer(report)
        self._pass_time()
        return report

    @property
    def _down(self) -> bool:
        """Whether it needs an operator's reset before it stands again: a fault, damped, or stopped on its way up."""
        safety = self.arbiter.safety
        return bool(safety.fault) or self.arbiter.life.down or safety.mode in (Mode.DAMP, Mode.OFF)

    def _over(self, seconds: float | None) -> bool:
        now, arbiter = self.clock.now, self.arbiter
        if self.ending:
            return True
        if seconds is not None:
            return now - self._started >= seconds - 1e-9
        waiting = self._by_operator and arbiter.safety.mode is Mode.PASSIVE  # nobody has armed it: it does not start by itself
        starting = not arbiter.world.ready and not self._down and not waiting
        if not self.sources or not all(source.done for source in self.sources) or not arbiter.executor.idle or starting:
            self._idle_since = None
            return False
        self._idle_since = now if self._idle_since is None else self._idle_since
        return now - self._idle_since >= LINGER

    def end(self, why: str) -> None:
        """Asks the run to come to rest and end. Writes one attribute: for any thread, and safe in a signal handler."""
        self.ending = self.ending or why

    def stop(self) -> None:
        """The end of a run, in order: come to rest, (harness), damp. Stops and damps are still accepted."""
        self.arbiter.inbox.stop(self.ending or "end of the run")
        self._come_to_rest()
        if isinstance(self.robot, Hangable):
            self.robot.hang()
            self.arbiter.caught(self.clock.now)
            self._wait(LIFT, self._tick_quietly)
        elif self._driving and not self.arbiter.life.hangs:
            self._say(
                f"at rest. The motors damp in {NOTICE:g} s: take the robot's weight with the harness. Ctrl-C or damp: at once"
            )
            self._wait(NOTICE, self._tick_to_the_end)
        self.arbiter.safety.disarm()
        self._tick_quietly()
        gc.unfreeze()

    @property
    def _driving(self) -> bool:
        return self.arbiter.safety.mode in (Mode.RUN, Mode.HOLD, Mode.SETTLE)

    def _come_to_rest(self) -> None:
        """Ticks until it has been at rest for a moment, or `REST` seconds have passed."""
        deadline, quiet, legs = self.clock.now + REST, 0.0, self.arbiter.model.groups["legs"]
        while quiet < QUIET and self.clock.now < deadline:
            report = self._tick_to_the_end()
            if not self._driving:
                return
            quiet = 0.0 if check_envelope(AT_REST, report.state, legs, self.arbiter.model) else quiet + self._dt

    def _wait(self, seconds: float, tick: Callable[[], object]) -> None:
        until = self.clock.now + seconds
        while self.clock.now < until and self._driving:
            tick()

    def _tick_to_the_end(self) -> TickReport:
        """A tick in which no source starts anything any more."""
        now = self.clock.now
        for source in self.sources:
            source.poll(now - self._started, False, self._stops_only)
        report = self._tick(now)
        for observer in self.observers:
            observer(report)
        self._pass_time()
        return report

    def _tick_quietly(self) -> None:
        """A tick that no source and no report sees: the harness of a simulated robot lifts it."""
        self._tick(self.clock.now)
        self._pass_time()

    def _tick(self, now: float) -> TickReport:
        report = self.arbiter.tick(now)
        self.faulted = self.faulted or bool(self.arbiter.safety.fault)
        return report

    def _pass_time(self) -> None:
        """Waits for the next tick. Simulated physics advances by one period, however many were missed: on a machine that is
        too slow the simulation slows down, but the robot is never without commands. A real robot's time passes by itself."""
        self._beat()
        self.clock.wait()
        _, error = walled(self.robot.step, self._dt)
        if error and error != self._step_error:
            self._step_error = error
            self._alarms.append(f"driver: step failed: {error}")
