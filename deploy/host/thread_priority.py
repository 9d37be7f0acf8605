"""Real-time priorities of the threads that must not wait for other programs, in one place."""

from __future__ import annotations

import contextlib
import os

# SCHED_FIFO, where the system grants it. What damps comes before what moves, and what is short before what is long.
SUPERVISOR = 90
IMU = 85
CYCLE = 80  # the 250 Hz command cycle
TICK = 70
RIG = 60


def claim_realtime(priority: int) -> bool:
    """Asks for real-time scheduling of the calling thread; False where the system does not grant it.

    Threads and processes that it starts later begin without: inference, traces and viewers may wait.
    """
    with contextlib.suppress(PermissionError, OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(priority))
        return True
    return False
