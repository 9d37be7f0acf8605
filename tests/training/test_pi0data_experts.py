"""Experts, kinematics and places of balls, without physics."""

from __future__ import annotations

from tests.needs import needs

pytestmark = needs("train", "mink")

import numpy as np
import pytest

from arbiter.errors import ConfigError
from deploy.robots.description import load_model
from training.pi0.data.ball_sampling import APART, CAMERA, VIEW, in_picture, place, touchable
from training.pi0.data.experts import MIRROR, UP, WAVING, expert_for, nearer_side, posture, reach_for
from training.pi0.data.instructions import GESTURES, WALKS, find
from training.pi0.data.upper_body import SIDES, UpperBody

MODEL = load_model()
BODY = UpperBody(MODEL)
BALLS = {"red": np.array((0.28, 0.18, 0.66)), "green": np.array((0.30, -0.12, 0.70)), "blue": np.array((0.25, -0.2, 0.6))}
STILL = np.zeros(MODEL.n)
# Moves a vector of joints to the other side of the body.
SWAP = np.array(
    [MODEL.index(name.replace("left", "LEFT").replace("right", "left").replace("LEFT", "right")) for name in MODEL.joints]
)


@pytest.mark.parametrize("one", GESTURES, ids=lambda one: one.text)
def test_targets_are_finite_and_inside_the_ranges_from_any_posture(one):
    rng = np.random.default_rng(0)
    expert = expert_for(one, BODY)
    for _ in range(10):
        q, dq = rng.uniform(MODEL.lower, MODEL.upper), rng.normal(size=MODEL.n)
        target = expert.act(q, dq, BALLS)
        assert np.all(target >= MODEL.lower - 1e-9) and np.all(target <= MODEL.upper + 1e-9)
        if one.joints == "arms":
            legs = MODEL.groups["legs"]
            assert np.array_equal(target[legs], MODEL.default[legs])


def test_an_arm_expert_asks_for_the_same_again_from_the_same_state():
    rng = np.random.default_rng(1)
    for one in GESTURES:
        if one.joints == "arms":
            q, dq = MODEL.default + 0.1 * rng.normal(size=MODEL.n), rng.normal(size=MODEL.n)
            expert = expert_for(one, BODY)
            assert np.array_equal(expert.act(q, dq, BALLS), expert.act(q, dq, BALLS))
            assert np.array_equal(expert.act(q, dq, BALLS), expert_for(one, BODY).act(q, dq, BALLS))


def test_the_right_hand_waves_as_the_left_one_does_in_the_mirror():
    q = posture(BODY, WAVING, None)
    q[BODY.arm["left"]] += (0.0, 0.1, 0.2, 0.0, 0.0)
    left = expert_for(find("wave the left hand"), BODY).act(q, STILL, {})
    right = expert_for(find("wave the right hand"), BODY).act(np.where(MODEL.groups["arms"], -q[SWAP], q), STILL, {})
    assert np.allclose(left[BODY.arm["left"]], MIRROR * right[BODY.arm["right"]], atol=2e-3)


def holdable(q: np.ndarray) -> bool:
    """Whether the motors can hold the arms at `q` [rad] with position targets inside the joints' ranges."""
    target = q + BODY.gravity(q) / MODEL.kp
    return bool(np.all((target >= MODEL.lower) & (target <= MODEL.upper)))


def test_hands_are_where_the_motors_can_hold_them():
    up = posture(BODY, UP, UP)
    assert holdable(up) and BODY.hands(up)[:, 2].min() > 0.93
    stretched = posture(BODY, (-1.57, 0.0, 0.0, 0.0, 0.0), None)
    assert not holdable(stretched), "a stretched arm pulls harder than its range leaves room for"


def test_reaching_finds_the_point_with_the_hand_on_its_side_and_moves_no_other_joint():
    for ball in BALLS.values():
        side = nearer_side(ball)
        q, left = reach_for(BODY, ball)
        assert left < 0.006
        assert np.linalg.norm(BODY.hands(q)[SIDES.index(side)] - ball) == pytest.approx(left, abs=1e-9)
        assert np.array_equal(q[~BODY.arm[side]], MODEL.default[~BODY.arm[side]])


def test_what_is_out_of_reach_is_known():
    assert touchable(BODY, BALLS["red"])
    assert not touchable(BODY, np.array((0.6, 0.2, 0.65)))
    assert not touchable(BODY, np.array((0.27, 0.0, 0.6))), "neither hand gets to the middle"


def test_balls_hang_apart_and_repeatably():
    first, again = (place(BODY, np.random.default_rng(7), ("red", "green", "blue")) for _ in range(2))
    assert all(np.array_equal(first[colour], again[colour]) for colour in first)
    points = list(first.values())
    assert all(touchable(BODY, point) for point in points)
    assert min(np.linalg.norm(points[i] - points[j]) for i, j in ((0, 1), (0, 2), (1, 2))) > APART


def test_the_picture_ends_where_the_head_camera_says():
    import mujoco

    from deploy.robots.description import description_dir

    mj = mujoco.MjModel.from_xml_path(str(description_dir(MODEL.name) / "model.xml"))
    axes = np.zeros(9)
    mujoco.mju_quat2Mat(axes, mj.cam_quat[0])
    right, up, back = axes.reshape(3, 3).T
    assert np.allclose(mj.cam_pos[0], CAMERA, atol=0.01) and np.allclose(VIEW, (-back, right, up), atol=0.01)
    assert mj.cam_fovy[0] == pytest.approx(np.degrees(1.5), abs=0.1)
    assert in_picture(BALLS["red"])
    assert not in_picture(np.array((0.20, 0.30, 0.80))), "beside the camera"
    assert not in_picture(CAMERA - (0.3, 0.0, 0.0)), "behind it"


def test_jogging_moves_the_hand_the_way_it_is_told():
    q = posture(BODY, None, (-0.5, 0.2, 0.0, 0.9, 0.0))
    wanted = np.array((0.05, 0.02, 0.08))
    moved = BODY.hands(q + 0.01 * BODY.jog("right", q, wanted)) - BODY.hands(q)
    assert np.allclose(moved[1] / 0.01, wanted, atol=0.01) and np.allclose(moved[0], 0.0)


def test_walking_has_no_scripted_expert():
    with pytest.raises(ConfigError, match="no scripted expert for 'walk forward'.*rollouts"):
        expert_for(WALKS[0], BODY)
