"""Fallback policies, the reflex's arithmetic, recorded chunks and the registry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from arbiter.errors import ConfigError, PolicyError
from arbiter.strict import parse_text
from arbiter.types import Request, frozen
from policies.chunk.backends.recorded import RecordedChunks
from policies.chunk.protocol import CameraFrame, ChunkObservation
from policies.deadline import Deadline
from policies.fallback.balance.stance import SagittalChain, Segment
from policies.fallback.policies import Damp, Hold, Rest, SmoothApproach, Stand
from policies.fallback.reflex import BalanceReflex
from policies.locomotion.policy import OnnxPolicy
from policies.registry import PolicyContext, load_policies
from tests.fakes import MODEL, state_of
from tests.onnx_policies import card_for, save_policy

Q = frozen(MODEL.default + np.linspace(0.0, 0.1, MODEL.n))


def test_hold_keeps_what_it_found():
    policy = Hold(MODEL)
    policy.reset(state_of(), 0.0)
    policy.warm(state_of(Q), Request(), 0.02)
    for k in range(3):
        np.testing.assert_array_equal(policy.act(state_of(Q + 0.1 * k), Request(), 0.04 + 0.02 * k).q, np.minimum(Q, MODEL.upper))


def test_damp_has_no_position_gain():
    policy = Damp(MODEL)
    policy.reset(state_of(), 0.0)
    target = policy.act(state_of(Q), Request(), 0.0)
    assert not target.kp.any() and (target.kd == MODEL.kd).all() and (target.q == Q).all()


def test_rest_goes_slowly_to_where_it_is_asked():
    policy = Rest(MODEL, joints=MODEL.groups["arms"])
    start = np.array(MODEL.default)
    start[3] = 1.5
    policy.reset(state_of(start), 0.0)
    rows = np.array([policy.act(state_of(start), Request(), 0.02 * k).q for k in range(250)])
    assert np.abs(np.diff(rows, axis=0)).max() / 0.02 <= 0.8 + 1e-9
    assert abs(rows[0, 3] - 1.5) < 0.02 and abs(rows[-1, 3]) < 0.01
    goal = frozen(MODEL.default + 0.1)
    assert policy.act(state_of(start), Request(posture=goal), 10.0).q[3] > rows[-1, 3]
    assert (policy.joints == MODEL.groups["arms"]).all()


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(-2.0, 2.0), min_size=3, max_size=3), st.floats(0.01, 0.2))
def test_an_approach_is_straight_bounded_and_arrives(goal, dt):
    approach, goal = SmoothApproach(1.0), np.array(goal)
    approach.start(np.zeros(3))
    rows = np.array([approach.step(goal, dt) for _ in range(int(8.0 / dt))])
    assert np.abs(np.diff(rows, axis=0)).max() <= dt * 1.0 + 1e-9
    np.testing.assert_allclose(rows[-1], goal, atol=0.02)
    share = rows @ goal / max(goal @ goal, 1e-12)
    np.testing.assert_allclose(rows, share[:, None] * goal, atol=1e-6)
    assert share.max() < 1.02


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(-3.0, 3.0), min_size=3, max_size=3))
def test_an_approach_slows_a_moving_posture_down_and_comes_back(speed):
    approach = SmoothApproach(1.2)
    approach.start(np.zeros(3), np.array(speed))
    rows = np.array([approach.step(np.zeros(3), 0.02) for _ in range(150)])
    moving = np.abs(speed) > 0.1
    assert (np.sign(rows[0])[moving] == np.sign(speed)[moving]).all()
    assert np.abs(rows).max() <= 1.2 / (np.e * 4.0) + 1e-9  # where a critically damped motion turns back
    np.testing.assert_allclose(rows[-1], 0.0, atol=1e-3)


def test_a_stand_that_takes_over_in_motion_goes_on_in_its_direction():
    policy, speed = Stand(MODEL), np.where(MODEL.groups["arms"], 1.0, 0.0)
    policy.reset(state_of(dq=frozen(speed)), 0.0)
    first = policy.act(state_of(), Request(), 0.0).q - MODEL.default
    assert (first[MODEL.groups["arms"]] > 0.01).all()


@pytest.mark.parametrize("kind", [Rest, Stand])
def test_a_posture_that_is_not_finite_is_refused(kind):
    policy = kind(MODEL)
    policy.reset(state_of(), 0.0)
    with pytest.raises(PolicyError, match=f"policy {kind.name}: its target is not finite"):
        policy.act(state_of(), Request(posture=frozen(np.full(MODEL.n, np.nan))), 0.0)


# --- the reflex -----------------------------------------------------------------------------------------------------


def test_the_reflex_leaves_the_arms_alone_and_answers_a_tilt_in_its_direction():
    reflex = BalanceReflex(MODEL)
    calm = reflex.correction(state_of(), MODEL.default).copy()
    assert not calm[:10].any()
    ankles = [MODEL.index(f"leg_{side}_ankle_pitch_joint") for side in ("left", "right")]
    forward = reflex.correction(state_of(tilt=0.1), MODEL.default).copy()
    back = reflex.correction(state_of(tilt=-0.1), MODEL.default).copy()
    assert (forward[ankles] > calm[ankles]).all() and (back[ankles] < calm[ankles]).all()  # toes press when it tips forward
    np.testing.assert_allclose(forward[10:16][[2, 3, 4]], forward[16:22][[2, 3, 4]], atol=1e-3)  # left as right


@settings(deadline=None, max_examples=50)
@given(st.floats(-1.5, 1.5), st.floats(-20.0, 20.0))
def test_the_reflex_is_bounded(tilt, rate):
    reflex = BalanceReflex(MODEL)
    out = reflex.correction(state_of(tilt=tilt, base_ang_vel=frozen((rate, -rate, rate))), MODEL.default)
    assert np.isfinite(out).all() and np.abs(out).max() < 1.0


def test_a_robot_without_gains_is_told_how_to_make_them(tmp_path):
    import dataclasses

    with pytest.raises(
        ConfigError,
        match=r"no balance gains for the robot 'other': its folder has no balance.json; "
        r"make it with `python -m deploy.robot balance FOLDER`",
    ):
        BalanceReflex(dataclasses.replace(MODEL, name="other", folder=tmp_path))


CHAIN = SagittalChain(
    Segment(1.0, (0.0, 0.1), (0.0, 0.2)), Segment(2.0, (0.0, 0.1), (0.0, 0.2)), Segment(10.0, (0.01, 0.2), (0.0, 0.0))
)


def test_statics_of_a_chain_by_hand():
    upright = CHAIN.stance(0.0, 0.0, 0.0)
    assert upright.reach == pytest.approx(0.1 / 13.0) and upright.height == pytest.approx((0.1 + 0.6 + 6.0) / 13.0)
    np.testing.assert_allclose(upright.torques, 0.5 * 9.81 * 0.1)
    leaning = CHAIN.stance(0.0, 0.0, -0.1)  # shank forward by 0.1 rad
    moment = 9.81 * (1.0 * 0.1 + 2.0 * 0.3 + 10.0 * 0.6) * np.sin(0.1) + 9.81 * 0.1 * np.cos(0.1)
    assert leaning.torques[2] == pytest.approx(0.5 * moment)


@settings(deadline=None, max_examples=50)
@given(st.floats(0.0, 1.6), st.floats(-0.6, 0.1), st.floats(-0.7, 0.3))
def test_a_balanced_stance_has_its_weight_over_the_feet(knee, lean, ankle):
    hip = lean - 0.5 * knee
    stance = CHAIN.balanced(hip, knee, ankle)
    assert -0.005 <= stance.reach <= 0.04 and (stance.hip, stance.knee) == (hip, knee)


# --- recorded chunks ------------------------------------------------------------------------------------------------


def observation(elapsed: float) -> ChunkObservation:
    return ChunkObservation(0.0, np.zeros(2), np.zeros(2), elapsed=elapsed)


def recorded() -> RecordedChunks:
    return RecordedChunks({"wave": np.arange(200.0).reshape(100, 2) / 100.0, "bow": np.zeros((3, 2))}, ("a", "b"), horizon=50)


def test_recorded_motions_are_played_from_where_the_run_is():
    backend = recorded()
    np.testing.assert_allclose(backend.predict(observation(0.5), "wave")[:, 0], np.arange(25, 75) * 0.02)
    assert (backend.predict(observation(9.0), "wave") == [1.98, 1.99]).all()
    with pytest.raises(PolicyError, match="no motion was recorded for 'jump'; there are: bow, wave"):
        backend.predict(observation(0.0), "jump")


def test_recorded_motions_survive_a_file(tmp_path):
    recorded().save(tmp_path / "motions.safetensors")
    loaded = RecordedChunks.load(tmp_path / "motions.safetensors")
    assert loaded.joints == ("a", "b") and sorted(loaded.prompts) == ["bow", "wave"] and loaded.rate_hz == 50.0
    np.testing.assert_array_equal(loaded.predict(observation(0.0), "wave"), recorded().predict(observation(0.0), "wave"))


@settings(deadline=None, max_examples=50)
@given(data=st.binary(max_size=64))
def test_garbage_files_are_one_clear_error(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "x.safetensors"
    path.write_bytes(data)
    with pytest.raises(ConfigError, match="not a file of recorded motions"):
        RecordedChunks.load(path)


def test_a_file_without_the_names_of_its_joints_is_refused(tmp_path):
    save_file({"wave": np.zeros((9, 2))}, tmp_path / "x.safetensors", metadata={"rate_hz": "50"})
    with pytest.raises(ConfigError, match="x.safetensors: not a file of recorded motions \\('joints'\\)"):
        RecordedChunks.load(tmp_path / "x.safetensors")


# --- registry -------------------------------------------------------------------------------------------------------


def load(text: str, base, **context):
    node = parse_text(text, "tree.yaml")
    return load_policies(node.value, PolicyContext(MODEL, base, **context))


def test_every_kind_is_loaded_by_name(tmp_path):
    save_policy(tmp_path / "walk.onnx", card_for(MODEL))
    RecordedChunks({"wave": np.tile(MODEL.default, (9, 1))}, MODEL.joints).save(tmp_path / "motions.safetensors")
    players = load(
        "locomotion: {kind: onnx, file: walk.onnx}\nchunk: {kind: chunk, backend: recorded, path: motions.safetensors, "
        "timing: {replan: 0.4}}\nrest: {kind: hold}\n",
        tmp_path,
        chunk_delay=0.1,
    )
    assert {name: [type(player).__name__ for player in group] for name, group in players.items()} == {
        "locomotion": ["OnnxPolicy"],
        "chunk": ["ChunkPolicy"] * 2,
        "rest": ["Hold"],
        "stand": ["Stand"],
        "hold": ["Hold"],
        "damp": ["Damp"],
    }
    assert {player.name for player in players["chunk"]} == {"chunk"} and players["rest"][0].name == "rest"
    assert players["chunk"][0].timing.replan == 0.4


def test_all_mistakes_of_a_file_come_at_once_with_their_lines(tmp_path):
    with pytest.raises(ConfigError) as found:
        load(
            "a: {kind: onx}\nb: {file: x}\nc: {kind: onnx, file: x, treads: 2}\nd: {kind: onnx, file: x, threads: 0}\n"
            "stand: {kind: onnx, file: x}\n",
            tmp_path,
        )
    lines = str(found.value).splitlines()
    assert [line.split(": ")[0] for line in lines] == [f"tree.yaml:{i}" for i in range(1, 6)]
    for line, words in zip(
        lines,
        (
            "did you mean 'onnx'?",
            "policy 'b' has no kind",
            "'policies.c.treads'; did you mean 'threads'?",
            "threads is 0",
            "what is left when others fail",
        ),
        strict=True,
    ):
        assert words in line


def test_files_that_do_not_open_name_the_policy(tmp_path):
    with pytest.raises(ConfigError) as found:
        load(
            "a: {kind: onnx, file: absent.onnx}\nb: {kind: chunk, backend: pi1, path: x}\n"
            "c: {kind: chunk, backend: recorded, path: absent.safetensors}\n",
            tmp_path,
        )
    text = str(found.value)
    assert "tree.yaml:1: policy 'a': " in text and "absent.onnx: cannot be read" in text
    assert "tree.yaml:2: policy 'b': chunk backend 'pi1'; did you mean 'pi0'?" in text
    assert "tree.yaml:3: policy 'c': " in text and "absent.safetensors: cannot be read" in text


def test_a_card_may_be_one_that_ships(tmp_path):
    with pytest.raises(ConfigError, match="its card says"):
        save_policy(tmp_path / "policy.onnx", card_for(MODEL))
        load("walk: {kind: onnx, file: policy.onnx, card: published_humanoid_legs.yaml}", tmp_path)


def test_the_base_install_needs_no_torch():
    """In a fresh interpreter: this one may have imported it for other tests."""
    import subprocess
    import sys

    code = (
        "import sys, policies.registry; bad = {'torch', 'lerobot', 'onnx', 'mujoco', 'transformers'} & set(sys.modules); "
        "sys.exit(repr(bad) if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_players_of_a_shipped_file_are_found_by_name(tmp_path):
    from policies.registry import SHIPPED

    if not (SHIPPED / "locomotion.onnx").is_file():
        pytest.skip("the walking policy is not in this tree")
    walk = load("locomotion: {kind: onnx, file: locomotion.onnx}", tmp_path)["locomotion"][0]
    assert isinstance(walk, Deadline) and isinstance(walk.policy, OnnxPolicy), "in real time a policy has a deadline"
    assert (walk.joints == MODEL.groups["legs"]).all()
    (lockstep,) = load("locomotion: {kind: onnx, file: locomotion.onnx}", tmp_path, chunk_delay=0.1)["locomotion"]
    assert isinstance(lockstep, OnnxPolicy)


def test_a_camera_reaches_the_players(tmp_path):
    RecordedChunks({"wave": np.tile(MODEL.default, (9, 1))}, MODEL.joints).save(tmp_path / "motions.safetensors")
    asked = []

    def camera():
        asked.append(1)
        return CameraFrame(0.0, np.zeros((4, 4, 3), np.uint8))

    tree = "chunk: {kind: chunk, backend: recorded, path: motions.safetensors}"
    player = load(tree, tmp_path, chunk_delay=0.0, camera=camera)["chunk"][0]
    player.reset(state_of(), 0.0)
    assert not player.warm(state_of(), Request(prompt="wave"), 0.0) and asked


def test_hold_does_not_sink_with_every_stop_but_gives_way_to_what_is_in_the_way():
    """Arms that hang a little lower than they are told, stopped again and again, would wander into the legs' way."""
    told = np.clip(Q, MODEL.lower, MODEL.upper)
    for k in range(20):
        policy = Hold(MODEL)
        policy.reset(state_of(told - 0.05), 0.1 * k)
        told = policy.act(state_of(told - 0.05), Request(posture=told), 0.1 * k).q
    np.testing.assert_array_equal(told, np.clip(Q, MODEL.lower, MODEL.upper))
    blocked = told + 0.3 * (np.arange(MODEL.n) == 3)
    policy = Hold(MODEL)
    policy.reset(state_of(blocked), 3.0)
    held = policy.act(state_of(blocked), Request(posture=told), 3.0).q
    assert held[3] == blocked[3] and np.delete(held == told, 3).all()
    assert np.isfinite(policy.act(state_of(blocked), Request(posture=np.full(MODEL.n, np.nan)), 3.02).q).all()


def gait(tick):
    """A walk of 0.64 s a step pair: q, kp, kd, shape (3, n)."""
    legs = MODEL.groups["legs"]
    q = MODEL.default + 0.2 * legs * np.sin(2.0 * np.pi * tick / 32.0 + np.arange(MODEL.n))
    return np.stack((q, 0.8 * MODEL.kp, 1.1 * MODEL.kd))


def replayed(ticks):
    replay = Stand(MODEL).spare()
    for tick in range(ticks):
        replay.note(gait(tick), 0.02 * tick)
    return replay


def test_a_walk_is_gone_on_with_from_what_was_sent_and_fades_into_the_stand():
    ticks, legs = 80, MODEL.groups["legs"]
    replay = replayed(ticks)
    replay.resume(None, state_of(), 0.02 * ticks)
    sent = [replay.act(state_of(), Request(), 0.02 * (ticks + k)) for k in range(40)]
    first = sent[0].q - MODEL.default
    assert np.abs(sent[0].q - gait(ticks)[0])[legs].max() < 0.05, "no jump, and the right phase"
    walk = [np.abs(target.q - MODEL.default)[legs].max() for target in sent]
    assert np.abs(first[legs]).max() > 0.15 and max(walk[20:]) < 0.12, "what is left is the reflex"
    assert (sent[-1].kp == MODEL.kp).all() and (sent[-1].kd == MODEL.kd).all() and sent[0].joints.all()
    assert replay.act(state_of(), Request(), 0.02 * (ticks + 39)) is sent[-1]


@pytest.mark.parametrize(("ticks", "later"), [(20, 0.0), (80, 0.5)])
def test_a_walk_of_which_too_little_is_known_is_not_gone_on_with(ticks, later):
    replay = replayed(ticks)
    assert not replay.warm(state_of(), Request(), 0.0)
    with pytest.raises(PolicyError, match="less than 0.72 s of the walk are known"):
        replay.resume(None, state_of(), 0.02 * ticks + later)


def test_a_record_of_another_walk_does_not_count():
    replay = replayed(80)
    replay.note(gait(0), 9.0)
    with pytest.raises(PolicyError, match="less than 0.72 s"):
        replay.resume(None, state_of(), 9.02)
