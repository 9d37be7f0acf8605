"""When a clap counts: the criterion of docs/how-to/teach-a-gesture.md. The robot's hands do not touch: its arms are too short."""

import numpy as np

from arbiter.skill import Verification
from skills.recordings import Recording

NEAR, SWING = 0.20, 0.06  # [m] between the hands when they are together, and how much farther apart in between
CLAPS = 2


def criterion(run: Recording) -> Verification:
    """The hands come together before the chest, part, and come together again."""
    apart = np.linalg.norm(run.hands[:, 0] - run.hands[:, 1], axis=1)
    before = run.hands[:, :, 0].min(axis=1) > 0.05  # ahead of the body
    claps, open_again, least = 0, True, np.inf
    for distance, ahead in zip(apart, before, strict=True):
        if open_again and ahead and distance < NEAR:
            claps, open_again, least = claps + 1, False, distance
        elif not open_again:
            least = min(least, distance)
            open_again = distance > least + SWING
    return Verification(claps >= CLAPS, claps, CLAPS, "claps", f"clapped {claps} times, at least {CLAPS} asked")
