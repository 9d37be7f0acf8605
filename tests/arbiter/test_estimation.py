"""The estimator's parts, and that no finite reading makes it raise or tell what is no number."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbiter.estimation.contact_filter import ContactFilter, P, V
from arbiter.estimation.estimator import BaseEstimator
from arbiter.estimation.heading import Heading
from arbiter.estimation.leg_posture import Legs
from arbiter.estimation.orientation import Orientation
from arbiter.estimation.rotation import IDENTITY, rows_of, turned
from arbiter.estimation.sole_creep import SoleCreep
from arbiter.estimation.static_force import DAMPING, upward_force
from arbiter.types import Mode, RobotState, SafeCommand, frozen
from skills.contract import stick_figure

MODEL = stick_figure()
BODY = MODEL.known_body
DT = MODEL.dt


def command_of(q, kp=None) -> SafeCommand:
    return SafeCommand(0.0, q, MODEL.kp if kp is None else kp, MODEL.kd, Mode.RUN)


def test_soles_are_where_the_body_says():
    q = np.random.default_rng(0).uniform(MODEL.lower, MODEL.upper)
    assert np.allclose(Legs(BODY).at(q, np.zeros(MODEL.n), IDENTITY).corners, BODY.soles(q) - BODY.imu)


@pytest.mark.parametrize("foot", [0, 1])
def test_a_sole_creeps_with_the_acceleration_that_velocities_alone_give_it(foot):
    """The base turns about its origin, the leg's joints keep the sole where it is: against its second derivative."""
    rng, small, legs = np.random.default_rng(foot), 1e-4, Legs(BODY)
    q, w = rng.uniform(MODEL.lower, MODEL.upper), rng.standard_normal(3)
    posture, joints = legs.at(q, np.zeros(MODEL.n), IDENTITY), BODY.feet[foot].joints
    base = np.concatenate((np.cross(w, BODY.imu), w))
    dq = np.zeros(MODEL.n)
    dq[joints] = np.linalg.lstsq(posture.twists[-len(joints) :, foot].T, -base, rcond=None)[0]

    def middle(time: float) -> np.ndarray:
        half = 0.5 * time * w
        spun = rows_of(np.append(1.0, half) / np.linalg.norm(np.append(1.0, half)), 0.0)
        return np.array(spun) @ BODY.feet[foot].place(q + time * dq).mean(axis=0)

    creep = SoleCreep(BODY, legs.joints, 0.01)
    creep.look(posture, dq, tuple(w), IDENTITY)
    assert np.allclose((middle(small) - middle(-small)) / (2.0 * small), 0.0, atol=1e-6), "it stands still"
    expected = (middle(small) - 2.0 * middle(0.0) + middle(-small)) / small**2
    assert np.abs(expected[:2]).max() > 0.1
    assert creep.speeds[foot] == pytest.approx(tuple(0.01 * expected[:2]), abs=1e-5)


def test_the_force_on_a_foot_is_that_of_the_torques():
    """Virtual work: the torques of a force at the middle of the sole are its product with that point's derivatives."""
    q, force, legs = MODEL.default + 0.3, np.array((3.0, -5.0, 70.0)), Legs(BODY)
    torque, small = np.zeros(MODEL.n), 1e-6
    for foot in BODY.feet:
        for joint in foot.joints:
            step = small * (np.arange(MODEL.n) == joint)
            along = (foot.place(q + step).mean(axis=0) - foot.place(q - step).mean(axis=0)) / (2.0 * small)
            torque[joint] = -along @ force
    assert legs.at(q, torque, IDENTITY).forces == pytest.approx([70.0, 70.0], rel=0.01)


@given(seed=st.integers(0, 2**32 - 1), joints=st.integers(1, 8))
def test_the_upward_force_solves_the_damped_equations_of_any_leg(seed, joints):
    """Also of one whose joints leave some directions without a torque: then the equations alone have no solution."""
    rng = np.random.default_rng(seed)
    jacobian, torque = rng.standard_normal((6, joints)), rng.standard_normal(joints)
    normal, moments = jacobian @ jacobian.T, jacobian @ torque
    expected = np.linalg.solve(normal + DAMPING * np.eye(6), moments)[2]
    assert upward_force(np.column_stack((normal, moments)).tolist()) == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_a_foot_holds_the_position_and_covariances_stay_covariances():
    rng, held, free = np.random.default_rng(1), ContactFilter(2), ContactFilter(2)
    for k in range(500):
        for one in (held, free):
            one.predict(tuple(0.1 * rng.standard_normal(3)), DT)
        held.stand(k // 50 % 2, tuple(0.002 * rng.standard_normal(3)), 1.0, DT)
        held.lift(1 - k // 50 % 2)
    spread, loose = np.array(held.covariance), np.array(free.covariance)
    assert np.allclose(spread, spread.T, atol=1e-9) and np.linalg.eigvalsh(spread).min() > -1e-9
    assert spread[P, P] < 0.03**2 < loose[P, P] and spread[V, V] < 0.02**2 < loose[V, V]
    assert abs(held.x[0][P]) < 3.0 * spread[P, P] ** 0.5


@pytest.mark.parametrize("drift", [0.0, 0.009, -0.02])
def test_a_heading_that_drifts_at_rest_is_corrected_in_motion(drift):
    rng, heading = np.random.default_rng(2), Heading(0.5)
    for k in range(500):
        heading.step(0.5 + drift * k * DT + 0.004 * rng.standard_normal(), k > 150, DT)
    for k in range(500, 1000):  # ten seconds of a turn at 0.3 rad/s
        heading.step(0.5 + drift * k * DT + 0.3 * (k - 500) * DT + 0.004 * rng.standard_normal(), False, DT)
    assert heading.angle == pytest.approx(0.3 * 499 * DT, abs=0.025) and heading.variance**0.5 < 0.02


def angle_between(one, other) -> float:
    """[rad]."""
    return 2.0 * np.arccos(min(1.0, abs(float(np.dot(one, other)))))


def test_an_orientation_that_knows_how_it_turned_is_less_noisy():
    """A trunk that rolls by 10 degrees, by a gyroscope with a bias, against its true orientation."""
    rng, filtered, true, off = np.random.default_rng(3), Orientation(), (1.0, 0.0, 0.0, 0.0), []
    for k in range(1500):
        rate = np.array((1.5 * np.cos(6.0 * k * DT), 0.4 * np.sin(9.0 * k * DT), 0.3))
        true = turned(true, tuple(DT * rate))
        read = turned(true, tuple(0.004 * rng.standard_normal(3)))
        told = rate + (0.01, -0.02, 0.005) + 0.01 * rng.standard_normal(3)
        found = filtered.step(read, tuple(told), DT if k else 0.0)
        off.append((angle_between(read, true), angle_between(found, true)))
    raw, smooth = np.sqrt(np.mean(np.square(off[200:]), axis=0))
    assert smooth < 0.4 * raw


def trusted(step: float) -> float:
    """The share of what a reading is off by that an orientation read every `step` [s] takes from it, once it has settled."""
    filtered, still = Orientation(), (1.0, 0.0, 0.0, 0.0)
    for _ in range(round(60.0 / step)):
        filtered.step(still, (0.0, 0.0, 0.0), step)
    return angle_between(filtered.step(turned(still, (0.004, 0.0, 0.0)), (0.0, 0.0, 0.0), step), still) / 0.004


def test_the_longer_a_gyroscope_turned_alone_the_more_a_reading_is_trusted():
    """Its noise grows with the time: over four times as long a rotation is twice as wrong, and the share nearly doubles."""
    assert trusted(DT) == pytest.approx(0.095, abs=0.003)
    assert trusted(4.0 * DT) == pytest.approx(0.182, abs=0.005) and trusted(0.5 * DT) == pytest.approx(0.068, abs=0.003)


def test_an_orientation_without_a_rotation_or_after_a_gap_is_what_was_read():
    filtered, quat = Orientation(), (1.0, 0.0, 0.0, 0.0)
    for k in range(10):
        filtered.step(quat, (0.0, 0.0, 0.0), DT if k else 0.0)
    close = turned(quat, (0.004, 0.0, 0.0))
    assert angle_between(filtered.step(close, (0.0, 0.0, 0.0), DT), quat) < 0.0035
    for rate, step in ((None, DT), ((0.0, 0.0, 0.0), 0.5), ((0.0, 0.0, 0.0), -1.0)):
        assert filtered.step(close, rate, step) == close
    far = turned(quat, (0.3, 0.0, 0.0))
    assert filtered.step(far, (0.0, 0.0, 0.0), DT) == far, "it was turned and readings are missing"


@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.floats(0.0, 40.0),
    steps=st.lists(st.sampled_from((DT, DT, DT, 0.05, 0.3, -1.0, 0.0)), max_size=40),
)
def test_whatever_a_gyroscope_tells_the_orientation_stays_near_what_was_read(seed, size, steps):
    rng, filtered, quat = np.random.default_rng(seed), Orientation(), (1.0, 0.0, 0.0, 0.0)
    for step in steps:
        quat = turned(quat, tuple(0.01 * size * rng.standard_normal(3)))
        rate = tuple(size * rng.standard_normal(3)) if rng.random() < 0.9 else None
        found = filtered.step(quat, rate, step)
        assert np.linalg.norm(found) == pytest.approx(1.0) and angle_between(found, quat) < 0.05


def reading(k: int, q, quat=(1.0, 0.0, 0.0, 0.0), **changes) -> RobotState:
    zeros = frozen(np.zeros(MODEL.n))
    values = {"joint_vel": zeros, "joint_age": zeros, "acceleration": frozen((0.0, 0.0, 9.81))} | changes
    vel, age, force = values.pop("joint_vel"), values.pop("joint_age"), values.pop("acceleration")
    return RobotState(k * DT, frozen(q), vel, frozen(quat), frozen(np.zeros(3)), age, acceleration=force, **values)


def test_before_a_foot_carries_it_is_not_trusted():
    estimator = BaseEstimator(MODEL)
    for k in range(20):
        found = estimator.step(reading(k, MODEL.default))
        estimator.sent(command_of(MODEL.default, kp=0.0 * MODEL.kp))
    assert found.doubt == "no foot has carried it yet" and not found.trusted and not found.position.any()


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.floats(0.0, 3.0),
    ages=st.lists(st.tuples(st.floats(0.0, 0.3), st.floats(0.0, 0.3)), min_size=1, max_size=6),
    steps=st.lists(st.sampled_from((0.0, 0.02, 0.02, 0.02, 0.3, -5.0)), min_size=5, max_size=30),
)
def test_whatever_is_finite_makes_finite_estimates(seed, size, ages, steps):
    rng, estimator, stamp = np.random.default_rng(seed), BaseEstimator(replace(MODEL, creep=0.05)), 0.0
    for k, step in enumerate(steps):
        stamp += step
        quat = np.array((1.0, 0.0, 0.0, 0.0)) + 0.3 * size * rng.standard_normal(4)
        joints, imu = ages[k % len(ages)]
        state = RobotState(
            stamp,
            frozen(size * rng.standard_normal(MODEL.n)),
            frozen(10.0 * size * rng.standard_normal(MODEL.n)),
            frozen(quat / np.linalg.norm(quat)),
            frozen(10.0 * size * rng.standard_normal(3)),
            frozen(np.where(rng.random(MODEL.n) < 0.2, joints, 0.0)),
            imu,
            acceleration=frozen(30.0 * size * rng.standard_normal(3)) if rng.random() < 0.8 else None,
            mean_ang_vel=frozen(10.0 * size * rng.standard_normal(3)) if rng.random() < 0.8 else None,
        )
        found = estimator.step(state)
        estimator.sent(command_of(state.joint_pos + 0.5 * rng.standard_normal(MODEL.n), kp=100.0 * MODEL.kp))
        numbers = np.concatenate((found.position, found.velocity, (found.heading,), found.covariance.ravel()))
        assert np.isfinite(numbers).all() and (found.covariance.diagonal() >= 0.0).all()
        assert np.isfinite(found.deviations).all()
