"""Blends: continuous at the switch and when interrupted, exact at the end, never NaN."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbiter.errors import ConfigError
from arbiter.handover.blend import SHARE, SHORTEST, Blend, blend_time, offset_decay, velocity_decay
from tests.safety_rig import DT, small_model

MODEL = small_model()
N = MODEL.n
ALL = np.ones(N, bool)
KINDS = ("inertial", "crossfade")
A = MODEL.acceleration * DT * DT


class Line:
    """A target that moves at a constant velocity [rad/s] from `q0` [rad]."""

    def __init__(self, q0, velocity=0.0):
        self.q0, self.velocity = np.full(N, q0) if np.isscalar(q0) else np.asarray(q0), np.broadcast_to(velocity, N)

    def __call__(self, t):
        return self.q0 + self.velocity * t


def target(q, kp=MODEL.kp, kd=MODEL.kd):
    """What a policy asks for, shape (3, n)."""
    return np.stack((q, kp, kd))


def play(blend, line, ticks, t, kp=MODEL.kp, kd=MODEL.kd, switch=None):
    """`ticks` outputs [rad], shape (ticks, n), from time `t` [s] on; `switch`: joints that change hands at the first."""
    out = []
    for k in range(ticks):
        now = t + k * DT
        if k == 0 and switch is not None:
            blend.start(switch, target(line(now), kp, kd), now)
        out.append(blend.apply(target(line(now), kp, kd), now))
    return out


def seeded(kind, line, ticks=8, longest=0.3):
    blend = Blend(MODEL, kind, longest)
    blend.seed(line(-DT))
    return blend, [one.q for one in play(blend, line, ticks, 0.0)]


def test_the_quintics_have_the_ends_and_peaks_that_are_claimed():
    s = np.linspace(0.0, 1.0, 20001)
    ds = s[1]
    for decay, start, slope in ((offset_decay, 1.0, 0.0), (velocity_decay, 0.0, 1.0)):
        y = decay(s)
        v, a = np.gradient(y, ds), np.gradient(np.gradient(y, ds), ds)
        assert y[0] == start and abs(y[-1]) < 1e-12
        assert v[0] == pytest.approx(slope, abs=1e-3) and v[-1] == pytest.approx(0.0, abs=1e-6)
        assert a[3] == pytest.approx(0.0, abs=0.02) and a[-4] == pytest.approx(0.0, abs=0.02)
    assert np.abs(np.diff(offset_decay(s)) / ds).max() == pytest.approx(1.875, abs=1e-3)
    assert np.abs(np.diff(offset_decay(s), 2) / ds**2).max() == pytest.approx(5.7736, abs=1e-3)
    assert np.abs(np.diff(velocity_decay(s), 2) / ds**2).max() == pytest.approx(3.9395, abs=1e-3)
    assert (np.diff(offset_decay(s)) <= 0.0).all()


def test_the_time_grows_with_the_offset_within_its_bounds():
    v, a = np.array([8.0]), np.array([200.0])
    times = [blend_time(np.array([x]), np.zeros(1), v, a, 0.3)[0] for x in (0.0, 0.1, 0.3, 0.5, 3.0)]
    assert times[0] == SHORTEST and times[-1] == 0.3 and times == sorted(times) and 0.1 < times[2] < 0.3
    assert times[2] == pytest.approx(1.875 * 0.3 / (SHARE * 8.0))
    weak = blend_time(np.array([0.1]), np.zeros(1), v, np.array([20.0]), 0.3)[0]
    assert weak == pytest.approx(np.sqrt(5.7736 * 0.1 / (SHARE * 20.0)))
    assert blend_time(np.zeros(1), np.array([5.0]), v, a, 0.3)[0] == pytest.approx(3.9395 * 5.0 / (SHARE * 200.0))
    assert blend_time(np.array([3.0]), np.zeros(1), v, a, 0.05)[0] == 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_output_goes_on_where_the_last_one_was_heading(kind):
    blend, before = seeded(kind, Line(0.0, (2.0, -1.0, 0.5, 0.1)))
    after = play(blend, Line(0.4), 1, 8 * DT, switch=ALL)[0].q
    assert after - before[-1] == pytest.approx(before[-1] - before[-2], abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_the_end_is_the_new_target_to_the_last_bit(kind):
    blend, _ = seeded(kind, Line(0.0, 1.0))
    line = Line(0.3, (0.5, -0.5, 0.2, 0.0))
    out = play(blend, line, 40, 8 * DT, switch=ALL)
    first = next(k for k in range(40) if not blend_active_at(kind, line, k))
    assert 0.1 / DT <= first <= 0.3 / DT + 1
    for k in range(first, 40):
        assert np.array_equal(out[k].q, line(8 * DT + k * DT))
        assert np.array_equal(out[k].kp, MODEL.kp) and np.array_equal(out[k].kd, MODEL.kd)
    assert not blend.active.any() and np.array_equal(blend.output, out[-1].q)


def blend_active_at(kind, line, k):
    blend, _ = seeded(kind, Line(0.0, 1.0))
    play(blend, line, k + 1, 8 * DT, switch=ALL)
    return blend.active.any()


def test_the_new_policy_runs_at_once_under_inertialisation():
    """What it does from tick to tick is added in full from the first tick on; a cross-fade lets in a part."""
    moves = {}
    for kind in KINDS:
        outs = []
        for wiggle in (0.0, 0.05):
            blend, _ = seeded(kind, Line(0.0))
            blend.start(ALL, target(np.full(N, 0.3)), 0.2)
            blend.apply(target(np.full(N, 0.3)), 0.2)
            outs.append(blend.apply(target(np.full(N, 0.3 + wiggle)), 0.2 + DT).q)
        moves[kind] = outs[1] - outs[0]
    assert moves["inertial"] == pytest.approx(0.05)
    assert (moves["crossfade"] < 0.02).all()


@pytest.mark.parametrize("kind", KINDS)
def test_gains_move_between_the_old_and_the_new(kind):
    blend, _ = seeded(kind, Line(0.0))
    kp, kd = 2.0 * MODEL.kp, 0.5 * MODEL.kd
    out = play(blend, Line(0.2), 20, 0.2, kp, kd, switch=ALL)
    gains = np.array([[target.kp[0], target.kd[0]] for target in out])
    assert gains[0] == pytest.approx((MODEL.kp[0], MODEL.kd[0])) and gains[-1] == pytest.approx((kp[0], kd[0]))
    assert (np.diff(gains[:, 0]) >= -1e-12).all() and (np.diff(gains[:, 1]) <= 1e-12).all()
    assert np.abs(np.diff(gains[:, 0])).max() < 0.5 * MODEL.kp[0]


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_joints_of_the_mask_are_blended(kind):
    blend, _ = seeded(kind, Line(0.0))
    mask = np.array((True, True, False, False))
    out = play(blend, Line(0.3), 2, 0.2, switch=mask)
    assert (out[0].q[:2] < 0.01).all() and (out[0].q[2:] == 0.3).all()
    assert blend.active.tolist() == mask.tolist()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(KINDS))
def test_switches_at_any_time_are_continuous_in_position_and_velocity(seed, kind):
    """Also in the middle of another blend: no step changes by more than the acceleration that was left for it."""
    rng = np.random.default_rng(seed)
    line = Line(rng.uniform(-0.5, 0.5, N), 0.4 * rng.uniform(-1, 1, N))
    blend, before = seeded(kind, line)
    outputs = list(before)
    t = 8 * DT
    for _ in range(6):
        mask = rng.random(N) < 0.7
        old, line = line, Line(np.zeros(N), 0.4 * rng.uniform(-1, 1, N))
        line.q0 = np.where(mask, rng.uniform(-0.5, 0.5, N), old(t)) - line.velocity * t
        line.q0, line.velocity = np.where(mask, line.q0, old.q0), np.where(mask, line.velocity, old.velocity)
        ticks = int(rng.integers(1, 20))
        for target in play(blend, line, ticks, t, switch=mask):
            outputs.append(target.q)
        t += ticks * DT
    step = np.diff(np.array(outputs), axis=0)
    assert np.isfinite(step).all()
    assert (np.abs(step[0]) <= 0.4 * DT + 1e-9).all()
    change = np.abs(np.diff(step, axis=0))
    # The elbow may not: 10 rad/s² do not move it by half a radian within 0.3 s. The safety layer slows it down.
    assert (change[:, :3] <= 1.6 * A[:3] + 0.8 * DT).all()
    # Where the longest blend is too short for what is left of the one before it, a joint may go faster than its limit (in 22 of
    # 5000 draws, by 18 % at most): the safety layer slows it down, too.
    assert (np.abs(step[:, :3]) <= 1.25 * MODEL.velocity[:3] * DT).all()


@pytest.mark.parametrize("kind", KINDS)
def test_momentum_is_that_of_the_movement_not_of_its_jitter(kind):
    """An RL policy's targets jump from tick to tick; extrapolating the last jump would throw the limb."""
    rng = np.random.default_rng(0)
    blend = Blend(MODEL, kind)
    blend.seed(np.zeros(N))
    for k in range(20):
        blend.apply(target(rng.normal(scale=0.1, size=N)), k * DT)
    last = blend.output.copy()
    out = [target.q[0] for target in play(blend, Line(last), 20, 20 * DT, switch=ALL)]
    assert np.abs(np.array(out) - last[0]).max() < 0.1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_passes_through_but_stays_out_of_the_memory(kind, value):
    blend, _ = seeded(kind, Line(0.1))
    bad = np.full(N, 0.1)
    bad[1] = value
    blend.start(ALL, target(bad), 0.2)
    out = blend.apply(target(bad), 0.2)
    assert not np.isfinite(out.q[1]) and np.isfinite(np.delete(out.q, 1)).all()
    assert np.isfinite(blend.output).all() and np.isfinite(blend.velocity).all() and blend.output[1] == 0.1
    good = np.full(N, 0.4)
    out = [blend.apply(target(good), 0.2 + DT * (k + 1)) for k in range(20)]
    assert np.isfinite([target.q for target in out]).all()
    assert abs(out[0].q[1] - 0.1) < 1e-9  # blended in, not jumped to
    assert np.array_equal(out[-1].q, good)


def test_a_known_velocity_of_the_new_target_is_met():
    blend, before = seeded("inertial", Line(0.0, 0.5))
    line = Line(0.1, 0.5)
    now = 8 * DT
    blend.start(ALL, target(line(now)), now, dq=np.full(N, 0.5))
    out = [before[-1]] + [blend.apply(target(line(now + k * DT)), now + k * DT).q for k in range(20)]
    assert np.abs(np.diff(out, axis=0)[0] - 0.5 * DT).max() < 1e-9
    assert np.array_equal(out[-1], line(now + 19 * DT))


def test_targets_are_full_read_only_and_not_shared():
    blend, _ = seeded("inertial", Line(0.0))
    q = np.full(N, 0.1)
    first = blend.apply(target(q), 0.2)
    q[:] = 9.0
    assert first.joints.all() and first.q.tolist() == [0.1] * N
    with pytest.raises(ValueError, match="read-only"):
        first.q[0] = 1.0


def test_wrong_settings_are_refused():
    with pytest.raises(ConfigError, match="blend 'linear' is not known; there are: inertial, crossfade"):
        Blend(MODEL, "linear")
    for wrong in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match="a finite number above 0 is"):
            Blend(MODEL, "inertial", wrong)
