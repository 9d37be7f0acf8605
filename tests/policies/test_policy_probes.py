"""Probes of a network, on networks whose right card is known: linear feedback of joints, tilt and angular velocity."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from deploy.robots.description import load_model
from policies.locomotion.card import ObservationTerm
from policies.locomotion.probes.cards import alternatives
from policies.locomotion.probes.figures import probe_figures
from policies.locomotion.probes.mirror import PLANE, mirror_of
from policies.locomotion.probes.network import probe_network
from tests.onnx_policies import card_for
from tests.wrong_cards import MISTAKES

MODEL = load_model()
CARD = card_for(MODEL)
MIRROR = mirror_of(MODEL)
LEGS = np.flatnonzero(MODEL.groups["legs"])
HIPS, ANKLES = ([i for i, name in enumerate(CARD.joints) if part in name] for part in ("hip_pitch", "ankle_pitch"))
ROLLS = [i for i, name in enumerate(CARD.joints) if "hip_roll" in name or "ankle_roll" in name]


def feedback(pos: float = 1.0, ahead: float = 0.025, tilt: float = 2.0, rate: float = 0.13, action: float = 0.3):
    """A network that pushes joints back and leans against tilt, on the observation of CARD."""
    m, n = len(CARD.joints), CARD.observation_size
    w = np.zeros((n, m))
    for i in range(m):
        w[9 + i, i], w[9 + m + i, i], w[9 + 2 * m + i, i] = -pos, -pos * ahead, action
    for i in HIPS + ANKLES:
        w[6, i], w[4, i] = tilt, tilt * rate
    for i in ROLLS:  # gravity y is minus the roll
        w[7, i], w[3, i] = tilt, -tilt * rate
    w[0, HIPS] = 0.5
    return lambda x: 4.0 * (x[0] @ w)


def wrong(card, network) -> dict[str, str]:
    return {one.check: one.advice for one in probe_network(card, MODEL, network) if one.level in ("warn", "fail")}


@settings(max_examples=6, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(
    pos=st.floats(0.3, 3.0),
    ahead=st.floats(0.01, 0.1),
    tilt=st.floats(1.0, 6.0),
    rate=st.floats(0.08, 0.4),
    action=st.floats(0, 0.3),
)
def test_feedback_of_any_strength_under_its_own_card_is_not_doubted(pos, ahead, tilt, rate, action):
    assert wrong(CARD, feedback(pos, ahead, tilt, rate, action)) == {}


@pytest.mark.parametrize(
    ("kind", "name", "check", "words"),
    [
        ("legs", "swapped in what is seen", "own joints", "left and right legs are swapped"),
        ("order", "alternate in what is seen", "own joints", "the own-joint response rises from 0"),
        ("sign", "angular velocity y", "sign of pitch", "base_ang_vel y or projected_gravity x has the wrong sign"),
        ("sign", "gravity y", "sign of roll", "base_ang_vel x or projected_gravity y"),
        ("degrees", "angular velocity", "angular velocity", "try scale times 0.0175, as if it were trained on rad/s"),
        ("degrees", "joint velocity", "joint velocity", "try scale times 0.0175, as if it were trained on rad/s"),
        ("scale", "joint velocity by 20", "joint velocity", "joint_vel looks small by a factor of about 20"),
        ("scale", "previous action times 4", "previous action", "previous_action looks scaled too high"),
        ("gravity", "from (x, y, z, w)", "tilt", "a quaternion in another order, such as (x, y, z, w)"),
        ("gravity", "upwards", "sign of roll", "or gravity points up"),
    ],
)
def test_a_wrong_card_is_found_and_what_would_be_right_is_named(kind, name, check, words):
    assert words in wrong(MISTAKES[kind][name](CARD, MODEL), feedback())[check]


def test_a_history_the_other_way_round_is_found():
    terms = tuple(replace(term, history=3) for term in CARD.observations)
    card, network = replace(CARD, observations=terms), feedback()
    place, at = {}, 0
    for term in terms:
        size = term.size(len(card.joints))
        for frame in range(3):
            place.setdefault(frame, []).extend(range(at + frame * size, at + (frame + 1) * size))
        at += 3 * size
    assert "history" not in wrong(card, lambda x: network(x[:, place[2]]))
    assert "history_order: newest_first" in wrong(card, lambda x: network(x[:, place[0]]))["history"]


def test_terms_that_no_probe_knows_are_told():
    card = replace(CARD, observations=(*CARD.observations, ObservationTerm("phase", period=0.5)))
    told = [one.seen for one in probe_network(card, MODEL, feedback_of(card)) if one.level == "not probed"]
    assert any("phase" in text for text in told)


def feedback_of(card):
    network = feedback()
    return lambda x: network(x[:, : CARD.observation_size])


def test_the_mirror_is_that_of_the_robot_s_own_kinematics():
    """Independent of how it was found: feet and hands of a mirrored posture are the mirrored feet and hands."""
    assert MIRROR.known.all()
    q = MODEL.default + 0.3 * np.random.default_rng(0).standard_normal((20, MODEL.n))
    body, image = MODEL.known_body, MIRROR.posture(q)
    here, there = body.soles(q).mean(-2), body.soles(image).mean(-2)
    np.testing.assert_allclose(there, PLANE * here[:, ::-1], atol=2e-3)
    np.testing.assert_allclose(body.hand(image, "right"), PLANE * body.hand(q, "left"), atol=2e-3)


def test_figures_of_left_and_right_are_held_against_each_other():
    assert all(one.level == "pass" for one in probe_figures(CARD, MODEL))
    kp = list(CARD.kp)
    kp[CARD.joints.index("leg_left_knee_pitch_joint")] = 10.0
    found = {one.check: one.advice for one in probe_figures(replace(CARD, kp=tuple(kp)), MODEL) if one.level == "warn"}
    assert list(found) == ["kp of both sides"] and "leg_left_knee_pitch_joint has 10" in found["kp of both sides"]
    found = [one.check for one in probe_figures(MISTAKES["posture"]["halved"](CARD, MODEL), MODEL) if one.level == "warn"]
    assert found == ["default_pos and the robot's"]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (kind, name)
        for kind in ("legs", "order", "sign", "degrees", "rate")
        for name in MISTAKES[kind]
        if name not in ("shuffled", "hip roll and pitch", "double")
    ],
)
def test_the_right_card_is_among_those_that_are_tried(kind, name):
    mistaken = MISTAKES[kind][name](CARD, MODEL)
    tried = [one.card for one in alternatives(mistaken, MODEL, MIRROR)]
    assert mistaken not in tried
    assert any(close(one, CARD) for one in tried)


def close(one, other) -> bool:
    """Equal but for rounding of scales."""
    figures = ("joints", "default_pos", "kp", "kd", "rate_hz", "history_order", "history_layout")
    return (
        all(getattr(one, key) == getattr(other, key) for key in figures)
        and np.allclose(one.action_scale, other.action_scale)
        and all(
            a.joints == b.joints and np.allclose(a.scale, b.scale)
            for a, b in zip(one.observations, other.observations, strict=True)
        )
    )
