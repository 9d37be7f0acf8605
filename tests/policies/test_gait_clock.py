"""The gait clock: what it promises, and that it is the same on plain numbers, numpy arrays and torch tensors."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.locomotion.gait_clock import (
    LINGER,
    ClockState,
    GaitClock,
    Scalars,
    advance,
    at_rest,
    followed,
    hold_stance,
    idles,
    moves,
    slewed,
)

CLOCK = GaitClock(half=0.5, turn=1.0 / 24.0, settle=32, grace=10, tilt_rate=0.3)
MAX_STEP = (0.016, 0.01, 0.04)
SPEEDS = st.sampled_from((0.0, 0.0, 0.02, 0.3, -0.5))
STRETCHES = st.lists(
    st.tuples(
        st.tuples(SPEEDS, SPEEDS, SPEEDS),  # command
        st.sampled_from((0.0, 0.0, -0.5, 0.5)),  # roll rate
        st.booleans(),  # lost
        st.booleans(),  # busy
        st.integers(1, 60),  # ticks
    ),
    min_size=1,
    max_size=6,
)


def run(xp, stretches, wrap, clock=CLOCK):
    """(command, state) of each tick; `wrap`: makes a value of `xp` from a number."""
    start = clock.start()
    state = ClockState(wrap(start.phase), wrap(float(start.in_place)), wrap(float(start.standing)))
    command, found = (wrap(0.0),) * 3, []
    for target, roll_rate, lost, busy, ticks in stretches:
        target = tuple(map(wrap, target))
        for _ in range(ticks):
            command = slewed(xp, command, target, MAX_STEP)
            idle = idles(xp, command, target)
            state = hold_stance(xp, clock, state, idle, wrap(roll_rate), wrap(0.0), wrap(lost), wrap(busy))
            command = followed(xp, clock, state, command, idle)
            found.append((command, state))
            state = advance(xp, clock, state, moves(command))
    return found


@settings(deadline=None, max_examples=60)
@given(STRETCHES)
def test_plain_numbers_and_arrays_agree(stretches):
    plain = run(Scalars, stretches, lambda value: value)
    arrays = run(np, stretches, lambda value: np.array([value, value]))
    for (command, state), (commands, states) in zip(plain, arrays, strict=True):
        np.testing.assert_allclose([list(column) for column in commands], [[value] * 2 for value in command], atol=1e-12)
        for name in ("phase", "in_place", "standing"):
            np.testing.assert_allclose(getattr(states, name), getattr(state, name), atol=1e-12)


@pytest.mark.train
@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs torch: uv sync --inexact --extra train")
@settings(deadline=None, max_examples=30)
@given(STRETCHES)
def test_torch_agrees_in_its_own_precision(stretches):
    """In radians and single precision, as in training."""
    import torch

    angle = GaitClock(half=np.pi, turn=2.0 * np.pi * CLOCK.turn, settle=32, grace=10, tilt_rate=0.3)
    plain = run(Scalars, stretches, lambda value: value)
    tensors = run(torch, stretches, lambda value: torch.tensor([value]), angle)
    for (command, state), (commands, states) in zip(plain, tensors, strict=True):
        np.testing.assert_allclose(torch.stack(commands)[:, 0].numpy(), command, atol=1e-5)
        turn = 2.0 * np.pi * state.phase - states.phase.item()
        assert abs(np.sin(0.5 * turn)) < 1e-4, "the same phase, whole turns apart"
        assert states.in_place.item() == state.in_place and states.standing.item() == state.standing


@settings(deadline=None, max_examples=60)
@given(STRETCHES)
def test_nobody_stands_in_the_middle_of_a_step_and_every_command_is_reached(stretches):
    calm = [*stretches, ((0.0, 0.0, 0.0), 0.0, False, False, 200)]
    before = (0.0, 0.0, 0.0)
    for command, state in run(Scalars, calm, lambda value: value):
        assert 0.0 <= state.phase < 1.0 + 1e-9 and 0 <= state.in_place <= CLOCK.settle
        if not any(command) and not any(before):  # zero for one tick only is on the way from one side to the other
            assert at_rest(Scalars, state.phase, CLOCK.half)
        before = command
    assert not any(command), "four seconds after zero was commanded"
    reached = run(Scalars, [*stretches, ((0.3, 0.0, 0.0), 0.0, False, False, 80)], lambda value: value)[-1][0]
    assert reached == pytest.approx((0.3, 0.0, 0.0))


def test_a_standing_robot_steps_when_it_tips_or_loses_its_stance_and_not_within_its_grace():
    still = ((0.0, 0.0, 0.0), 0.0, False, False, CLOCK.grace)
    assert not any(run(Scalars, [still], lambda value: value)[-1][0])
    for spoilt, phase in (
        (((0.0, 0.0, 0.0), -0.5, False, False, 1), 0.5),
        (((0.0, 0.0, 0.0), 0.5, False, False, 1), 0.0),
        (((0.0, 0.0, 0.0), 0.0, True, False, 1), 0.0),
    ):
        command, state = run(Scalars, [still, spoilt], lambda value: value)[-1]
        assert command == LINGER and state.in_place == CLOCK.settle and state.phase == phase
        early = run(Scalars, [(*still[:-1], CLOCK.grace - 1), spoilt], lambda value: value)[-1]
        assert not any(early[0])


def test_with_the_arms_out_it_goes_on_stepping():
    walk, out = ((0.3, 0.0, 0.0), 0.0, False, False, 30), ((0.0, 0.0, 0.0), 0.0, False, True, 300)
    command, state = run(Scalars, [walk, out], lambda value: value)[-1]
    assert command == LINGER and state.in_place > 0
