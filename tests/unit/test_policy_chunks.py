"""The chunk player: plays by time, asks in time, splices without a jump, survives what a model can do wrong."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arbiter.errors import ConfigError, PolicyError
from arbiter.types import Request, frozen
from policies.chunk import CameraFrame
from policies.chunk_player import ChunkPolicy, ChunkTiming
from policies.plan import Plan
from policies.worker import LockstepWorker, ThreadWorker
from tests.fakes import MODEL, state_of

ARMS = MODEL.joints[:10]
DT = MODEL.dt
WAVE = Request(prompt="wave")


def motion(times: np.ndarray) -> np.ndarray:
    """The motion that the test backend knows: smooth, other for each joint, at most 0.5 rad/s."""
    return 0.25 * np.sin(2.0 * np.asarray(times)[..., None] + np.arange(10)) - 0.2


class Backend:
    """Answers with `motion`, unless the fault of the present question says otherwise. Keeps every question."""

    name, joints, rate_hz, horizon = "fake", ARMS, 50.0, 50
    needs_image, supports_rtc = False, False

    def __init__(self, faults=(), rtc=False, needs_image=False, origin=0.0):
        self.faults, self.supports_rtc, self.needs_image = list(faults), rtc, needs_image
        self.origin = origin
        self.questions, self.closed = [], 0

    def predict(self, observation, prompt, *, previous=None, delay_steps=0, seed=0):
        self.questions.append((observation, prompt, previous, delay_steps, seed))
        fault = self.faults[len(self.questions) - 1] if len(self.questions) <= len(self.faults) else ""
        start = observation.elapsed
        rows = motion(start + np.arange(self.horizon) / self.rate_hz)
        if self.supports_rtc and previous is not None:
            rows += (previous[0] - rows[0]) * np.exp(-np.arange(50)[:, None] / 15.0)  # continues what is played
        if fault == "raises":
            raise RuntimeError("out of memory")
        return {"nan": np.where(np.arange(50)[:, None] == 20, np.nan, rows), "shape": rows[:, :9],
                "short": rows[:10], "tiny": rows[:1],
                "long": np.vstack((rows, rows)), "list": rows.tolist(), "nothing": None, "flat": rows[0], "far": rows + 40.0,
                "offset": rows + 0.3, "float32": rows.astype(np.float32), "ints": rows.astype(int)}.get(fault, rows)

    def close(self):
        self.closed += 1


def player(backend, delay=0.3, **settings_):
    policy = ChunkPolicy(backend, MODEL, LockstepWorker(backend, delay), **settings_)
    policy.reset(state_of(), 0.0)
    return policy


def warm(policy, request=WAVE, limit=200):
    """Warms until ready; the time of the next tick."""
    for k in range(limit):
        if policy.warm(state_of(at_start(), now=k * DT), request, k * DT):
            return (k + 1) * DT
    raise AssertionError("never ready")


def play(policy, start, seconds, request=WAVE):
    """Targets of the arms, shape (ticks, 10)."""
    rows = []
    for k in range(round(seconds / DT)):
        now = start + k * DT
        rows.append(policy.act(state_of(at_start(), now=now), request, now).q[:10])
    return np.array(rows)


def at_start(off=0.0):
    """The robot where the motion begins, its arms `off` [rad] beside that."""
    return frozen(np.concatenate((motion(np.array(0.0)) + off, MODEL.default[10:])))


@pytest.mark.parametrize("delay", [0.0, 0.1, 0.3, 0.45])
def test_a_slow_model_never_stalls_the_motion(delay):
    backend = Backend()
    policy = player(backend, delay)
    start = warm(policy)
    rows = play(policy, start, 8.0)
    times = np.arange(len(rows)) * DT
    np.testing.assert_allclose(rows, motion(times), atol=2e-3)
    assert policy.refused == 0 and policy.chunks >= 7
    assert policy.delay == pytest.approx(0.02 * np.ceil(delay / 0.02 - 1e-6), abs=0.021)


@pytest.mark.parametrize("delay", [0.6, 0.9])
def test_a_model_slower_than_half_its_horizon_pauses_softly(delay):
    policy = player(Backend(), delay)
    rows = play(policy, warm(policy), 8.0)
    assert policy.refused == 0 and policy.chunks >= 7
    assert np.abs(np.diff(rows, axis=0)).max() / DT < 4.5
    assert np.abs(np.diff(rows, 2, axis=0)).max() / DT**2 < 120.0


def test_the_first_chunk_starts_with_the_hand_over_however_long_it_took():
    policy = player(Backend(), 0.1)
    for k in range(31):  # ready long before it may act
        ready = policy.warm(state_of(at_start(), now=k * DT), WAVE, k * DT)
    assert ready
    np.testing.assert_allclose(play(policy, 0.64, 0.3)[0], motion(np.array(0.0)), atol=1e-9)


def test_a_waiting_player_keeps_its_first_chunk_fresh():
    backend = Backend()
    policy = player(backend, 0.0)
    for k in range(100):
        policy.warm(state_of(at_start(), now=k * DT), WAVE, k * DT)
    assert 3 <= len(backend.questions) <= 5
    assert all(observation.elapsed == 0.0 for observation, *_ in backend.questions)


def test_a_first_chunk_is_not_begun_with_where_it_was_not_predicted():
    backend = Backend()
    policy = player(backend, 0.1)
    start = warm(policy)
    asked = len(backend.questions)
    moved = [policy.warm(state_of(at_start(0.3), now=start + k * DT), WAVE, start + k * DT) for k in range(8)]
    assert moved == [False] * 5 + [True] * 3  # asked anew at once, and there 0.1 s later
    assert len(backend.questions) == asked + 1
    np.testing.assert_allclose(backend.questions[-1][0].joint_pos, at_start(0.3)[:10])


def test_a_robot_that_keeps_moving_gets_a_chunk_for_where_it_just_was():
    policy = player(Backend(), 0.1)
    ready = [policy.warm(state_of(at_start(0.03 * k), now=k * DT), WAVE, k * DT) for k in range(50)]  # 1.5 rad/s
    assert 5 <= sum(ready) <= 25


@pytest.mark.parametrize("off", [0.15, 0.4, -0.4])
def test_a_first_chunk_that_begins_elsewhere_is_led_up_to(off):
    policy = player(Backend(), 0.1)
    for k in range(6):
        ready = policy.warm(state_of(at_start(off), now=k * DT), WAVE, k * DT)
    assert ready
    rows = np.array([policy.act(state_of(at_start(off), now=now), WAVE, now).q[:10] for now in 0.12 + DT * np.arange(40)])
    own = np.abs(np.diff(motion(DT * np.arange(40)), axis=0)).max() / DT
    np.testing.assert_allclose(rows[0], at_start(off)[:10], atol=1e-9)
    assert np.abs(np.diff(rows, axis=0)).max() / DT <= own + 1.5 + 1e-6
    np.testing.assert_allclose(rows[-1], motion(np.array(39 * DT)), atol=2e-3)


def test_runs_are_repeatable_bit_for_bit():
    runs = []
    for _ in range(2):
        policy = player(Backend(["", "offset", "nan", ""]), 0.22)
        runs.append(play(policy, warm(policy), 4.0))
    assert np.array_equal(*runs)


@pytest.mark.parametrize("rtc", [False, True])
def test_a_chunk_that_disagrees_is_spliced_without_a_jump(rtc):
    backend = Backend(["", "offset", "", "offset"], rtc=rtc)
    policy = player(backend, 0.2)
    rows = play(policy, warm(policy), 4.0)
    speed = np.abs(np.diff(rows, axis=0)) / DT
    assert speed.max() < 0.5 + 4.0  # the motion's own speed and that of a splice
    assert np.abs(np.diff(rows, 2, axis=0)).max() / DT**2 < 120.0
    assert policy.chunks >= 4


def test_real_time_chunking_gets_what_is_still_played_and_the_delay():
    backend = Backend(rtc=True)
    policy = player(backend, 0.3)
    play(policy, warm(policy), 2.0)
    first, *later = backend.questions
    assert first[2] is None
    for observation, _, previous, steps, _ in later:
        assert previous.shape[1] == 10 and 20 <= len(previous) <= 50 and steps == 15
        np.testing.assert_allclose(previous[0], motion(np.array(observation.elapsed)), atol=2e-3)


def test_without_real_time_chunking_nothing_is_passed_on():
    backend = Backend()
    policy = player(backend, 0.3)
    play(policy, warm(policy), 2.0)
    assert {(previous is None, steps) for _, _, previous, steps, _ in backend.questions} == {(True, 0)}
    assert len({seed for *_, seed in backend.questions}) == len(backend.questions)


BAD = {"nan": "not finite", "shape": r"returned shape (50, 9); (2 to 50, 10) is expected", "tiny": "returned shape (1, 10)",
       "long": "returned shape (100, 10)", "list": "returned list; an array of floats", "nothing": "returned NoneType",
       "flat": "returned shape (10,)", "far": "asks arm_left_shoulder_pitch_joint for ",
       "raises": "raised RuntimeError: out of memory",
       "ints": "an array of floats is expected"}


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


def test_a_plan_is_linear_between_rows_and_stops_softly():
    plan = Plan(np.array([[0.0], [1.0], [3.0]]), 10.0, 2.0)
    assert [plan.at(t)[0] for t in (9.0, 10.0, 10.25, 10.5, 10.75, 11.0)] == [0.0, 0.0, 0.5, 1.0, 2.0, 3.0]
    late = np.array([plan.at(t)[0] for t in np.arange(11.0, 13.0, 0.02)])
    assert (np.diff(late) > 0.0).all() and (np.diff(late, 2) < 0.0).all() and late[-1] < 3.0 + 4.0 * 0.12 + 1e-9


@settings(deadline=None, max_examples=50)
@given(now=st.floats(0.0, 1.5), q=st.floats(-1.0, 1.0), dq=st.floats(-3.0, 3.0))
def test_a_splice_starts_where_the_target_is_and_ends_on_the_chunk(now, q, dq):
    rows = motion(np.arange(50) / 50.0)
    plan, plain = Plan(rows, 0.0, 50.0), Plan(rows, 0.0, 50.0)
    plan.splice(np.full(10, q), np.full(10, dq), now, 0.3)
    np.testing.assert_allclose(plan.at(now), q, atol=1e-9)
    np.testing.assert_allclose((plan.at(now + 1e-5) - plan.at(now)) / 1e-5, dq, atol=0.35)
    np.testing.assert_allclose(plan.at(now + 0.3), plain.at(now + 0.3), atol=1e-12)
    left = plan.left_over(now, 50)
    np.testing.assert_allclose(left, [plan.at(now + i / 50.0) for i in range(len(left))] or np.zeros((0, 10)), atol=1e-9)


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
    policy = ChunkPolicy(backend, MODEL, ThreadWorker(backend))
    policy.reset(state_of(), 0.0)
    assert not policy.warm(state_of(), WAVE, 0.0)  # returns although the backend blocks
    assert not policy.warm(state_of(), Request(prompt="point"), 0.02)
    gate.set()
    assert wait_for(policy, Request(prompt="point"))
    assert policy.act(state_of(now=9.0), Request(prompt="point"), 9.0).q.shape == (22,)
    policy.release()
    policy.close()
    policy.close()
    assert backend.closed == 2


def test_a_model_that_never_answers_fails_the_warming_not_the_tick():
    gate, backend = threading.Event(), Backend()
    backend.predict = lambda *args, **rest: gate.wait(10.0)
    policy = ChunkPolicy(backend, MODEL, ThreadWorker(backend), timing=ChunkTiming(first=1.0))
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
    players = [ChunkPolicy(backend, MODEL, ThreadWorker(backend, lock)) for _ in range(2)]
    for policy in players:
        policy.reset(state_of(), 0.0)
        policy.warm(state_of(), WAVE, 0.0)
    assert all(wait_for(policy, WAVE) for policy in players)
    assert all(policy.refused == 0 for policy in players)
    for policy in players:
        policy.close()


def test_sensors_that_fail_end_in_a_policy_error_with_the_reflex():
    from policies.reflex import BalanceReflex

    class Whole(Backend):
        joints = MODEL.joints

        def predict(self, observation, prompt, **rest):
            return np.tile(MODEL.default, (50, 1))

    policy = player(Whole(), 0.1, reflex=BalanceReflex(MODEL))
    now = warm(policy)
    with pytest.raises(PolicyError, match="its target is not finite"):
        policy.act(state_of(now=now, base_ang_vel=frozen((np.nan, 0.0, 0.0))), WAVE, now)
