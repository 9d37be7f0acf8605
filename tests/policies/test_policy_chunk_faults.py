"""The chunk player with models, cameras and threads that fail: targets stay finite and smooth, and the fault is named."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arbiter.errors import ConfigError, PolicyError
from arbiter.types import Request, frozen
from arbiter.worker import ThreadWorker
from policies.chunk.inference import infer
from policies.chunk.player import ChunkPolicy
from policies.chunk.protocol import CameraFrame
from policies.chunk.timing import ChunkTiming
from policies.registry import RefCounted
from tests.chunk_rig import ARMS, DT, WAVE, Backend, at_start, motion, play, player, warm
from tests.fakes import MODEL, state_of

BAD = {
    "nan": "not finite",
    "shape": r"returned shape (50, 9); (2 to 50, 10) is expected",
    "tiny": "returned shape (1, 10)",
    "long": "returned shape (100, 10)",
    "list": "returned list; an array of floats",
    "nothing": "returned NoneType",
    "flat": "returned shape (10,)",
    "far": "asks arm_left_shoulder_pitch_joint for ",
    "raises": "raised RuntimeError: out of memory",
    "ints": "an array of floats is expected",
}


@pytest.mark.parametrize("fault", BAD)
def test_one_bad_chunk_is_ridden_out(fault):
    backend = Backend(["", fault])
    policy = player(backend, 0.1)
    rows = play(policy, warm(policy), 3.0)
    assert policy.refused == 1
    np.testing.assert_allclose(rows, motion(np.arange(len(rows)) * DT), atol=2e-3)


@pytest.mark.parametrize("fault", BAD)
def test_a_model_that_stays_broken_is_held_then_given_up(fault):
    policy = player(Backend([""] + [fault] * 100), 0.1)
    start, rows = warm(policy), []
    with pytest.raises(PolicyError) as found:
        for k in range(300):
            now = start + k * DT
            rows.append(policy.act(state_of(at_start(), now=now), WAVE, now).q[:10])
    assert BAD[fault] in str(found.value) and "held its last target" in str(found.value)
    rows = np.array(rows)
    assert 1.9 < len(rows) * DT < 2.1  # a second of plan, a second of patience
    assert np.abs(np.diff(rows, axis=0)).max() / DT < 0.6
    assert np.abs(np.diff(rows[-20:], axis=0)).max() / DT < 0.01  # at rest long before it gives up
    assert np.abs(np.diff(rows, 2, axis=0)).max() / DT**2 < 10.0  # the stop is soft


@pytest.mark.parametrize("fault", BAD)
def test_no_good_first_chunk_fails_the_warming(fault):
    policy = player(Backend([fault] * 100), 0.1)
    with pytest.raises(PolicyError) as found:
        warm(policy)
    assert "no first chunk" in str(found.value) and BAD[fault] in str(found.value)


def test_short_chunks_are_played_as_far_as_they_go():
    policy = player(Backend([""] + ["short"] * 100), 0.06)
    rows = play(policy, warm(policy), 3.0)
    assert policy.refused == 0
    np.testing.assert_allclose(rows, motion(np.arange(len(rows)) * DT), atol=5e-3)


def test_a_chunk_that_comes_after_its_own_end_is_refused():
    policy = player(Backend(), 1.2, timing=ChunkTiming(patience=5.0))
    play(policy, warm(policy), 4.0)
    assert policy.refused >= 1 and "after its chunk was over" in policy._why


def test_another_prompt_is_asked_for_at_once():
    backend = Backend()
    policy = player(backend, 0.1)
    start = warm(policy)
    play(policy, start, 0.2)
    play(policy, start + 0.2, 0.4, Request(prompt="point"))
    assert [prompt for _, prompt, *_ in backend.questions] == ["wave", "point"]
    assert backend.questions[1][0].stamp == pytest.approx(start + 0.2)


def test_warming_for_another_prompt_forgets_the_old_chunk():
    policy = player(Backend(), 0.1)
    now = warm(policy)
    assert not policy.warm(state_of(now=now), Request(prompt="point"), now)


FAULTS = st.sampled_from(["", "", "", "offset", "short", "float32", *BAD])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(faults=st.lists(FAULTS, max_size=14), delay=st.floats(0.0, 1.6), rtc=st.booleans())
def test_whatever_a_model_does_targets_stay_finite_and_smooth(faults, delay, rtc):
    policy = player(Backend(["", *faults], rtc=rtc), delay)
    start, rows = warm(policy), []
    try:
        for k in range(200):
            now = start + k * DT
            target = policy.act(state_of(now=now), WAVE, now)
            assert target.joints[:10].all() and not target.joints[10:].any()
            rows.append(target.q)
    except PolicyError as error:
        assert "held its last target" in str(error)
    rows = np.array(rows)
    assert np.isfinite(rows).all()
    assert np.abs(np.diff(rows, axis=0)).max() / DT < 6.0
    assert (rows[:, 10:] == MODEL.default[10:]).all()


def test_acting_without_a_chunk_is_an_error():
    with pytest.raises(PolicyError, match="acts before warm"):
        player(Backend()).act(state_of(), WAVE, 0.0)


# --- camera ---------------------------------------------------------------------------------------------------------


class Camera:
    def __init__(self):
        self.frame = None

    def __call__(self):
        return self.frame

    def shoot(self, now):
        self.frame = CameraFrame(now, np.zeros((8, 8, 3), np.uint8))


def test_a_frozen_camera_fails_a_policy_that_needs_to_see():
    camera = Camera()
    policy = player(Backend(needs_image=True), 0.1, camera=camera)
    camera.shoot(0.0)
    start = warm(policy)
    with pytest.raises(PolicyError, match="no picture of the last 0.5 s, and fake cannot go on blind; check the camera"):
        play(policy, start, 3.0)


def test_a_camera_that_never_starts_fails_the_warming():
    policy = player(Backend(needs_image=True), 0.1, camera=Camera())
    with pytest.raises(PolicyError, match="no picture"):
        warm(policy)


def test_a_policy_trained_for_it_goes_on_blind():
    camera, backend = Camera(), Backend()
    policy = player(backend, 0.1, camera=camera)
    camera.shoot(0.0)
    play(policy, warm(policy), 3.0)
    seen = [observation.image is not None for observation, *_ in backend.questions]
    assert seen[0] and not seen[-1] and np.isnan(backend.questions[-1][0].image_stamp)


def test_what_cannot_work_is_refused_at_the_start():
    backend = Backend(needs_image=True)
    with pytest.raises(ConfigError, match="needs a camera and was given none"):
        player(backend)
    backend = Backend()
    backend.joints = ("tail_joint", *ARMS[1:])
    with pytest.raises(ConfigError, match="drives 'tail_joint', which berkeley_humanoid_lite does not have"):
        player(backend)


# --- plan and workers -----------------------------------------------------------------------------------------------


def wait_for(policy, request, limit=5.0):
    pause = threading.Event()
    for k in range(round(limit / 0.005)):
        if policy.warm(state_of(now=k * 0.005), request, k * 0.005):
            return True
        pause.wait(0.005)
    return False


def test_a_thread_answers_the_newest_question_only():
    gate, backend = threading.Event(), Backend()
    backend.predict_at_once = backend.predict

    def predict(observation, prompt, **rest):
        if prompt == "wave":
            gate.wait(10.0)
        return backend.predict_at_once(observation, prompt, **rest)

    backend.predict = predict
    policy = ChunkPolicy(backend, MODEL, ThreadWorker(infer(backend), "chunks"))
    policy.reset(state_of(), 0.0)
    assert not policy.warm(state_of(), WAVE, 0.0)  # returns although the backend blocks
    assert not policy.warm(state_of(), Request(prompt="point"), 0.02)
    gate.set()
    assert wait_for(policy, Request(prompt="point"))
    assert policy.act(state_of(now=9.0), Request(prompt="point"), 9.0).q.shape == (22,)
    policy.release()
    policy.close()
    policy.close()
    assert backend.closed == 1


def test_a_backend_that_players_share_is_closed_once_and_never_under_a_call():
    running, gate, backend = threading.Event(), threading.Event(), Backend()
    at_once, during = backend.predict, []

    def predict(*arguments, **options):
        running.set()
        gate.wait(10.0)
        during.append(backend.closed)
        return at_once(*arguments, **options)

    backend.predict = predict
    lock, close = threading.Lock(), RefCounted(2, backend.close)
    players = [ChunkPolicy(backend, MODEL, ThreadWorker(infer(backend), "chunks", lock), close=close) for _ in range(2)]
    players[1].warm(state_of(), WAVE, 0.0)
    assert running.wait(5.0)
    threading.Timer(0.2, gate.set).start()
    for one in players:
        one.close()
    assert (during, backend.closed) == ([0], 1)


def test_a_model_that_never_answers_fails_the_warming_not_the_tick():
    gate, backend = threading.Event(), Backend()
    backend.predict = lambda *args, **rest: gate.wait(10.0)
    policy = ChunkPolicy(backend, MODEL, ThreadWorker(infer(backend), "chunks"), timing=ChunkTiming(first=1.0))
    policy.reset(state_of(), 0.0)
    with pytest.raises(PolicyError, match="no first chunk within 1 s: fake does not answer"):
        for k in range(100):
            policy.warm(state_of(now=k * DT), WAVE, k * DT)
    gate.set()
    policy.close()


def test_two_players_share_a_backend_one_call_at_a_time():
    lock, backend, inside = threading.Lock(), Backend(), []
    answer = backend.predict

    def predict(*args, **rest):
        inside.append(1)
        assert len(inside) == 1, "two calls at once"
        threading.Event().wait(0.01)
        inside.pop()
        return answer(*args, **rest)

    backend.predict = predict
    players = [ChunkPolicy(backend, MODEL, ThreadWorker(infer(backend), "chunks", lock)) for _ in range(2)]
    for policy in players:
        policy.reset(state_of(), 0.0)
        policy.warm(state_of(), WAVE, 0.0)
    assert all(wait_for(policy, WAVE) for policy in players)
    assert all(policy.refused == 0 for policy in players)
    for policy in players:
        policy.close()


def test_sensors_that_fail_end_in_a_policy_error_with_the_reflex():
    from policies.fallback.reflex import BalanceReflex

    class Whole(Backend):
        joints = MODEL.joints

        def predict(self, observation, prompt, **rest):
            return np.tile(MODEL.default, (50, 1))

    policy = player(Whole(), 0.1, reflex=BalanceReflex(MODEL))
    now = warm(policy)
    with pytest.raises(PolicyError, match="its target is not finite"):
        policy.act(state_of(now=now, base_ang_vel=frozen((np.nan, 0.0, 0.0))), WAVE, now)
