"""Whatever is thrown at the layer: it never raises, never warns, never sends what breaks a limit."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from arbiter.safety import Safety, is_safe
from arbiter.types import JointTarget, Mode, RobotState
from tests.safety_rig import DT, Drive, armed, check_limits, reading, small_model, target

MODEL = small_model()
N = MODEL.n
NAN, INF = float("nan"), float("inf")


class Hostile:
    """Raises whatever is done to it."""

    def __getattr__(self, name):
        raise RuntimeError(name)

    __len__ = __iter__ = __float__ = __array__ = __eq__ = __str__ = __repr__ = __getattr__
    __hash__ = None


class Words(list):
    """Something that only looks like a list."""


def unset(kind):
    """A record whose fields were never set."""
    return object.__new__(kind)


VALUES = [NAN, INF, -INF, 1e308, -1e308, 5e-324, 0.0, 1.0, -3.0]
ODD = [
    None,
    3,
    "text",
    [0.0] * N,
    (),
    {},
    Hostile(),
    np.zeros(N + 1),
    np.zeros((N, 1)),
    np.zeros(0),
    np.array(1.0),
    np.array([None] * N),
    np.array(["a"] * N),
    np.zeros(N, complex),
    np.ma.masked_all(N),
    np.zeros(N, bool),
    np.full(N, 1e4000, np.longdouble) if np.finfo(np.longdouble).max > 1e308 else None,
    np.zeros(N, np.float32),
    np.zeros(N, ">f8"),
    np.zeros(N, np.int8),
    np.full(N, np.iinfo(np.uint64).max, np.uint64),
]


def pick(values):
    """One of values that hypothesis itself had better not touch."""
    return st.integers(0, len(values) - 1).map(lambda i: values[i])


array = st.lists(st.one_of(st.sampled_from(VALUES), st.floats(-4.0, 4.0)), min_size=N, max_size=N).map(np.array)
piece = st.one_of(array, array, array, pick(ODD))
mask = pick([np.ones(N, bool), np.ones(N, bool), np.zeros(N, bool), np.ones(N), np.ones(3, bool), None])
targets = st.one_of(
    st.builds(JointTarget, piece, piece, piece, mask),
    pick([*ODD, unset(JointTarget)]),
    array.map(lambda q: target(MODEL, q)),
    array.map(lambda q: target(MODEL, q)),
)
number = st.one_of(st.floats(-1.0, 3.0), pick([*VALUES, None, "now", 10**400, True, np.float64(0.1), Hostile()]))
quat = st.one_of(
    st.just(np.array((1.0, 0.0, 0.0, 0.0))), st.lists(st.sampled_from(VALUES), min_size=4, max_size=4).map(np.array), pick(ODD)
)
states = st.one_of(
    st.builds(
        RobotState,
        number,
        piece,
        piece,
        quat,
        piece,
        piece,
        number,
        number,
        pick([(), (), ("can0: bus off",), None, (Hostile(),), ["x"]]),
    ),
    pick([*ODD, unset(RobotState)]),
    st.just("good"),
    st.just("good"),
    st.just("good"),
)
owners = pick(
    [
        ("walk",) * N,
        ("walk", "walk", "wave", "wave"),
        ["stand"] * N,
        None,
        (),
        (None,) * N,
        [Hostile()] * N,
        Words("abcd"),
        "walk",
        ([],) * N,
    ]
)
clocks = st.one_of(st.just("tick"), st.just("tick"), st.just("tick"), number)


@settings(max_examples=80, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(st.lists(st.tuples(targets, owners, states, clocks), min_size=1, max_size=25), st.booleans())
def test_never_raises_and_never_breaks_a_limit(calls, collides):
    find = (lambda q: [("arm_shoulder", "base")] if q[2] > 0.1 else []) if collides else None
    safety = armed(MODEL, collision=find)
    sent, t = [], 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for asked, names, state, clock in calls:
            t += DT
            state = reading(MODEL, t, safety._shaper.q) if isinstance(state, str) and state == "good" else state
            now = t if isinstance(clock, str) and clock == "tick" else clock
            command, verdict = safety.filter(asked, names, state, now)
            assert is_safe(command) and verdict.mode is safety.mode
            assert type(command.stamp) in (float, int, np.float64)
            sent.append(command)
    check_limits(MODEL, MODEL.default, sent)
    for (check, joint, policy), count in safety.counts.items():
        assert check in ("finite", "shape", "age", "mode", "position", "velocity", "acceleration", "torque", "collision", "gain")
        assert joint in ("", *MODEL.joints) and isinstance(policy, str) and count > 0


@pytest.mark.parametrize("value", [NAN, INF, -INF])
@pytest.mark.parametrize("row", ["q", "kp", "kd"])
def test_what_is_not_finite_is_refused_and_charged(value, row):
    drive = Drive(armed(MODEL))
    good, _ = drive.ticks(20, MODEL.default + 0.05)
    rows = {"q": MODEL.default + 0.06, "kp": MODEL.kp.copy(), "kd": MODEL.kd.copy()}
    rows[row] = rows[row].copy()
    rows[row][1] = value
    command, verdict = drive.tick(rows["q"], kp=rows["kp"], kd=rows["kd"])
    assert verdict.mode is Mode.HOLD
    assert verdict.reason == "walk asked for what is not a finite number"
    assert np.abs(command.q - good.q).max() < 1e-9 and np.array_equal(command.kp, good.kp)
    assert [(i.check, i.joint, i.policy) for i in verdict.interventions] == [("finite", "leg_knee_joint", "walk")]
    assert drive.safety.counts["finite", "leg_knee_joint", "walk"] == 1
    command, verdict = drive.tick(MODEL.default + 0.06)
    assert verdict.mode is Mode.RUN and np.allclose(command.q[:3], MODEL.default[:3] + 0.06)


def test_one_policys_nan_does_not_stop_the_others():
    drive = Drive(armed(MODEL), owners=("walk", "walk", "wave", "wave"))
    asked = MODEL.default + 0.05
    asked[3] = NAN
    command, verdict = drive.tick(asked)
    assert np.allclose(command.q[:2], asked[:2]) and np.allclose(command.q[2:], MODEL.default[2:])
    assert {i.policy for i in verdict.interventions} == {"wave"}
    assert verdict.mode is Mode.HOLD and "wave asked" in verdict.reason


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (None, "the target is NoneType; a JointTarget is expected"),
        (JointTarget(np.zeros(3), MODEL.kp, MODEL.kd, np.ones(N, bool)), "q has shape (3,); (4,) is expected"),
        (JointTarget([0.0] * N, MODEL.kp, MODEL.kd, np.ones(N, bool)), "q is list; an array of shape (4,) is expected"),
        (JointTarget(np.zeros(N), np.zeros(N, object), MODEL.kd, np.ones(N, bool)), "kp holds object; real numbers are expected"),
        (JointTarget(np.zeros(N), MODEL.kp, MODEL.kd, np.zeros(N, bool)), "joints is not a mask that is true for every joint"),
    ],
)
def test_a_wrong_shape_is_refused_with_the_reason(asked, why):
    drive = Drive(armed(MODEL), owners=("walk", "walk", "wave", "wave"))
    command, verdict = drive.tick(None, state=reading(MODEL, DT)) if asked is None else drive.tick(asked)
    assert verdict.mode is Mode.HOLD and why in verdict.reason
    assert np.allclose(command.q, MODEL.default)
    assert [(i.check, i.joint, i.policy) for i in verdict.interventions] == [("shape", "", "walk"), ("shape", "", "wave")]


def test_positions_and_gains_are_clamped_and_told():
    drive = Drive(armed(MODEL))
    asked = MODEL.default.copy()
    asked[1] = -0.5
    kp, kd = MODEL.kp.copy(), MODEL.kd.copy()
    kp[0], kd[2] = 1e6, -1.0
    command, verdict = drive.tick(asked, kp=kp, kd=kd)
    assert command.kp[0] == 2.0 * MODEL.kp[0] and command.kd[2] == 0.0
    told = {(i.check, i.joint): (i.asked, i.given) for i in verdict.interventions}
    assert told["position", "leg_knee_joint"] == (-0.5, 0.0)
    assert told["gain", "leg_hip_joint"] == (1e6, 40.0) and told["gain", "arm_shoulder_joint"] == (-1.0, 0.0)
    assert verdict.mode is Mode.RUN


def test_interventions_carry_the_unit_of_their_check():
    drive = Drive(armed(MODEL))
    asked = MODEL.default.copy()
    asked[0], asked[3] = 0.9, 0.4  # 45 rad/s of the hip, 20 rad/s and 1000 rad/s² of the elbow
    _, verdict = drive.tick(asked)
    told = {(i.check, i.joint): (i.asked, i.given) for i in verdict.interventions}
    assert told["velocity", "leg_hip_joint"] == pytest.approx((45.0, 20.0))
    assert told["velocity", "arm_elbow_joint"] == pytest.approx((20.0, 2.0))
    assert told["acceleration", "arm_elbow_joint"] == pytest.approx((100.0, 10.0))


@pytest.mark.parametrize("direction", [-1.0, 1.0])
def test_the_torque_that_a_target_implies_is_bounded(direction):
    """A joint that is held back: its target may not run away from it, and pulls as hard as is allowed."""
    stuck = MODEL.default + np.array((0.0, 0.6, 0.0, 0.0))  # with room on both sides
    drive = Drive(armed(MODEL, stuck), stuck)
    factor = drive.safety.limits.torque_factor
    for _ in range(40):
        drive.measured = stuck.copy()
        command, verdict = drive.tick(stuck + direction * np.array((0.9, 0.9, 1.9, 0.0)))
    pull = command.kp * (command.q - stuck)
    assert pull[:3] == pytest.approx(direction * factor * MODEL.effort[:3], abs=1e-6)
    told = [i for i in verdict.interventions if i.check == "torque"]
    assert [i.joint for i in told] == list(MODEL.joints[:3])
    assert told[0].asked == pytest.approx(direction * 18.0) and told[0].given == pytest.approx(direction * factor * 6.0)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_torque_never_pushes_harder_than_asked(seed):
    """The window moves a target towards its joint, never past it and never away."""
    rng = np.random.default_rng(seed)
    drive = Drive(armed(MODEL))
    q, dq = MODEL.default.copy(), np.zeros(N)
    for _ in range(40):
        was, dq = dq, np.clip(dq + rng.normal(scale=3.0, size=N), -10.0, 10.0)
        dq = np.where(q < MODEL.lower, np.abs(dq), np.where(q > MODEL.upper, -np.abs(dq), dq))
        q = q + 0.5 * DT * (was + dq)
        state = reading(MODEL, drive.t + DT, q, joint_vel=dq)
        asked = rng.uniform(MODEL.lower, MODEL.upper)
        command, verdict = drive.tick(asked, state=state)
        for note in verdict.interventions:
            if note.check == "torque":
                assert abs(note.given) < abs(note.asked) or note.given * note.asked < 0.0
        clamped = {i.joint for i in verdict.interventions}
        free = [i for i, joint in enumerate(MODEL.joints) if joint not in clamped]
        assert np.abs(command.q[free] - asked[free]).max(initial=0.0) < 1e-9


def test_an_unarmed_layer_only_damps():
    safety = Safety(MODEL)
    for k in range(5):
        command, verdict = safety.filter(target(MODEL, MODEL.upper), ("walk",) * N, reading(MODEL, k * DT), k * DT)
        assert command.mode is verdict.mode is Mode.PASSIVE and verdict.reason == "not armed"
        assert not command.kp.any() and np.array_equal(command.kd, MODEL.kd) and np.allclose(command.q, MODEL.default)
    assert not safety.armed and not safety.counts


@pytest.mark.parametrize(("stamp", "q"), [(NAN, NAN), (NAN, 0.1), (-2e7, 0.1), (-1e13, NAN)])
def test_a_first_reading_that_nothing_dates_is_none(stamp, q):
    """Not the default posture with ages that are not numbers: nothing was measured."""
    layer, base = Safety(MODEL), reading(MODEL, 0.0)
    values = np.full(N, q)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first = layer.believe(replace(base, stamp=stamp, joint_pos=values, joint_vel=values), 0.0)
        if first is not None:  # what differs from nothing is news, a tick old
            assert np.array_equal(first.joint_pos, values) and np.isfinite(first.joint_age).all() and np.isfinite(first.stamp)
        else:
            assert layer.arm() in ("no reading was taken yet", "the reading's stamp is not a finite number")
        for k in range(1, 4):
            good = layer.believe(reading(MODEL, k * DT, q=np.full(N, 0.2)), k * DT)
        assert np.array_equal(good.joint_pos, np.full(N, 0.2)) and layer.arm() == ""
