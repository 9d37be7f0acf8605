"""Random instruction sequences: no fall, no limit broken, every instruction accounted for."""

import numpy as np
import pytest

from tests.sim.rig import SimRun

WORDS = (
    "walk forward",
    "walk backward",
    "turn left",
    "turn right",
    "sidestep left",
    "sidestep right",
    "wave your right hand",
    "wave your left hand",
    "raise your arms",
    "lower your arms",
    "take a bow",
    "sit down",
    "stand up",
    "point ahead",
    "touch the green ball",
    "stand still",
    "stop",
    "walk forward and wave",
    "turn left, then bow",
    "make me a sandwich",
    "walk in a circle",
    "go forward slowly",
    "turn around",
)
SEQUENCES = 200
BATCHES = 20


@pytest.mark.parametrize("batch", range(BATCHES))
def test_random_sequences(batch):
    """Ten sequences of three instructions each; a new one may interrupt the last at any moment."""
    rng = np.random.default_rng(1000 + batch)
    with SimRun(seed=batch) as sim:
        for _ in range(SEQUENCES // BATCHES):
            for text in rng.choice(WORDS, 3):
                sim.arbiter.inbox.say(str(text), str(rng.choice(("replace", "queue", "together"))))
                sim.wait(float(rng.uniform(0.1, 2.5)))
            sim.arbiter.inbox.stop("end of a sequence")
            sim.wait(0.5)
            assert sim.falls == 0, f"fell at {sim.now:.2f} s; heard: {[item.text for item in sim.arbiter.executor.log[-4:]]}"
        assert sim.broken_limits() == []
        assert sim.arbiter.safety.fault == ""
        sim.wait(1.0)
        assert all(item.result for item in sim.arbiter.executor.log)
