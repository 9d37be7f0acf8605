"""One instruction, both kinds of policy: it walks to a ball and touches it, and comes back, judged in MuJoCo's truth."""

import math

import numpy as np
import pytest

from arbiter.ball_memory import blind
from deploy.drivers.simulated.simulated_robot import Scene
from tests.sim.rig import SimRun
from training.pi0.walk_and_touch import FURTHEST, NEAREST, run_once, scene_of


@pytest.mark.parametrize("number", [2, 7])
def test_it_walks_to_a_ball_and_touches_it(number):
    balls, colour, _ = scene_of(number)
    assert NEAREST <= math.hypot(*balls[colour][:2]) <= FURTHEST
    one = run_once((number, "default.yaml", None))
    assert one.touched and not one.fell, one


def test_it_goes_to_the_only_ball_and_comes_back_and_says_what_it_does_not_see():
    with SimRun(seed=5, scene=Scene(balls={"green": (1.0, 0.3, 0.6)})) as run:
        began = run.truth[-1]
        assert run.say("walk to the ball").result == "succeeded"
        truth = run.truth[-1]
        assert np.linalg.norm(truth.balls["green"][:2] - truth.base_pos[:2]) < 0.45
        assert run.say("come back").result == "succeeded"
        truth = run.truth[-1]
        assert np.linalg.norm(truth.base_pos[:2] - began.base_pos[:2]) < 0.3 and abs(truth.yaw - began.yaw) < 0.3
        item = run.say("face the green ball")
        assert item.result == "succeeded"
        ahead, left = truth.balls["green"][:2] - run.truth[-1].base_pos[:2]
        assert abs(math.atan2(left, ahead) - run.truth[-1].yaw) < 0.2
        item = run.say("walk to the blue ball")
        assert item.result == "failed" and "I do not see the blue ball" in item.reason and "green" in item.reason
        run.arbiter.executor.memory.sight = blind  # as a robot without a head camera
        item = run.say("walk to the red ball")
        assert item.result == "failed" and "the robot has no head camera; no red ball is remembered" in item.reason
        assert run.falls == 0
