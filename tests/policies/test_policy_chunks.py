"""The chunk player: plays by time, asks in time, splices without a jump, survives what a model can do wrong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.chunk.plan import Plan
from tests.chunk_rig import DT, WAVE, Backend, at_start, motion, play, player, warm
from tests.fakes import state_of


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
