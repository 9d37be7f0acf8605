"""The mathematics of the rates: exact braking distances, transparency, no limit cycles."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbiter.safety import SafetyLimits
from arbiter.safety.rates import braking, fastest
from arbiter.safety.shaper import Shaper
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
    step = fastest(room, brake)
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
    assert fastest(brake * terms * (terms + 1) / 2, brake) == pytest.approx(terms * brake)


@pytest.mark.parametrize("far", [0.001, 0.1, 0.37, 0.5, -0.5])
def test_a_standing_target_is_reached_and_kept(far):
    """Also by a joint whose speed takes ten ticks to build up: without a limit cycle around the target."""
    drive = Drive(armed(MODEL, np.zeros(4), limits=loose(MODEL)), np.zeros(4))
    goal = np.array([far, abs(far), 2.0 * far, far])
    drive.ticks(80, goal)
    for command, _ in (drive.tick(goal) for _ in range(10)):
        assert np.abs(command.q - goal).max() < 1e-9
    assert drive.safety._shaper.lagging is None, "the cheap way again"
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
        _, verdict = drive.tick(goal)
        assert all(note.asked != note.given for note in verdict.interventions), "told is what was changed"
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


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_an_acceleration_is_told_from_the_speed_before(sign):
    """1 rad/s one way, then 2 rad/s the other way are asked for."""
    start = np.zeros(4)
    drive = Drive(armed(MODEL, start, limits=loose(MODEL)), start)
    for k in range(14):
        drive.tick(start + np.array((0.0, 0.0, 0.0, 0.02 * sign * k)))
    _, verdict = drive.tick(drive.sent[-1].q - np.array((0.0, 0.0, 0.0, 0.3 * sign)))
    told = {note.check: (note.asked, note.given) for note in verdict.interventions}
    assert told["velocity"] == pytest.approx((-15.0 * sign, -2.0 * sign))
    assert told["acceleration"] == pytest.approx((-150.0 * sign, -10.0 * sign))


# -- the cheap check ------------------------------------------------------------------------------------------------


def is_free(joint, want, at, step=0.0, pull=0.0, damping=0.0):
    """Whether `joint` may go to `want` from `at` after a step of `step` [rad], the others standing still.

    pull, damping: Torques of the spring and of the damper [N·m] there.
    """
    shaper, q = Shaper(SafetyLimits.from_model(MODEL), DT), 0.5 * (MODEL.lower + MODEL.upper)
    q[joint] = at
    shaper.seed(q)
    shaper.step[joint] = step
    wants, measured, dq = q.copy(), q.copy(), np.zeros(4)
    wants[joint], measured[joint], dq[joint] = want, want - pull / MODEL.kp[joint], damping / MODEL.kd[joint]
    return shaper._check.doubtful(wants, shaper.q, shaper.step, (measured, dq), (MODEL.kp, MODEL.kd)) is None


@pytest.mark.parametrize("joint", range(4))
@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize(("by", "free"), [(-1e-4, True), (1e-4, False)])
def test_the_cheap_check_at_its_limits(joint, sign, by, free):
    """Each limit by itself, just kept and just broken."""
    v, a, tau = MODEL.velocity[joint] * DT, MODEL.acceleration[joint] * DT * DT, 2.0 * MODEL.effort[joint]
    middle, end = 0.5 * (MODEL.lower + MODEL.upper)[joint], (MODEL.upper if sign > 0.0 else MODEL.lower)[joint]
    start = middle - sign * v * (1.0 + by)
    assert is_free(joint, middle, start, sign * v) is free, "speed"
    if a < v:
        assert is_free(joint, middle + sign * a * (1.0 + by), middle) is free, "acceleration"
        assert is_free(joint, middle + sign * 0.6 * a * (1.0 + by), middle, -sign * 0.4 * a) is free, "the way back"
        assert is_free(joint, middle, middle, sign * a * (1.0 + by)) is free, "to rest"
    step = 0.5 * min(v, a)
    there = end - sign * (0.5 * step * step / a - by * step)
    assert is_free(joint, there, there - sign * step, sign * step) is free, "a way to brake before the end"
    assert is_free(joint, middle, middle, pull=sign * tau * (1.0 + by)) is free, "torque"
    assert is_free(joint, middle, middle, damping=sign * tau * (1.0 + by)) is free, "torque of the damper"
    assert is_free(joint, middle, middle, pull=0.5 * sign * tau, damping=-0.5 * sign * tau * (1.0 + by)) is free, "of both"


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_target_that_moves_fast_is_caught_up_with(sign):
    """At a speed that the joint needs several ticks to reach, and to brake from."""
    start = np.array((0.0, 1.0, 0.0, -0.45 * sign))
    drive = Drive(armed(MODEL, start, limits=loose(MODEL)), start)
    for k in range(40):
        asked = start + np.array((0.0, 0.0, 0.0, 0.02 * sign * (k + 1)))
        command, _ = drive.tick(asked)
        assert k < 20 or command.q[3] == pytest.approx(asked[3], abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.05, 2.0), st.integers(0, 3))
def test_no_joint_depends_on_what_random_others_do(seed, size, joint):
    rng = np.random.default_rng(seed)
    start, others = np.zeros(4), np.arange(4) != joint
    together, alone = (Drive(armed(MODEL, start, limits=loose(MODEL)), start) for _ in range(2))
    goals = np.repeat(rng.normal(scale=size, size=(12, 4)), 5, axis=0)
    for goal in np.clip(goals, MODEL.lower, MODEL.upper):
        first, _ = together.tick(goal)
        second, _ = alone.tick(np.where(others, start, goal))
        assert first.q[joint] == pytest.approx(second.q[joint], abs=1e-9)


def test_a_joint_that_keeps_its_limits_is_exact_though_another_one_lags():
    start = np.zeros(4)
    drive = Drive(armed(MODEL, start, limits=loose(MODEL)), start)
    for k in range(60):
        asked = np.array((0.3 * np.sin(0.1 * k), 0.0, 0.0, 0.4 if k % 20 < 10 else -0.4))
        command, _ = drive.tick(asked)
        assert command.q[0] == asked[0]


# -- torque ---------------------------------------------------------------------------------------------------------

HIP = 0  # fast enough to go where it should within a tick


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(st.floats(-0.35, 0.35), st.floats(-0.01, 0.01), st.just(0.0)),
    st.floats(-8.0, 8.0),
    st.floats(20.0, 40.0),
    st.floats(0.5, 4.0),
)
def test_a_spring_pulls_as_hard_as_is_allowed_and_never_past_its_joint(e, dq, kp, kd):
    shaper, tau = Shaper(SafetyLimits.from_model(MODEL), DT), 2.0 * MODEL.effort[HIP]
    shaper.seed(MODEL.default)
    want, q, speed, kps, kds = MODEL.default.copy(), MODEL.default.copy(), np.zeros(4), MODEL.kp.copy(), MODEL.kd.copy()
    q[HIP], speed[HIP], kps[HIP], kds[HIP] = -e, dq, kp, kd
    with np.errstate(all="raise", under="ignore"):
        shaper.propose(want, (q, speed), (kps, kds))
    asked, given = kp * e - kd * dq, kp * (shaper.next[HIP] + e) - kd * dq
    if abs(asked) <= tau or asked * e <= 0.0:
        assert shaper.next[HIP] == 0.0, "nothing to relieve, or the damper does it"
    elif abs(kd * dq) > tau and asked * -dq > 0.0:
        assert shaper.next[HIP] == pytest.approx(-e, abs=1e-8), "no spring at all"
    else:
        assert given == pytest.approx(np.copysign(tau, asked), abs=1e-6)
    assert np.array_equal(shaper.next[1:], MODEL.default[1:])
