"""Legs that walk change hands only once they stand: what follows a walk waits for its last step."""

import numpy as np
import pytest

from arbiter.tree.leaves import Settle, SettleConfig
from tests.arbiter_rig import Rig
from tests.fakes import MODEL

SWING = MODEL.default.copy()
SWING[MODEL.index("leg_left_knee_pitch_joint")] += 1.2  # in mid-step: far from the standing posture
STEPPING = np.zeros(MODEL.n)
STEPPING[MODEL.index("leg_left_knee_pitch_joint")] = 7.0


@pytest.fixture
def walking():
    rig = Rig().ready()
    rig.say("walk_forward").tick(30)
    rig.locomotion.q = SWING
    rig.robot.changes["joint_vel"] = STEPPING
    rig.tick(30)
    assert rig.locomotion.requests[-1].velocity[0] > 0.0
    return rig


def stands(rig):
    rig.locomotion.q = None
    rig.robot.changes.clear()


def test_from_one_walk_to_the_next_there_is_nothing_to_wait_for(walking):
    walking.say("turn_left").tick(4)
    assert walking.last().first_command is not None
    assert walking.locomotion.requests[-1].velocity[2] > 0.0
    assert walking.owner()["legs"] == "locomotion"


def test_a_bow_waits_until_the_walk_has_ended_by_itself(walking):
    walking.say("bow").tick(100)
    assert walking.owner()["legs"] == "locomotion", "neither the bow nor a stand takes legs in mid-step"
    assert not walking.locomotion.requests[-1].velocity.any()
    stands(walking)
    walking.tick(14)
    assert walking.owner()["legs"] == "locomotion", "the legs must be at rest for a while"
    walking.tick(30)
    assert walking.owner()["legs"] == "chunk"


def test_what_was_ready_while_it_walked_is_asked_again_before_it_takes_the_legs(walking):
    """A first chunk predicted in mid-step is a bow from its middle."""
    walking.say("bow").tick(20)
    waiting = next(player for player in walking.players if player.calls[-1] == "warm")
    asked = waiting.calls.count("warm")
    walking.tick(20)
    assert waiting.calls.count("warm") == asked + 20
    ready, waiting.warm = waiting.warm, lambda state, request, now: False
    stands(walking)
    walking.tick(60)
    assert walking.owner()["legs"] == "locomotion", "it is ready no more, and waited for"
    waiting.warm = ready
    walking.tick(5)
    assert walking.owner()["legs"] == "chunk"


def test_a_long_wait_for_the_legs_is_not_charged_to_who_waits(walking):
    walking.say("bow").tick(350)  # longer than a policy may take to get ready
    waiting = next(player for player in walking.players if player.calls[-1] == "warm")
    ready, waiting.warm = waiting.warm, lambda state, request, now: False
    stands(walking)
    walking.tick(30)
    assert walking.last().result == ""
    waiting.warm = ready
    walking.tick(5)
    assert walking.owner()["legs"] == "chunk"


def test_a_robot_that_stands_bows_at_once():
    rig = Rig().ready()
    rig.tick(20)
    rig.say("bow").tick(4)
    assert rig.owner()["legs"] == "chunk"


def test_a_walk_that_ends_out_of_posture_is_followed_by_the_stand(walking):
    walking.robot.changes.clear()  # it stands on one leg
    walking.say("bow").tick(10)
    assert walking.owner()["legs"] == "locomotion"
    walking.tick(12)
    assert walking.owner()["legs"] == "stand", "a bow begins from a quiet stand"
    walking.tick(60)
    assert walking.owner()["legs"] == "chunk"


def test_settling_lets_a_walk_end(walking):
    leaf = Settle("settle", walking.arbiter.world, SettleConfig(hold=True))
    for _ in range(50):
        leaf.tick_once()
        walking.tick()
    assert walking.owner()["legs"] == "locomotion" and not walking.locomotion.requests[-1].velocity.any()
    for _ in range(220):
        leaf.tick_once()
        walking.tick()
    assert ("locomotion", "stand") in [(item.from_policy, item.to_policy) for item in walking.arbiter.handover.log]
