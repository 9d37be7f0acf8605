"""A small control loop for a client that only sets joint targets: 50 Hz on its own thread, through the safety layer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np

from arbiter.errors import RobotError
from arbiter.robot import Robot
from arbiter.safety import Safety
from arbiter.threads import our_thread
from arbiter.types import JointTarget, RobotState, frozen
from arbiter.wall import walled
from deploy.host.thread_priority import TICK, claim_realtime
from deploy.robots.collision import SelfCollision
from deploy.runtime.clock import RealClock

START_TIMEOUT = 2.0  # [s] for the first reading


class GuestLoop:
    """Moves a robot towards the client's last target, no faster than `max_speed`.

    Args:
        robot: A connected robot; nothing else may call it meanwhile.
        max_speed: Speed of the target [rad/s].
        driven: Mask of the joints that follow the client; the others keep the posture they had when armed.
        moved: Called after each step, on the loop's thread.

    Attributes:
        state: The latest reading; None before the first. After a fault it is stale: check `fault` first.
    """

    def __init__(self, robot: Robot, max_speed: float, driven: np.ndarray, moved: Callable[[], None]) -> None:
        self.robot, self.model = robot, robot.model
        self.state: RobotState | None = None
        self._max_step = max_speed * self.model.dt
        self._driven, self._moved = driven, moved
        self._safety = Safety(self.model, collision=SelfCollision(self.model))
        self._goal: np.ndarray | None = None  # the slot that `aim` puts into
        self._q = self.model.default.copy()
        self._everything = frozen(np.ones(self.model.n), bool)
        self._broken, self._damped, self._begun = "", "", False
        self._stop = threading.Event()
        self._thread = our_thread("guest loop", self._run)

    def start(self) -> None:
        """Begins, passive. Raises RobotError if no reading comes."""
        self._thread.start()
        self._begun = True
        deadline = time.monotonic() + START_TIMEOUT
        while self.state is None:
            if self.fault:
                raise RobotError(f"{self.model.name}: no reading: {self.fault}; run python -m deploy.doctor")
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise RobotError(f"{self.model.name}: no reading within {START_TIMEOUT:g} s; run python -m deploy.doctor")
            time.sleep(0.005)

    def arm(self) -> None:
        """Lets the motors move, from the posture they are in. Raises RobotError with the reason if the safety layer refuses."""
        if self.state is None:
            raise RobotError(f"{self.model.name}: not armed: no reading; call start() first")
        self._q = self.state.joint_pos.copy()
        self._goal = None
        refusal = self._safety.arm()
        if refusal:
            raise RobotError(f"{self.model.name}: not armed: {refusal}")

    @property
    def fault(self) -> str:
        """Why it stopped: a latched fault, an exception of the driver, or the loop's end; "" while it runs."""
        ended = self._begun and not self._stop.is_set() and not self._thread.is_alive()
        return self._broken or self._safety.fault or self._damped or ("the control loop ended" if ended else "")

    def aim(self, q: np.ndarray) -> None:
        """Sets the client's target [rad], shape (n,), robot order; entries of joints that it does not drive are ignored."""
        if q.shape != (self.model.n,) or not np.isfinite(q).all():
            raise RobotError(f"{self.model.name}: target {q}; {self.model.n} finite numbers are expected")
        self._goal = q.copy()

    def damp(self, reason: str) -> None:
        """Damps, for good."""
        self._safety.stop(reason, "damp")
        self._damped = f"damped by {reason}"

    def close(self) -> None:
        """Damps and ends. The robot is closed by whoever opened it."""
        self._safety.disarm()
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        claim_realtime(TICK)
        clock = RealClock(self.model.dt)
        clock.start()
        while not self._stop.is_set():
            self._tick(clock.now)
            clock.wait()
            self._call(self.robot.step, self.model.dt)  # a rig on a slow machine falls behind rather than missing ticks
            self._moved()
        self._tick(clock.now)  # disarmed by now: the last command is damping

    def _call[A, R](self, call: Callable[[A], R], argument: A) -> R | None:
        """A call of the driver. An exception is a fault: from then on the motors are damped, if the driver still works."""
        value, error = walled(call, argument)
        if error and not self._broken:
            self._safety.stop(f"driver: {error}", "damp")
            self._broken = f"driver: {error}"
        return value

    def _tick(self, now: float) -> None:
        state = self._call(self.robot.read, now) if not self._broken else None
        if state is None:
            state = self.state  # an old one: the command is damping by now
        if state is None:
            return
        goal = self._goal
        if goal is not None:
            step = np.clip(goal - self._q, -self._max_step, self._max_step)
            self._q = np.where(self._driven, self._q + step, self._q)
        target = JointTarget(frozen(self._q), self.model.kp, self.model.kd, self._everything)
        command, _ = self._safety.filter(target, ("lerobot",) * self.model.n, state, now)
        self.state = state  # published after the safety layer has it: a caller that sees a reading may arm
        self._call(self.robot.write, command)
