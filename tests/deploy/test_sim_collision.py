"""Self-collision of postures."""

import numpy as np
import pytest

from deploy.robots.collision import SelfCollision
from deploy.robots.description import load_model

MODEL = load_model()


@pytest.fixture(scope="module")
def check() -> SelfCollision:
    return SelfCollision(MODEL)


def posture(**angles) -> np.ndarray:
    q = MODEL.default.copy()
    for joint, angle in angles.items():
        q[MODEL.index(joint)] = angle
    return q


def test_standing_touches_nothing(check):
    assert not check(MODEL.default) and not check(np.zeros(MODEL.n))
    distance, *parts = check.distance(MODEL.default)
    # Between the feet: 0.057 m to each side of the middle, less 0.016 m and 0.02 m of capsule.
    assert distance == pytest.approx(0.042, abs=2e-3) and set(parts) == {"left_foot_inside", "right_foot_inside"}


def test_crossed_legs_touch(check):
    found = check(posture(leg_left_hip_roll_joint=-0.17, leg_right_hip_roll_joint=0.17))
    assert ("leg_left_ankle_roll", "leg_right_ankle_roll") in [(a, b) for a, b, _ in found]
    assert all(depth > 0.0 for *_, depth in found)


def test_hand_into_thigh_and_out_again(check):
    into = posture(arm_left_shoulder_roll_joint=-0.26, leg_left_hip_roll_joint=0.6)
    pairs = [(a, b) for a, b, _ in check(into)]
    assert ("arm_left_elbow_roll", "leg_left_hip_pitch") in pairs or ("arm_left_elbow_pitch", "leg_left_hip_pitch") in pairs
    assert not check(MODEL.default)


def test_depth_is_minus_the_distance(check):
    q = posture(leg_left_hip_roll_joint=-0.17, leg_right_hip_roll_joint=0.1)
    assert max(depth for *_, depth in check(q)) == pytest.approx(-check.distance(q)[0], abs=1e-6)


def test_call_and_distance_agree(check):
    rng = np.random.default_rng(3)
    touching = 0
    for _ in range(60):
        q = rng.uniform(MODEL.lower, MODEL.upper)
        found = bool(check(q))
        distance = check.distance(q)[0]
        touching += found
        assert found == (distance < 0.0) or abs(distance) < 1e-3
    assert 0 < touching < 60


def test_margin_keeps_away():
    q = posture(leg_left_hip_roll_joint=-0.04)
    assert not SelfCollision(MODEL)(q) and SelfCollision(MODEL, margin=0.03)(q)


def test_neighbours_on_a_limb_and_what_touches_anyway_do_not_count(check):
    assert ("leg_left_hip_pitch", "leg_left_knee_pitch") not in check.pairs
    assert ("arm_left_shoulder_roll", "arm_left_elbow_pitch") not in check.pairs
    assert {name for pair in check.pairs for name in pair} <= {
        "base",
        *(f"arm_{s}_{p}" for s in ("left", "right") for p in ("shoulder_roll", "elbow_pitch", "elbow_roll")),
        *(f"leg_{s}_{p}" for s in ("left", "right") for p in ("hip_pitch", "knee_pitch", "ankle_roll")),
    }
