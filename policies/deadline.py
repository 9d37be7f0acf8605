"""A deadline for a policy that computes inside the tick: one that hangs fails by name, and the tick goes on without it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

from arbiter.errors import PolicyError
from arbiter.policy import Policy, Recomputing, Resuming, Spared
from arbiter.types import JointTarget, Request, RobotState
from arbiter.wall import Called, walled

PATIENCE = 0.4  # share of a tick
TICK = 0.02  # [s] unless the robot's is told
FIRST = 0.05  # [s] for the first target, when there is no older one: as long as a later one may take in all
LIMIT = 2  # ticks in which the last target stands in; a walk that is held longer falls
NO_ANSWER = Called(None, "")
WARMING = 50  # ticks that `reset` and `warm` may take while another policy drives


class Deadline:
    """Calls a policy on a thread of its own and waits for it, for a limited time. For runs in real time.

    A call that is late leaves the last target in force; one that is late for more than `LIMIT` ticks has failed. A loop in
    Python is then ended, so that it does not take the interpreter from the others; a call that waits in C cannot be ended: the
    thread is a daemon, so that the process can end, and the policy is refused until the call has returned. While another policy
    still drives there is time: a `reset` or `warm` that is late goes on beside the next ticks.

    It counts in ticks, the robot's time: a stall of the whole process, in which no tick begins, counts as one. Ticks that come in
    time while the policy's thread gets no processor count in full, whoever is to blame: the robot would fall on an old target.

    Args:
        policy: The policy; only this object may call it.
        tick: Length of a tick [s].
    """

    def __init__(self, policy: Policy, tick: float = TICK) -> None:
        self.policy, self._tick, self._patience = policy, tick, PATIENCE * tick
        self.name, self.kind, self.joints = policy.name, policy.kind, policy.joints
        self.commands, self.carries = getattr(policy, "commands", None), getattr(policy, "carries", True)
        self.rate_hz, self.takes = getattr(policy, "rate_hz", None), getattr(policy, "takes", None)
        self._go, self._done = threading.Lock(), threading.Lock()
        self._go.acquire()
        self._done.acquire()
        self._task: tuple[Callable, tuple] | None = None
        self._answer: Called[Any] = NO_ANSWER
        self._busy, self._asked = False, ""
        self._thread: threading.Thread | None = None
        self._last: JointTarget | None = None
        self._missed = 0

    def reset(self, state: RobotState, now: float) -> None:
        """See Policy; begun, but not waited for. Raises PolicyError while an earlier call still hangs."""
        if self._busy and not self._collect(0.0):
            raise PolicyError(f"policy {self.name}: an earlier call still hangs")
        self._last, self._missed = None, 0
        self._begin("reset", state, now)

    def warm(self, state: RobotState, request: Request, now: float) -> bool:
        """See Policy; False while `reset` or `warm` are late. Raises PolicyError if they hang."""
        until = monotonic() + self._patience
        if not (self._busy and self._asked == "warm"):
            if self._busy and not self._collect(self._patience):
                return self._not_yet()
            self._value()  # raises what `reset` raised
            self._begin("warm", state, request, now)
        if not self._collect(max(0.0, until - monotonic())):
            return self._not_yet()
        self._missed = 0
        return bool(self._value())

    def _not_yet(self) -> bool:
        self._missed += 1
        if self._missed > WARMING:
            self._interrupt()
            raise PolicyError(f"policy {self.name}: not ready within {WARMING} ticks; it hangs")
        return False

    def act(self, state: RobotState, request: Request, now: float) -> JointTarget:
        """The policy's answer, or its last one while it is late. Raises PolicyError when it is late for too long."""
        patience = self._patience if self._last is not None else FIRST
        ready = not self._busy or self._asked == "act"
        if not ready and self._collect(patience):  # it was not warmed
            self._value()
            ready = True
        if ready and not self._busy:
            self._begin("act", state, request, now)
        late = not (ready and self._collect(patience))
        self._missed = self._missed + 1 if late else 0
        if not late:
            self._last = self._value()
        elif self._last is None or self._missed > LIMIT:
            self._interrupt()
            raise PolicyError(f"policy {self.name}: no answer within {self._missed} ticks; its inference hangs")
        return self._last

    def release(self) -> None:
        """Nothing to wait for: what still runs ends by itself."""
        if not self._busy or self._collect(0.0):
            walled(self.policy.release)

    def close(self) -> None:
        """Lets the thread end."""
        if not self._busy or self._collect(FIRST):
            self._task, thread, self._thread = None, self._thread, None
            if thread is not None:
                self._go.release()
            self.policy.close()

    # -- spare ----------------------------------------------------------------------------------------------------

    def spare(self) -> Resuming | None:
        """The policy's spare, with a deadline of its own; None: it has none."""
        spare = self.policy.spare() if isinstance(self.policy, Spared) else None
        return self._of(spare) if spare is not None else None

    def _of(self, spare: Policy) -> Deadline:
        return Deadline(spare, self._tick)

    def resume(self, failed: Policy, state: RobotState, now: float) -> None:
        """See `arbiter.policy.Resuming`. The memory of one that hangs is read while it hangs. Raises PolicyError where this takes
        longer than a first target may."""
        if not isinstance(self.policy, Resuming) or (self._busy and not self._collect(self._patience)):
            raise PolicyError(f"policy {self.name} cannot take over")
        self._last, self._missed = None, 0
        self._begin("resume", failed.policy if isinstance(failed, Deadline) else failed, state, now)
        if not self._collect(FIRST):
            self._interrupt()
            raise PolicyError(f"policy {self.name} cannot take over: it hangs")
        self._value()

    def recompute(self, policy: Policy) -> JointTarget | None:
        """See `arbiter.policy.Recomputing`; None as well while either of the two is late."""
        if not isinstance(policy, Deadline) or policy._busy or not isinstance(self.policy, Recomputing):
            return None
        if self._busy and not self._collect(0.0):
            return None
        self._begin("recompute", policy.policy)
        if not self._collect(self._patience):
            return None
        target, error = self._answer
        return None if error else target

    # -- the thread -----------------------------------------------------------------------------------------------

    def _value(self) -> Any:
        """What the last call returned. Raises PolicyError with what it raised."""
        value, error = self._answer
        if error:
            raise PolicyError(error)
        return value

    def _begin(self, name: str, *args: Any) -> None:
        """Hands a call of the policy to the thread."""
        if self._thread is None:
            priority = os.sched_getscheduler(0), os.sched_getparam(0)  # the tick waits for it: it must not wait for others
            self._thread = threading.Thread(target=self._serve, args=priority, name=f"policy-{self.name}", daemon=True)
            self._thread.start()
        self._answer = NO_ANSWER
        self._asked = name
        self._task, self._busy = (getattr(self.policy, name), args), True
        self._go.release()

    def _collect(self, patience: float) -> bool:
        if not self._done.acquire(timeout=patience):
            return False
        self._busy = False
        return True

    def _interrupt(self) -> None:
        """Raises SystemExit in the thread as soon as it runs Python code; the wall around the call turns it into an answer."""
        if self._thread is not None and self._thread.ident is not None:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread.ident), ctypes.py_object(SystemExit))

    def _serve(self, scheduler: int, param: os.sched_param) -> None:
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, scheduler, param)
        while True:
            try:
                self._go.acquire()
                if self._task is None:
                    return
                call, args = self._task
                self._answer = walled(call, *args)
                self._done.release()
            except SystemExit:  # the interrupt came when the call had just returned
                self._answer = Called(None, "interrupted")
                if self._busy and self._done.locked():
                    self._done.release()
