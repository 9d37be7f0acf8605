"""The success criteria, on made-up runs: each passes what it should, and nothing else."""

from __future__ import annotations

from tests.needs import needs

pytestmark = needs("train", "mink")

from dataclasses import replace

import numpy as np
import pytest

from deploy.robots.description import load_model
from skills.criteria import DIRECTIONS, best_lasting, swings
from skills.recordings import Trajectory
from skills.rotations import rotations
from training.pi0.data.instructions import GESTURES, find
from training.pi0.data.success import judge

MODEL = load_model()
T = 150
TIME = 0.02 * np.arange(T)


def still() -> Trajectory:
    """A robot that stands with hanging arms."""
    hands = np.tile(np.array(((0.0, 0.27, 0.4), (0.0, -0.27, 0.4))), (T, 1, 1))
    return Trajectory(
        time=TIME,
        joint_pos=np.tile(MODEL.default, (T, 1)),
        joint_vel=np.zeros((T, MODEL.n)),
        hands=hands,
        forearms=np.tile((0.0, 0.0, -1.0), (T, 2, 1)),
        pitch=np.zeros(T),
        tilt=np.zeros(T),
        height=np.full(T, 0.636),
        place=np.zeros((T, 2)),
        yaw=np.zeros(T),
        balls={colour: np.tile((0.3, 0.2, 0.65), (T, 1)) for colour in ("red", "green", "blue")},
        arm_rest=MODEL.default,
        arms=MODEL.groups["arms"],
        standing=0.636,
        shoulders=MODEL.body.shoulders,
        head=MODEL.body.head,
    )


def with_hand(side: int, path: np.ndarray) -> Trajectory:
    hands = still().hands.copy()
    hands[:, side] = path
    return replace(still(), hands=hands)


def waving(rate: float, swing: float = 0.06, height: float = 0.9) -> np.ndarray:
    return np.stack((np.full(T, 0.2), -0.25 + swing * np.sin(2 * np.pi * rate * TIME), np.full(T, height)), axis=1)


def test_standing_still_is_no_gesture_but_lowering_and_standing():
    passed = {one.text for one in GESTURES if judge(still(), one).success}
    assert passed == {"lower both arms", "stand up"}


def test_waving_counts_full_periods_above_the_shoulder():
    right = find("wave the right hand")
    assert judge(with_hand(1, waving(1.0)), right).measured == pytest.approx(3.0, abs=0.5)
    assert judge(with_hand(1, waving(1.0)), right).success
    assert not judge(with_hand(1, waving(0.35)), right).success, "too slow for two periods"
    assert not judge(with_hand(1, waving(1.0, swing=0.02)), right).success, "trembling is not waving"
    assert not judge(with_hand(1, waving(1.0, height=0.6)), right).success, "below the shoulder"
    assert not judge(with_hand(0, waving(1.0)), right).success, "the other hand"


def test_what_noisy_joints_tell_of_a_wave_must_be_more_than_a_wave():
    narrow = with_hand(1, np.roll(waving(1.0, swing=0.026), 13, axis=0))  # 5.2 cm from side to side
    right = find("wave the right hand")
    assert judge(narrow, right).success and not judge(replace(narrow, hand_doubt=0.002), right).success
    low = with_hand(1, waving(1.0, height=MODEL.body.shoulders + 0.001))
    assert judge(low, right).success and not judge(replace(low, hand_doubt=0.002), right).success


def test_swings_of_known_signals():
    assert swings(np.zeros(50)) == 0.0
    assert swings(np.array((0.0, 0.1, 0.0, 0.1, 0.0))) == 2.0
    assert swings(np.linspace(0.0, 1.0, 50)) == 0.5


def test_both_hands_must_be_above_the_head():
    high = np.tile((0.0, 0.35, 0.95), (T, 1))
    one = with_hand(0, high)
    both = replace(one, hands=np.stack((high, high * (1, -1, 1)), axis=1))
    assert judge(both, find("raise both arms")).success
    assert not judge(one, find("raise both arms")).success


def test_a_bow_goes_down_and_comes_back():
    down = 0.3 * np.sin(np.pi * np.minimum(TIME / 2.0, 1.0))
    assert judge(replace(still(), pitch=down), find("bow")).success
    assert not judge(replace(still(), pitch=0.4 * down), find("bow")).success, "too shallow"
    assert not judge(replace(still(), pitch=0.3 * np.minimum(TIME, 1.0)), find("bow")).success, "stays down"
    ends = {rest: down * (TIME < 1.0) + np.maximum(down, rest) * (TIME >= 1.0) for rest in (0.12, 0.16)}
    assert judge(replace(still(), pitch=ends[0.12]), find("bow")).success, "in the reflex's stand"
    assert not judge(replace(still(), pitch=ends[0.16]), find("bow")).success, "not up again"


def test_sitting_ends_low_and_standing_ends_high():
    sinking = 0.636 - 0.05 * np.minimum(TIME, 1.0)
    assert judge(replace(still(), height=sinking), find("sit down")).success
    assert not judge(replace(still(), height=sinking), find("stand up")).success
    assert judge(replace(still(), height=sinking[::-1]), find("stand up")).success
    assert not judge(replace(still(), height=sinking[::-1]), find("sit down")).success


@pytest.mark.parametrize(("direction", "side"), [("to the left", 0), ("to the right", 1), ("straight ahead", 1)])
def test_pointing_allows_twenty_degrees(direction, side):
    one = find(f"point {direction}")
    for angle, good in ((15.0, True), (25.0, False)):
        run = still()
        c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        goal = DIRECTIONS[one.target]
        forearms = run.forearms.copy()
        forearms[60:, side] = c * goal + s * np.array((0.0, 0.0, 1.0))
        assert judge(replace(run, forearms=forearms), one).success is good


def test_touching_means_within_four_centimetres_for_a_moment():
    ball, red = np.array((0.3, 0.2, 0.65)), find("touch the red ball")
    near = np.tile(ball + (0.03, 0.0, 0.0), (T, 1))
    assert judge(with_hand(0, near), red).success
    assert judge(with_hand(1, near), red).success, "either hand"
    assert not judge(with_hand(0, near + (0.02, 0.0, 0.0)), red).success
    passing = np.tile((0.0, 0.27, 0.4), (T, 1))
    passing[70:73] = ball
    assert not judge(with_hand(0, passing), red).success, "three ticks are too short"


def test_a_fall_fails_everything():
    tilt = np.zeros(T)
    tilt[-1] = 1.2
    for one in GESTURES:
        found = judge(replace(still(), tilt=tilt), one)
        assert not found.success and "fell" in found.text


def test_walking_is_judged_in_the_robots_own_heading():
    ahead = np.stack((0.3 * TIME, np.zeros(T)), axis=1)
    assert judge(replace(still(), place=ahead), find("walk forward")).measured == pytest.approx(1.0)
    turned = replace(still(), place=ahead[:, ::-1], yaw=np.full(T, np.pi / 2))
    assert judge(turned, find("walk forward")).success
    assert not judge(turned, find("walk backward")).success
    assert judge(replace(still(), yaw=0.6 * TIME), find("turn left")).success
    assert not judge(replace(still(), yaw=-0.6 * TIME), find("turn left")).success
    assert judge(still(), find("stop walking")).success
    assert not judge(replace(still(), place=ahead), find("stop walking")).success


def test_best_lasting_is_the_level_held_for_the_span():
    values = np.ones(T)
    values[50:61] = 0.3
    assert best_lasting(values, TIME, 0.2) == 0.3
    values[55] = 0.5
    assert best_lasting(values, TIME, 0.2) == 0.5
    assert best_lasting(values[:5], TIME[:5], 0.2) == np.inf


def test_rotations_turn_body_axes_into_the_world():
    half = np.sqrt(0.5)
    yaw = rotations(np.array((half, 0.0, 0.0, half)))
    assert np.allclose(yaw @ (1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
