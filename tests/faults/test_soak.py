"""A minute of what a night's soak does: starts and stops in quick succession, and what it says of a fall."""

import pytest

from tests.faults.soak import LEGS_ONLY, Soak, summary

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def soak():
    soak = Soak(seed=11, talk=LEGS_ONLY)
    yield soak
    soak.close()


def test_a_storm_of_starts_and_stops_throws_nobody(soak):
    run = soak.talk(40.0)
    assert run.falls == [] and run.broken == [] and run.said > 60
    assert len(soak.sim.truth) < 2500, "what was looked at is forgotten"
    assert "0 falls (0 in mode run without a fault) in 1 simulated minutes (0.0 an hour)" in summary([run], 1.0)


def test_a_fall_is_told_with_what_was_said_before_and_the_robot_is_set_up_again(soak):
    before = len(soak.run.falls)
    soak.sim.wait(2.0)
    soak._say()
    soak.sim.robot.push((2.5, 0.0, 0.0))
    soak._wait(3.0)
    assert len(soak.run.falls) == before + 1 and soak.sim.arbiter.world.ready and not soak.sim.arbiter.safety.fault
    fall = soak.run.falls[-1]
    assert fall.last and fall.last[-1][0] < 3.0 and "seed 11: FELL at " in str(fall)
