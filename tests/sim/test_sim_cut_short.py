"""A chunk skill that is replaced in its middle: legs come home by way of a stand, and the robot does not fall."""

from tests.faults.moments import fallen
from tests.sim.rig import SimRun


def test_a_bow_that_is_replaced_in_its_depth_does_not_fall():
    """At 1.4 and 1.6 s the robot was handed to the walking policy before the stand had raised it, and fell."""
    with SimRun() as sim:
        for seconds in (1.4, 1.6):
            sim.arbiter.inbox.say("take a bow")
            sim.wait(seconds)
            assert sim.say("lower your arms").result == "succeeded"
            sim.wait(3.0)
            assert not any(fallen(truth, sim.model.fall_tilt) for truth in sim.truth)
