"""The mathematics of the rates: exact braking distances, transparency, no limit cycles."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbiter.safety.shaper import braking, fastest
from tests.safety_rig import DT, Drive, armed, check_limits, loose, small_model

MODEL = small_model()


def travelled(step: float, brake: float) -> float:
    """Distance of a step and of the shrinking ones that follow, summed by hand."""
    total = 0.0
    while step > 0.0:
        total += step
        step -= brake
    return total


@settings(deadline=None, max_examples=60)
@given(st.floats(0.0, 50.0), st.floats(0.01, 2.0))
def test_fastest_step_uses_the_room_exactly(room, brake):
    step = float(fastest(np.array([room]), np.array([brake]), np.array([8.0 / brake]))[0])
    assert travelled(step - 1e-9, brake) <= room + 1e-6
    assert travelled(step + 1e-6, brake) >= room  # anything faster would not fit


@settings(deadline=None, max_examples=60)
@given(st.floats(-5.0, 5.0), st.floats(0.01, 2.0))
def test_braking_distance(step, brake):
    expected = np.sign(step) * (travelled(abs(step), brake) - abs(step))
    assert float(braking(np.array(step), np.array(brake))) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("terms", range(1, 8))
def test_fastest_step_at_the_seams(terms):
    brake = 0.1
    room = np.array([brake * terms * (terms + 1) / 2])
    assert fastest(room, np.array([brake]), np.array([8.0 / brake]))[0] == pytest.approx(terms * brake)


@pytest.mark.parametrize("far", [0.001, 0.1, 0.37, 0.5, -0.5])
def test_a_standing_target_is_reached_and_kept(far):
    """Also by a joint whose speed takes ten ticks to build up: without a limit cycle around the target."""
    drive = Drive(armed(MODEL, np.zeros(4), limits=loose(MODEL)), np.zeros(4))
    goal = np.array([far, abs(far), 2.0 * far, far])
    drive.ticks(80, goal)
    for command, _ in (drive.tick(goal) for _ in range(10)):
        assert np.abs(command.q - goal).max() < 1e-9
    overshoot = np.sign(far) * np.array([c.q[3] for c in drive.sent]).max() if far > 0 else 0.0
    assert overshoot <= abs(far) + 1e-9
    check_limits(MODEL, np.zeros(4), drive.sent)


def test_what_keeps_the_limits_passes_unchanged_to_the_last_bit():
    """Speeds of 0.9 of the limit, accelerations of 0.9 of the limit, ends included."""
    start = np.zeros(4)
    drive = Drive(armed(MODEL, start, limits=loose(MODEL)), start)
    v, a = 0.9 * MODEL.velocity * DT, 0.9 * MODEL.acceleration * DT * DT
    q, step = start.copy(), np.zeros(4)
    for k in range(300):
        phase = (k // 7) % 4
        wish = (v, np.zeros(4), -v, np.zeros(4))[phase] * 0.3
        step = step + np.clip(wish - step, -a, a)
        room = np.where(step > 0, MODEL.upper - q, q - MODEL.lower)
        step = np.where(
            np.array([travelled(abs(s), b) for s, b in zip(step, a, strict=True)]) <= room,
            step,
            np.sign(step) * np.maximum(np.abs(step) - a, 0.0),
        )
        q = q + step
        command, verdict = drive.tick(q)
        assert verdict.interventions == ()
        assert np.array_equal(command.q, q)
    assert np.ptp([c.q for c in drive.sent], axis=0).min() > 0.05


def test_a_moving_target_is_caught_up_with_and_followed():
    drive = Drive(armed(MODEL, np.zeros(4), limits=loose(MODEL)), np.zeros(4))
    for k in range(120):
        q = np.array([0.5, 0.5, 0.5, 0.3 + 0.1 * np.sin(0.05 * k)])
        command, _ = drive.tick(q)
    assert np.abs(command.q - q).max() < 1e-9


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.01, 8.0))
def test_random_targets_never_break_a_limit(seed, size):
    rng = np.random.default_rng(seed)
    start = rng.uniform(MODEL.lower, MODEL.upper)
    drive = Drive(armed(MODEL, start, limits=loose(MODEL)), start)
    goal = start.copy()
    for k in range(80):
        if k % int(rng.integers(1, 9)) == 0:
            goal = rng.normal(scale=size, size=4)
        drive.tick(goal)
    check_limits(MODEL, start, drive.sent)


@pytest.mark.parametrize("joint", range(4))
@pytest.mark.parametrize("direction", [-1, 1])
def test_full_speed_into_an_end_stops_at_the_end(joint, direction):
    start = np.clip(np.zeros(4), MODEL.lower, MODEL.upper)
    drive = Drive(armed(MODEL, start, limits=loose(MODEL)), start)
    goal = start.copy()
    goal[joint] = direction * 4.0
    command, _ = drive.ticks(120, goal)
    end = MODEL.upper if direction > 0 else MODEL.lower
    assert command.q[joint] == pytest.approx(end[joint], abs=1e-12)
    check_limits(MODEL, start, drive.sent)
    speed = np.abs(np.diff([c.q[joint] for c in drive.sent])).max(initial=0.0) / DT
    if abs(end[joint] - start[joint]) > 0.9:
        assert speed == pytest.approx(MODEL.velocity[joint], rel=0.25) or joint == 3  # no slower than needed
