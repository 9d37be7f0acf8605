"""The delay of a chunk model is judged by its usual inferences: a slow one does not bind the robot to what it did before."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbiter.worker import LockstepWorker
from policies.chunk.inference import infer
from policies.chunk.pace import Pace
from policies.chunk.player import ChunkPolicy
from tests.chunk_rig import DT, WAVE, Backend, at_start, motion, warm
from tests.fakes import MODEL, state_of

SLOW, USUAL = 3.0, 0.1  # [s]


class Committing(Backend):
    """Repeats the committed rows to the letter, as real-time chunking does; the others are `goal` [rad] beside the motion."""

    goal = 0.0

    def predict(self, observation, prompt, *, previous=None, delay_steps=0, seed=0):
        self.questions.append((observation, prompt, previous, delay_steps, seed))
        rows = motion(observation.elapsed + np.arange(self.horizon) / self.rate_hz) + self.goal
        if previous is not None:
            rows[:delay_steps] = previous[:delay_steps]
        return rows


class Uneven(LockstepWorker):
    """Inference k takes `delays[k]` seconds; those after the last take as long as that."""

    def __init__(self, backend, delays):
        super().__init__(infer(backend), delays[0])
        self._delays = list(delays)

    def submit(self, request, now):
        self._delay = self._delays.pop(0) if len(self._delays) > 1 else self._delays[0]
        super().submit(request, now)


def begun(delays):
    """A backend with real-time chunking, its player at the start of the motion, and the time of the next tick."""
    backend = Committing(rtc=True)
    policy = ChunkPolicy(backend, MODEL, Uneven(backend, delays))
    policy.reset(state_of(), 0.0)
    return backend, policy, warm(policy)


def run(backend, policy, start, seconds, goal_at=math.inf):
    """Targets beside the motion [rad], shape (ticks, 10); the goal moves by 0.3 rad `goal_at` seconds after the start."""
    rows = []
    for k in range(round(seconds / DT)):
        backend.goal = 0.3 if k * DT >= goal_at - 1e-9 else 0.0
        now = start + k * DT
        rows.append(policy.act(state_of(at_start(), now=now), WAVE, now).q[:10] - motion(np.array(k * DT)))
    return np.array(rows)


def test_a_slow_first_inference_is_no_measure_of_delay():
    backend, policy, start = begun([SLOW, USUAL])
    run(backend, policy, start, 6.0)
    first, *later = [(len(previous), steps) for _, _, previous, steps, _ in backend.questions if previous is not None]
    assert first[1] == 0, "nothing is known yet"
    assert {steps for _, steps in later} == {5} and all(left >= 20 for left, _ in later)
    assert len(later) <= 6.0 / 0.5 + 1, "asked every half second, not back to back"


@pytest.mark.parametrize("delays", [[USUAL], [SLOW, USUAL]])
def test_a_new_goal_is_heard_as_soon_after_a_slow_inference_as_without_one(delays):
    """At worst: asked just before, asked again `replan` later, computed, the committed rows played."""
    plain = run(*begun(delays), 3.0)
    worst = 0
    for goal_at in 0.5 + DT * np.arange(0, 30, 3):
        moved = np.abs(run(*begun(delays), 3.0, goal_at) - plain).max(axis=1) > 0.03
        worst = max(worst, int(np.argmax(moved)) - round(goal_at / DT))
    assert 0 < worst <= round((0.5 + USUAL + USUAL) / DT) + 5  # and the first rows of a splice move little


def test_a_hiccup_does_not_change_what_is_committed():
    backend, policy, start = begun([USUAL, USUAL, USUAL, 0.6, USUAL])
    run(backend, policy, start, 6.0)
    assert {steps for *_, steps, _ in backend.questions[1:]} == {5}


@given(st.lists(st.floats(0.0, 10.0), min_size=1, max_size=30))
def test_never_all_rows_are_committed(delays):
    backend, policy, start = begun([0.1])
    for delay in delays:
        policy._pace.note(delay)
    for left in range(51):
        assert policy._committed(left) < max(left, 1) and policy._committed(left) <= 25


def test_what_an_inference_usually_takes():
    pace = Pace()
    assert math.isnan(pace.usual) and pace.expected(0.5) == 0.0
    pace.note(3.0)
    assert pace.usual == 3.0 and pace.expected(0.5) == 0.0 and pace.expected(3.0) == 3.0
    for duration in (0.2, 0.3):
        pace.note(duration)
    assert pace.usual == pace.expected(0.5) == 0.2
    for duration in (0.3, 0.3, 0.3, 2.0, 2.0):
        pace.note(duration)
    assert pace.usual == 0.3
    pace.note(2.0)
    assert pace.usual == 2.0, "three slow ones of eight are no exception any more"
