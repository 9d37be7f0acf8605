"""How late a thread of the command cycle wakes on this computer."""

from __future__ import annotations

import threading
import time

from deploy.host.thread_priority import CYCLE, claim_realtime

PERIOD = 0.004  # [s] of the command cycle
ROUNDS = 250


def lateness(rounds: int = ROUNDS) -> tuple[float, bool]:
    """Worst lateness of a 250 Hz thread [s], and whether it had real-time priority."""
    worst, realtime = 0.0, False

    def run() -> None:
        nonlocal worst, realtime
        realtime = claim_realtime(CYCLE)
        due = time.monotonic()
        for _ in range(rounds):
            due += PERIOD
            time.sleep(max(0.0, due - time.monotonic()))
            worst = max(worst, time.monotonic() - due)

    thread = threading.Thread(target=run, name="jitter")
    thread.start()
    thread.join()
    return worst, realtime
