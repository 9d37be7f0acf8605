"""Sim in the loop: each built-in skill does what its name says, by words, through the router, the tree and the safety layer."""

import math

import mujoco
import numpy as np
import pytest

from deploy.drivers.simulated.simulated_robot import Scene
from tests.sim.rig import SimRun, heading


@pytest.fixture(scope="module")
def run():
    with SimRun(seed=3) as sim:
        yield sim
        assert sim.falls == 0
        assert sim.broken_limits() == []


@pytest.fixture(scope="module")
def waver():
    """A run without walks: how often a policy waves depends on what went before."""
    with SimRun(seed=3) as sim:
        yield sim
        assert sim.falls == 0


def moved(run, text, settle=0.6):
    """Displacement (x, y, yaw) of an instruction, after it came to rest."""
    start = run.mark()
    item = run.say(text)
    assert item.result == "succeeded", f"{text}: {item.result}: {item.reason}"
    run.wait(settle)
    return run.path(start)


@pytest.mark.parametrize(
    ("text", "axis", "least", "most"),
    [
        ("walk forward", 0, 0.92, 1.08),
        ("walk forward two meters", 0, 1.88, 2.12),
        ("walk backward half a meter", 0, -0.58, -0.42),
        ("sidestep left", 1, 0.22, 0.38),
        ("sidestep right", 1, -0.38, -0.22),
    ],
)
def test_walking_goes_the_distance(run, text, axis, least, most):
    assert least <= moved(run, text)[axis] <= most


@pytest.mark.parametrize(
    ("text", "angle"), [("turn left", 90), ("turn right", -90), ("turn left 45 degrees", 45), ("turn around", 180)]
)
def test_turning_turns_the_angle(run, text, angle):
    assert abs(math.degrees(moved(run, text)[2]) - angle) <= 3.5


def test_walking_forward_goes_forward(run):
    dx, dy, yaw = moved(run, "walk forward two meters")
    assert 1.88 < dx < 2.12 and abs(dy) < 0.1 and abs(yaw) < 0.07


def test_speed_and_duration(run):
    start = run.mark()
    run.say("walk forward at 0.3 m/s for 4 seconds")  # one in some ends 6 cm off, and says so: 5 cm are allowed
    run.wait(0.6)
    assert 1.1 <= run.path(start)[0] <= 1.3


def test_a_circle_closes(run):
    start = run.mark()
    assert run.say("walk in a circle", limit=60.0).result == "succeeded"
    xs = np.array([t.base_pos[:2] for t in run.truth[start:]])
    dx, dy, yaw = run.path(start)
    assert abs(yaw - 2 * math.pi) <= 0.07
    assert math.hypot(dx, dy) < 0.12 and np.ptp(xs, axis=0) == pytest.approx((1.2, 1.2), abs=0.3), "it comes back, on a circle"


def test_standing_still_stays(run):
    run.wait(1.0)
    dx, dy, yaw = moved(run, "stand still")
    assert math.hypot(dx, dy) < 0.05 and abs(yaw) < 0.1


@pytest.mark.parametrize(("text", "index"), [("wave your right hand", 1), ("wave your left hand", 0)])
def test_waving_raises_the_right_hand_and_moves_it_to_and_fro(run, text, index):
    start = run.mark()
    moved(run, text)
    hand = np.array([t.hands[index] - t.base_pos for t in run.truth[start:]])
    other = np.array([t.hands[1 - index] - t.base_pos for t in run.truth[start:]])
    assert hand[:, 2].max() > 0.70, "the hand comes up"
    assert hand[:, 2].max() > other[:, 2].max() + 0.1, "and not the other one"


def in_base(truth, point):
    """A point [m, world] in the base frame."""
    turned, back = np.zeros(3), np.zeros(4)
    mujoco.mju_negQuat(back, truth.base_quat)
    mujoco.mju_rotVecQuat(turned, point - truth.base_pos, back)
    return turned


def periods(lateral, least=0.04):
    """How often a hand [m] went to and fro: half of its sweeps of at least `least`."""
    sweeps, direction, extreme = 0, 0.0, lateral[0]
    for y in lateral:
        if direction * (y - extreme) > 0.0:
            extreme = y
        elif abs(y - extreme) >= least:
            sweeps, direction, extreme = sweeps + 1, math.copysign(1.0, y - extreme), y
    return sweeps / 2


TIMES = ("once", "twice", "three times", "4 times", "five times", "6 times", "seven times", "8 times")


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("count", range(1, 9))
def test_waving_a_number_of_times_waves_that_often(waver, side, count):
    waver.wait(1.0)
    start = waver.mark()
    item = waver.say(f"wave your {side} hand {TIMES[count - 1]}")
    assert item.result == "succeeded", item.reason
    assert item.route.steps[0][0].parameters["count"] == count
    waver.wait(1.0)
    hand = np.array([in_base(t, t.hands[("left", "right").index(side)]) for t in waver.truth[start:]])
    lateral = hand[hand[:, 2] >= 0.76, 1]  # as the evaluation counts: above the shoulders, 5 cm sideways
    # The encoders' noise is 2 mm of that. The hand may swing half a wave more while it goes down.
    assert count <= periods(lateral, least=0.048) and periods(lateral, least=0.052) <= count + 0.5


@pytest.mark.parametrize(
    ("text", "skill", "count"),
    [
        ("wave three times", "wave_right", 3),
        ("wave five times with your right hand", "wave_right", 5),
        ("wave with your left hand two times", "wave_left", 2),
    ],
)
def test_how_often_is_read_from_the_words(waver, text, skill, count):
    waver.wait(1.0)
    item = waver.say(text)
    assert item.result == "succeeded", item.reason
    assert (item.route.steps[0][0].skill, item.route.steps[0][0].parameters["count"]) == (skill, count)


def test_bowing_twice_bows_twice(run):
    run.wait(1.0)
    start = run.mark()
    item = run.say("bow twice")
    assert item.result == "succeeded", item.reason
    pitch = np.array(
        [math.asin(max(-1.0, min(1.0, 2 * (q[0] * q[2] - q[3] * q[1])))) for q in (t.base_quat for t in run.truth[start:])]
    )
    assert periods(pitch, least=0.12) == 2


def test_arms_go_up_stay_up_and_come_down(run):
    moved(run, "raise your arms")
    up = run.truth[-1]
    assert (up.hands[:, 2] - up.base_pos[2]).min() > 0.9
    run.wait(2.0)
    assert (run.truth[-1].hands[:, 2] - run.truth[-1].base_pos[2]).min() > 0.85
    moved(run, "lower your arms", settle=2.0)
    assert (run.truth[-1].hands[:, 2] - run.truth[-1].base_pos[2]).max() < 0.65


def test_bowing_leans_forward_and_comes_back(run):
    start = run.mark()
    moved(run, "take a bow", settle=2.0)
    pitch = [math.asin(max(-1.0, min(1.0, 2 * (q[0] * q[2] - q[3] * q[1])))) for q in (t.base_quat for t in run.truth[start:])]
    assert max(pitch) > 0.2 and abs(pitch[-1]) < 0.12


def test_sitting_down_lowers_the_torso_and_standing_up_raises_it(run):
    before = run.truth[-1].torso_height
    moved(run, "sit down")
    low = run.truth[-1].torso_height
    assert low < before - 0.02
    moved(run, "stand up", settle=2.0)
    assert run.truth[-1].torso_height > before - 0.015


def test_pointing_stretches_an_arm(run):
    start = run.mark()
    moved(run, "point to the left")
    left = [np.array((-math.sin(yaw), math.cos(yaw))) for yaw in (heading(t.base_quat) for t in run.truth[start:])]
    reach = max(float((t.hands[0] - t.base_pos)[:2] @ side) for t, side in zip(run.truth[start:], left, strict=True))
    assert reach > 0.3, "the left hand goes out to the side"


def test_walking_while_waving_is_one_instruction(run):
    start = run.mark()
    item = run.say("walk forward and wave your right hand")
    assert [len(step) for step in item.route.steps] == [2]
    assert item.result == "succeeded"
    run.wait(0.5)
    owners = {(report.owners[0], report.owners[10]) for report in run.reports[start:]}
    assert ("chunk", "locomotion") in owners
    assert run.path(start)[0] > 0.6


def test_then_is_one_after_the_other(run):
    item = run.say("turn left, then walk forward half a meter")
    assert [[call.skill for call in step] for step in item.route.steps] == [["turn_left"], ["walk_forward"]]
    assert item.result == "succeeded"


def test_stop_in_mid_stride(run):
    run.wait(1.0)
    run.arbiter.inbox.say("walk forward")
    run.wait(1.5)
    run.arbiter.inbox.say("stop")
    run.wait(0.02)
    here = run.mark()
    run.wait(2.0)
    assert np.hypot(*run.path(here)[:2]) < 0.25
    assert run.arbiter.executor.idle
    assert run.say("stand still").result == "succeeded"


def test_nonsense_moves_nothing(run):
    run.wait(1.0)
    start = run.mark()
    item = run.say("calculate my taxes")
    assert item.result == "refused" and item.reason
    run.wait(1.0)
    assert np.hypot(*run.path(start)[:2]) < 0.05


def test_touching_the_ball_it_sees():
    scene = Scene(balls={"red": (0.24, 0.15, 0.62), "green": (0.26, -0.02, 0.60), "blue": (0.24, -0.17, 0.62)})
    with SimRun(seed=1, scene=scene) as sim:
        start = sim.mark()
        assert sim.say("touch the red ball").result == "succeeded"
        distance = min(np.linalg.norm(t.hands - t.balls["red"], axis=1).min() for t in sim.truth[start:])
        assert distance < 0.10
        assert sim.falls == 0
