"""OnnxPolicy: the observation it builds, its rate, its clock, its refusals."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from arbiter.errors import ConfigError, PolicyError
from arbiter.types import Request, frozen
from policies.locomotion.card import ObservationTerm
from policies.locomotion.policy import OnnxPolicy
from tests.fakes import MODEL, state_of
from tests.onnx_policies import card_for, policy_bytes, save_policy

LEGS = np.flatnonzero(MODEL.groups["legs"])
RNG = np.random.default_rng(0)


def random_state(now=0.0):
    quat = RNG.normal(size=4)
    return state_of(
        MODEL.default + 0.1 * RNG.normal(size=MODEL.n),
        RNG.normal(size=MODEL.n),
        now,
        base_quat=frozen(quat / np.linalg.norm(quat)),
        base_ang_vel=frozen(RNG.normal(size=3)),
    )


def echo(tmp_path, card, pick):
    """A policy whose action is the observation at the places `pick`."""
    weights = np.zeros((card.observation_size, len(card.joints)))
    weights[pick, np.arange(len(pick))] = 1.0
    return OnnxPolicy(save_policy(tmp_path / "echo.onnx", card, weights), MODEL)


def actions(policy, target):
    return (target.q[LEGS] - MODEL.default[LEGS]) / 0.25


def test_the_observation_is_what_the_card_says(tmp_path):
    joints = tuple(MODEL.joints[i] for i in LEGS)
    card = card_for(
        MODEL,
        observations=(
            ObservationTerm("velocity_command", scale=(2.0, 2.0, 0.25)),
            ObservationTerm("base_ang_vel", scale=0.2),
            ObservationTerm("projected_gravity"),
            ObservationTerm("joint_pos_rel", joints[::-1]),
            ObservationTerm("joint_vel", joints, 0.05),
            ObservationTerm("previous_action"),
        ),
    )
    state, request = random_state(), Request(velocity=frozen((0.3, -0.1, 0.7)))
    wanted = np.concatenate(
        (
            [0.6, -0.2, 0.175],
            0.2 * state.base_ang_vel,
            state.gravity,
            (state.joint_pos - MODEL.default)[LEGS][::-1],
            0.05 * state.joint_vel[LEGS],
            np.zeros(12),
        )
    )
    seen = []
    for start in range(0, card.observation_size, 12):
        pick = np.arange(start, min(start + 12, card.observation_size))
        policy = echo(tmp_path, card, pick)
        policy.reset(state, 0.0)
        seen.append(actions(policy, policy.act(state, request, 0.0))[: len(pick)])
    np.testing.assert_allclose(np.concatenate(seen), wanted, atol=1e-6)


def test_history_is_oldest_first_and_previous_action_follows(tmp_path):
    card = card_for(MODEL, observations=(ObservationTerm("base_ang_vel", history=3), ObservationTerm("previous_action")))
    policy = echo(tmp_path, card, np.r_[0:9, 9:12])
    start = state_of(base_ang_vel=frozen((1.0, 2.0, 3.0)))
    policy.reset(start, 0.0)
    first = actions(policy, policy.act(state_of(base_ang_vel=frozen((4.0, 5.0, 6.0))), Request(), 0.02))
    np.testing.assert_allclose(first, [1, 2, 3, 1, 2, 3, 4, 5, 6, 0, 0, 0], rtol=1e-5)
    second = actions(policy, policy.act(state_of(base_ang_vel=frozen((7.0, 8.0, 9.0))), Request(), 0.04))
    np.testing.assert_allclose(second, [1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3], atol=1e-5)


def test_warming_fills_the_history(tmp_path):
    card = card_for(MODEL, observations=(ObservationTerm("base_ang_vel", history=3),))
    policy = echo(tmp_path, card, np.arange(9))
    policy.reset(state_of(), 0.0)
    for k in (1.0, 2.0):
        assert policy.warm(state_of(base_ang_vel=frozen((k, k, k))), Request(), 0.02 * k)
    target = policy.act(state_of(base_ang_vel=frozen((3.0, 3.0, 3.0))), Request(), 0.06)
    np.testing.assert_allclose(actions(policy, target)[:9], [1, 1, 1, 2, 2, 2, 3, 3, 3], rtol=1e-5)


@pytest.mark.parametrize(("rate", "every"), [(50.0, 1), (25.0, 2), (10.0, 5)])
def test_a_slower_policy_holds_between_its_steps(tmp_path, rate, every):
    policy = echo(tmp_path, card_for(MODEL, rate_hz=rate), np.array([3, 4, 5]))
    policy.reset(state_of(), 0.0)
    policy.warm(state_of(), Request(), 0.0)  # an odd number of warm ticks must not delay the first action
    seen = []
    for k in range(1, 12):
        seen.append(actions(policy, policy.act(state_of(base_ang_vel=frozen((k, 0.0, 0.0))), Request(), 0.02 * k))[0])
    np.testing.assert_allclose(seen, [1 + every * ((k - 1) // every) for k in range(1, 12)], atol=1e-5)


def test_the_clock_runs_while_a_command_is_given_and_finishes_its_half_turn(tmp_path):
    card = card_for(MODEL, observations=(ObservationTerm("phase", period=0.4, stand_still=True),))
    policy = echo(tmp_path, card, np.array([0, 1]))
    policy.reset(state_of(), 0.0)
    walk, seen = Request(velocity=frozen((0.3, 0.0, 0.0))), []
    for k, request in enumerate([Request()] * 2 + [walk] * 6 + [Request()] * 6 + [walk] * 2):
        seen.append(actions(policy, policy.act(state_of(), request, 0.02 * (k + 1)))[:2])
    turns = np.array([0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 10, 11]) * 0.02 / 0.4
    np.testing.assert_allclose(seen, np.stack((np.sin(2 * np.pi * turns), np.cos(2 * np.pi * turns)), 1), atol=1e-6)


def test_a_command_is_followed_as_fast_as_the_card_says_and_its_end_waits_for_the_end_of_the_step(tmp_path):
    card = card_for(
        MODEL,
        observations=(
            ObservationTerm("velocity_command", slew=(2.0, 1.0, 5.0)),
            ObservationTerm("phase", period=0.4, stand_still=True),
        ),
    )
    policy = echo(tmp_path, card, np.array([0, 1, 2, 3]))
    policy.reset(state_of(), 0.0)
    walk, seen = Request(velocity=frozen((0.1, 0.05, -0.2))), []
    for k, request in enumerate([walk] * 6 + [Request()] * 10):
        seen.append(actions(policy, policy.act(state_of(), request, 0.02 * (k + 1)))[:4])
    rising = [(0.04, 0.02, -0.1), (0.08, 0.04, -0.2), (0.1, 0.05, -0.2)] + [(0.1, 0.05, -0.2)] * 3
    falling = [(0.06, 0.03, -0.1), (0.02, 0.01, 0.0), *[(0.021, 0.0, 0.0)] * 2, *[(0.0, 0.0, 0.0)] * 6]
    np.testing.assert_allclose(np.array(seen)[:, :3], rising + falling, atol=1e-6)
    np.testing.assert_allclose(np.array(seen)[-6:, 3], 0.0, atol=1e-6)  # half a turn: both feet down


def test_who_is_to_stand_steps_in_place_first_if_the_card_says_so(tmp_path):
    card = card_for(
        MODEL,
        observations=(
            ObservationTerm("velocity_command", slew=(99.0, 99.0, 99.0)),
            ObservationTerm("phase", period=0.4, stand_still=True, settle=0.1),
        ),
    )
    policy = echo(tmp_path, card, np.array([0, 3]))
    policy.reset(state_of(), 0.0)
    walk, seen = Request(velocity=frozen((0.3, 0.0, 0.0))), []
    for k, request in enumerate([Request()] * 2 + [walk] * 3 + [Request()] * 10):
        seen.append(actions(policy, policy.act(state_of(), request, 0.02 * (k + 1)))[:2])
    np.testing.assert_allclose(np.array(seen)[:, 0], [0.0] * 2 + [0.3] * 3 + [0.021] * 7 + [0.0] * 3, atol=1e-6)
    turns = np.array([0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 10]) * 0.02 / 0.4
    np.testing.assert_allclose(np.array(seen)[:, 1], np.sin(2 * np.pi * turns), atol=1e-6)


@pytest.fixture
def settling(tmp_path):
    """A policy for the legs that echoes the forward command it sees; it settles for 0.1 s and wakes at 0.4 rad or
    0.45 rad/s."""
    card = card_for(
        MODEL,
        observations=(
            ObservationTerm("velocity_command", slew=(99.0, 99.0, 99.0)),
            ObservationTerm("phase", period=0.4, stand_still=True, settle=0.1, wake=0.4, tip=0.45),
        ),
    )
    policy = echo(tmp_path, card, np.array([0]))
    policy.reset(state_of(), 0.0)
    ticks = iter(range(1, 10**6))

    def seen(request, count, **state):
        return [actions(policy, policy.act(state_of(**state), request, 0.02 * next(ticks)))[0] for _ in range(count)]

    seen(Request(velocity=frozen((0.3, 0.0, 0.0))), 5)
    return seen


def bent(joint, angle):
    q = MODEL.default.copy()
    q[MODEL.index(joint)] += angle
    return q


def test_with_the_arms_out_it_goes_on_stepping_in_place(settling):
    out = bent("arm_left_shoulder_pitch_joint", -0.5)
    np.testing.assert_allclose(settling(Request(), 200, q=out), 0.021, atol=1e-6)
    assert settling(Request(), 30)[-1] == pytest.approx(0.0, abs=1e-6)
    assert settling(Request(), 50, q=out)[-1] == pytest.approx(0.0, abs=1e-6), "who stands already may reach out"


def test_who_loses_the_stance_steps_in_place_again(settling):
    leaning = bent("leg_left_ankle_pitch_joint", -0.45)
    assert settling(Request(), 30)[-1] == pytest.approx(0.0, abs=1e-6)
    assert settling(Request(), 30, q=bent("leg_left_ankle_pitch_joint", -0.35))[-1] == pytest.approx(0.0, abs=1e-6)
    assert settling(Request(), 2, q=leaning)[0] == pytest.approx(0.021, abs=1e-6)
    assert settling(Request(), 60)[-1] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("spin, steps", [((0.3, 0.3, 0.9), False), ((0.0, 0.5, 0.0), True), ((-0.35, 0.35, 0.0), True)])
def test_who_stands_and_tips_over_steps(settling, spin, steps):
    """Turning about the vertical is not tipping over, and who has just stopped is given time to find its stance."""
    assert settling(Request(), 30)[-1] == pytest.approx(0.0, abs=1e-6)
    assert settling(Request(), 2, base_ang_vel=frozen(spin))[0] == pytest.approx(0.021 * steps, abs=1e-6)
    settling(Request(), 30, base_ang_vel=frozen(spin))
    assert settling(Request(), 60)[-1] == pytest.approx(0.0, abs=1e-6)


def test_after_its_last_step_it_is_given_time_to_find_its_stance(settling):
    crouched = settling(Request(), 60, q=bent("leg_left_knee_pitch_joint", 0.5))
    first = crouched.index(min(crouched))
    assert crouched[first] == pytest.approx(0.0, abs=1e-6)
    np.testing.assert_allclose(crouched[first : first + 10], 0.0, atol=1e-6)
    assert max(crouched[first + 10 :]) == pytest.approx(0.021, abs=1e-6)


def test_a_clock_without_stand_still_never_stops(tmp_path):
    card = card_for(MODEL, observations=(ObservationTerm("phase", period=0.4),))
    policy = echo(tmp_path, card, np.array([0, 1]))
    policy.reset(state_of(), 0.0)
    seen = [actions(policy, policy.act(state_of(), Request(), 0.02 * k))[0] for k in range(1, 4)]
    np.testing.assert_allclose(seen, np.sin(2 * np.pi * 0.05 * np.arange(3)), atol=1e-6)


def test_gains_default_pose_and_mask_come_from_the_card(tmp_path):
    card = card_for(MODEL, kp=(30.0,) * 12, kd=(1.5,) * 12, default_pos=(0.05,) * 12)
    policy = OnnxPolicy(save_policy(tmp_path / "walk.onnx", card, bias=2.0), MODEL, name="locomotion")
    policy.reset(state_of(), 0.0)
    target = policy.act(state_of(), Request(), 0.0)
    assert policy.name == "locomotion" and policy.kind == "locomotion"
    assert (policy.joints == MODEL.groups["legs"]).all() and target.joints is policy.joints
    np.testing.assert_allclose(target.q[LEGS], 0.05 + 0.25 * 2.0, rtol=1e-5)
    assert (target.kp[LEGS] == 30.0).all() and (target.kd[LEGS] == 1.5).all()
    assert (target.kp[:10] == MODEL.kp[:10]).all() and (target.q[:10] == MODEL.default[:10]).all()
    assert not target.q.flags.writeable


@pytest.mark.parametrize(
    ("key", "term"),
    [
        ("joint_pos", "joint_pos_rel"),
        ("joint_vel", "joint_vel"),
        ("base_ang_vel", "base_ang_vel"),
        ("base_quat", "projected_gravity"),
    ],
)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_readings_that_are_not_finite_are_refused(tmp_path, key, term, value):
    policy = OnnxPolicy(save_policy(tmp_path / "walk.onnx", card_for(MODEL)), MODEL)
    policy.reset(state_of(), 0.0)
    bad = np.array(getattr(state_of(), key))
    bad[-1] = value
    with pytest.raises(PolicyError, match=f"policy test_walk: observation {term} is not finite"):
        policy.act(state_of(**{key: frozen(bad)}) if key != "joint_pos" else state_of(bad), Request(), 0.0)


def test_actions_that_are_not_finite_are_refused(tmp_path):
    weights = np.zeros((45, 12))
    weights[0, 4] = np.inf
    policy = OnnxPolicy(save_policy(tmp_path / "walk.onnx", card_for(MODEL), weights), MODEL)
    policy.reset(state_of(), 0.0)
    with pytest.raises(PolicyError, match="its action for leg_left_ankle_pitch_joint is not finite"):
        policy.act(state_of(), Request(velocity=frozen((1.0, 0.0, 0.0))), 0.0)


def test_a_graph_that_does_not_fit_its_card_is_refused(tmp_path):
    path = tmp_path / "walk.onnx"
    path.write_bytes(policy_bytes(44, 12))
    with pytest.raises(ConfigError, match=r"input 'obs' is tensor\(float\) \[1, 44\]; its card describes .* \[1, 45\]"):
        OnnxPolicy(path, MODEL, card=card_for(MODEL))
    path.write_bytes(policy_bytes(45, 11))
    with pytest.raises(ConfigError, match="output 'actions'"):
        OnnxPolicy(path, MODEL, card=card_for(MODEL))
    with pytest.raises(ConfigError, match="no input 'observation' in the graph; there are: obs"):
        OnnxPolicy(path, MODEL, card=dataclasses.replace(card_for(MODEL), input="observation"))
    path.write_bytes(b"")
    with pytest.raises(ConfigError, match="ONNX Runtime cannot load it"):
        OnnxPolicy(path, MODEL, card=card_for(MODEL))


def test_a_provider_that_is_not_there_is_named(tmp_path):
    path = save_policy(tmp_path / "walk.onnx", card_for(MODEL))
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this machine has the CUDA provider")
    with pytest.raises(ConfigError, match="'cuda' is not available; there are: cpu.*--reinstall-package onnxruntime-gpu"):
        OnnxPolicy(path, MODEL, provider="cuda")


def test_a_provider_that_does_not_start_is_an_error_and_auto_takes_the_next(tmp_path, monkeypatch):
    """As on a machine with onnxruntime-gpu and no driver: ONNX Runtime itself goes on with the CPU."""
    import onnxruntime

    from policies.chunk.backends.onnx import best_provider
    from policies.engine import PROVIDERS, digest

    path = save_policy(tmp_path / "walk.onnx", card_for(MODEL))
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this machine has the CUDA provider")
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: list(PROVIDERS.values()))
    with (
        pytest.warns(UserWarning, match="CUDAExecutionProvider"),
        pytest.raises(ConfigError, match="'cuda' is installed, but does not start on this machine"),
    ):
        OnnxPolicy(path, MODEL, provider="cuda")
    with pytest.raises(ConfigError, match="'tensorrt' needs the package tensorrt"):
        OnnxPolicy(path, MODEL, provider="tensorrt")
    with pytest.warns(UserWarning):
        assert best_provider(path) == "cpu"
    before = digest(path)
    (tmp_path / "walk.onnx.data").write_bytes(b"other weights")
    assert digest(path) != before, "TensorRT's cache must not find the engine of other weights"


def different_ways_to_observe():
    return {
        "plain": (50.0, (ObservationTerm("base_ang_vel"), ObservationTerm("previous_action"))),
        "history": (
            50.0,
            (ObservationTerm("joint_pos_rel", tuple(MODEL.joints), history=3), ObservationTerm("previous_action", history=2)),
        ),
        "half the rate": (25.0, (ObservationTerm("joint_vel", tuple(MODEL.joints)), ObservationTerm("previous_action"))),
    }


@pytest.mark.parametrize("way", different_ways_to_observe())
def test_its_spare_answers_the_same_to_what_it_saw_and_changes_nothing(tmp_path, way):
    """A difference is then a failure of one of the two, whatever the observation and however long it has run."""
    rate, observations = different_ways_to_observe()[way]
    card = card_for(MODEL, observations=observations, rate_hz=rate)
    weights = 0.3 * np.random.default_rng(1).normal(size=(card.observation_size, len(card.joints)))
    path = save_policy(tmp_path / "policy.onnx", card, weights)
    policy, alone = OnnxPolicy(path, MODEL), OnnxPolicy(path, MODEL)
    spare = policy.spare()
    assert spare.recompute(policy) is None, "nothing was asked yet"
    policy.reset(state := random_state(), 0.0)
    alone.reset(state, 0.0)
    for tick in range(40):
        state, now = random_state(0.02 * tick), 0.02 * tick
        target = policy.act(state, Request(), now)
        for _ in range(2):
            assert np.abs(spare.recompute(policy).q - target.q).max() < 1e-6
        assert np.array_equal(alone.act(state, Request(), now).q, target.q), "asking it disturbs nothing"
    assert spare.recompute(target) is None


def test_a_spare_that_takes_over_between_two_steps_does_not_go_on_with_a_wrong_target(tmp_path):
    card = card_for(MODEL, observations=(ObservationTerm("base_ang_vel"), ObservationTerm("previous_action")), rate_hz=25.0)
    weights = 0.3 * np.random.default_rng(1).normal(size=(card.observation_size, len(card.joints)))
    policy = OnnxPolicy(save_policy(tmp_path / "policy.onnx", card, weights), MODEL)
    spare, state, run = policy.spare(), random_state(), policy._network.run
    policy.reset(state, 0.0)
    right = policy.act(state, Request(), 0.0).q
    policy.reset(state, 0.02)
    policy._network.run = lambda: -run()
    wrong = policy.act(state, Request(), 0.02).q
    spare.resume(policy, state, 0.04)
    taken = spare.act(state, Request(), 0.04).q
    assert taken == pytest.approx(right, abs=1e-6) and np.abs(taken - wrong).max() > 0.1
