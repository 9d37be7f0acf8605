"""Signals that end a run.

    Ctrl-C, SIGTERM, SIGHUP, SIGQUIT    come to rest, then end
    Ctrl-C again                        damp, then end
    Ctrl-C a third time                 end even if a thread hangs: exit status 130

Python runs a signal's handler on the main thread, between two of its instructions: not while the tick hangs in a library. So
signals are counted outside, by a small process that the interpreter's C handler writes to (`signal.set_wakeup_fd`, no lock of
the interpreter needed). At the third Ctrl-C it wakes a thread here, which damps and ends the process; if that hangs, too, it
kills the process, and supervisor and motors' watchdogs damp.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import IO, Any

from arbiter.threads import start_thread

FORCED = 130  # exit status of a run ended by force: 128 + SIGINT, the shells' convention
LAST_WORDS = 1.0  # [s] for what is still written then
GRACE = 2.5  # [s] from the third interrupt until the process is killed
ENDING = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")

COUNTER = f"""
import os, select, signal, time
parent, count = os.getppid(), 0
while data := os.read(0, 64):
    for number in data:
        count += number == signal.SIGINT
    if count >= 3:
        os.write(1, b"3")
        end = time.monotonic() + {GRACE}
        while os.getppid() == parent and time.monotonic() < end:
            if select.select([0], [], [], 0.1)[0] and not os.read(0, 64):
                raise SystemExit
        if os.getppid() == parent:
            os.kill(parent, signal.SIGKILL)
"""


class Signals:
    """Handles signals while it is open. Only the main thread can open it; elsewhere it has no effect.

    Args:
        end: Called with the reason: come to rest and end.
        damp: Called with the reason: damp at once.
        last: Called in order by the third interrupt, on a thread of its own, for `LAST_WORDS` seconds at most: damps what can
            be damped without the tick, writes what can be written.
        suspends: Whether Ctrl-Z may suspend the process. On a robot, which needs its loop, it asks to end instead.
    """

    def __init__(
        self,
        end: Callable[[str], None],
        damp: Callable[[str], None],
        last: Sequence[Callable[[], object]] = (),
        suspends: bool = True,
    ) -> None:
        self._end, self._damp, self._last = end, damp, tuple(last)
        self._names = ENDING if suspends else (*ENDING, "SIGTSTP")
        self._interrupts = 0
        self._before: dict[int, Any] = {}
        self._fd = self._fd_before = -1
        self._counter: subprocess.Popen | None = None
        self._forcing = threading.Lock()

    def __enter__(self) -> Signals:
        if threading.current_thread() is not threading.main_thread():
            return self
        numbers = [getattr(signal, name) for name in self._names]
        self._start_counter(numbers)
        for number in numbers:
            self._before[number] = signal.signal(number, self._heed)
        return self

    def __exit__(self, *_) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._fd >= 0:
            signal.set_wakeup_fd(self._fd_before)
            os.close(self._fd)  # the counter ends with it
            self._fd = -1
        if self._counter is not None:
            try:
                self._counter.wait(LAST_WORDS)
            except subprocess.TimeoutExpired:  # somebody has forked this process and holds the other end, too
                self._counter.kill()
                self._counter.wait()

    def _start_counter(self, numbers: list[int]) -> None:
        reads, self._fd = os.pipe()
        os.set_blocking(self._fd, False)
        old = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)  # it inherits this: signals to the group are not its own
        try:
            self._counter = subprocess.Popen([sys.executable, "-I", "-S", "-c", COUNTER], stdin=reads, stdout=subprocess.PIPE)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, old)
            os.close(reads)
        self._fd_before = signal.set_wakeup_fd(self._fd, warn_on_full_buffer=False)
        if self._counter.stdout is not None:
            start_thread("interrupts", partial(self._listen, self._counter.stdout))

    def _listen(self, counted: IO[bytes]) -> None:
        with counted:
            if counted.read(1):
                self._force()

    def _heed(self, number: int, frame: object) -> None:
        if number != signal.SIGINT:  # a closed terminal sends SIGHUP twice: others than Ctrl-C do not add up
            self._end(signal.Signals(number).name)
            return
        self._interrupts += 1
        if self._interrupts == 1:
            self._end("Ctrl-C")
        elif self._interrupts == 2:
            self._damp("Ctrl-C twice")
        else:
            self._force()

    def _force(self) -> None:
        """Ends the process, from whichever thread: the others may hang."""
        if not self._forcing.acquire(blocking=False):
            return
        for call in self._last:
            thread = threading.Thread(target=call, daemon=True)
            thread.start()
            thread.join(LAST_WORDS / len(self._last))
        with contextlib.suppress(OSError):
            os.write(2, b"ended by the third Ctrl-C; nothing is known of the robot but that damping was asked for\n")
        os._exit(FORCED)
