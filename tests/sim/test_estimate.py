"""The estimate of where the base is, with noise and delays like those of the real robot, against the simulation's truth."""

from __future__ import annotations

from dataclasses import replace

import mujoco
import numpy as np
import pytest

from arbiter.estimation.estimator import BaseEstimator
from arbiter.types import RobotState, frozen
from deploy.drivers.simulated.scene import Scene, add_floor
from deploy.drivers.simulated.senses import Noise
from deploy.runtime.bodies import SENSOR_NOISE
from tests.estimate_rig import DT, MODEL, STILL, Walk

FORWARD = (0.35, 0.0, 0.0)


@pytest.mark.parametrize(
    ("velocity", "friction", "late"),
    [(FORWARD, 1.0, 0.004), ((-0.25, 0.0, 0.0), 0.7, 0.0), ((0.0, 0.15, 0.0), 0.5, 0.004), ((0.3, 0.0, 0.5), 1.2, 0.0)],
)
def test_it_knows_how_far_the_robot_walked(velocity, friction, late):
    walk = Walk(scene=Scene(balls={}, friction=friction), late=late).go(velocity, 6.0).go(STILL, 1.0)
    found = walk.errors()
    assert found.way > 0.5 and found.miss < 0.06 * found.way + 0.02 and found.velocity < 0.03 and abs(found.heading) < 0.03
    assert all(one.trusted for one in walk.found[10:])
    assert abs(walk.found[-1].position[2] - (walk.truth[-1, 2] - walk.truth[10, 2])) < 0.01
    deviation, speed, angle = walk.found[-1].deviations
    assert found.miss < 3.0 * deviation < 0.3 and speed < 0.05 and angle < 0.05


def test_the_creep_of_loaded_soles_is_known_once_it_is_calibrated():
    walk = Walk(noise=Noise()).go((0.0, 0.15, 0.0), 6.0).go((-0.25, 0.0, 0.0), 6.0).go(STILL, 1.0)
    plain = BaseEstimator(replace(MODEL, creep=0.0))
    told = []
    for reading, command in zip(walk.readings, walk.commands, strict=True):
        told.append(plain.step(reading).position[0])
        plain.sent(command)
    without, found = told[-1] - told[25] - (walk.truth[-1, 0] - walk.truth[25, 0]), walk.errors().end[0]
    assert without > 0.015 and abs(found) < 0.5 * without


def bumps(spec: mujoco.MjSpec, friction: float) -> None:
    """A floor full of boxes of up to 1.5 cm."""
    add_floor(spec, friction)
    rng = np.random.default_rng(0)
    for _ in range(150):
        spec.worldbody.add_geom(
            type=mujoco.mjtGeom.mjGEOM_BOX,
            size=[0.06, 0.06, 0.015 * rng.uniform(0.3, 1.0)],
            pos=[rng.uniform(0.3, 4.0), rng.uniform(-1.0, 1.0), 0.0],
            contype=1,
            conaffinity=0,
            friction=[friction, 0.005, 0.0001],
            priority=1,
        )


def test_a_floor_need_not_be_flat(monkeypatch):
    monkeypatch.setattr("deploy.drivers.simulated.scene.add_floor", bumps)
    walk = Walk(scene=Scene(balls={}), late=0.004).go(FORWARD, 6.0).go(STILL, 1.0)
    found = walk.errors()
    assert np.ptp(walk.truth[:, 2]) > 0.02, "it goes up and down"
    assert found.way > 1.5 and found.miss < 0.06 * found.way + 0.02 and found.velocity < 0.03
    assert all(one.trusted for one in walk.found[10:])


def test_pushes_are_felt():
    walk = Walk(seed=2).go(FORWARD, 2.0).go(FORWARD, 2.0, push=(0.0, 0.4, 0.0)).go(FORWARD, 2.0, push=(-0.3, 0.0, 0.0))
    found = walk.go(STILL, 1.0).errors()
    assert found.miss < 0.06 * found.way + 0.02 and found.velocity < 0.03


def test_joints_a_whole_tick_older_than_the_imu_are_brought_to_one_moment_with_it():
    told: list[RobotState] = []

    def delayed(state: RobotState) -> RobotState:
        told.append(state)
        before = told[max(0, len(told) - 2)]
        return replace(state, joint_pos=before.joint_pos, joint_vel=before.joint_vel, joint_age=frozen(np.full(MODEL.n, DT)))

    walk = Walk().go(FORWARD, 4.0, delayed).go(STILL, 1.0, delayed)
    found = walk.errors()
    assert found.miss < 0.08 * found.way + 0.02 and found.velocity < 0.04 and walk.found[-1].trusted
    two = delayed(replace(told[-1], stamp=told[-1].stamp + DT))
    assert "ms apart" in walk.estimator.step(replace(two, joint_age=frozen(np.full(MODEL.n, 2.5 * DT)))).doubt


def test_a_drift_of_the_imus_heading_is_found_at_rest():
    noise = replace(SENSOR_NOISE, ang_vel_bias=0.01)
    walk = Walk(seed=2, noise=noise).go(STILL, 11.0)
    assert abs(np.mean([one.base_ang_vel[2] for one in walk.readings[100:600]])) > 0.008, "this IMU drifts"
    walk.go(FORWARD, 5.0).go(STILL, 1.0)
    assert abs(walk.errors(since=580).heading) < 0.03


def test_a_robot_that_is_carried_says_so_and_comes_back():
    walk = Walk().go(FORWARD, 2.0).go(STILL, 1.0)
    before = walk.found[-1]
    walk.robot.hang()
    walk.go(STILL, 4.0, hold=True)
    assert walk.found[-1].doubt == "no foot carries it" and np.abs(walk.found[-1].velocity).max() < 0.3
    assert walk.found[-1].deviations[0] > before.deviations[0] + 0.1
    walk.robot.release()
    walk.go(STILL, 1.0, hold=True).go(STILL, 2.0)
    assert walk.found[-1].trusted
    since = len(walk.found)
    found = walk.go(FORWARD, 3.0).go(STILL, 1.0).errors(since)
    assert found.miss < 0.06 * found.way + 0.03 and found.velocity < 0.04


def test_one_foot_is_enough_and_silent_legs_are_told():
    walk = Walk().go(FORWARD, 1.0)
    knee = MODEL.index("leg_left_knee_pitch_joint")

    def silent(state: RobotState) -> RobotState:
        age = np.array(state.joint_age)
        age[knee] = 0.2
        return replace(state, joint_age=frozen(age))

    found = walk.go(FORWARD, 2.0, silent).go(STILL, 1.0).errors()
    assert found.miss < 0.1 * found.way + 0.03
    walk.go(STILL, 0.2, lambda state: replace(state, joint_age=frozen(np.full(MODEL.n, 0.2))))
    assert walk.found[-1].doubt == "the legs' readings are 0.20 s old"
    walk.go(STILL, 0.2, lambda state: replace(state, imu_age=0.3))
    assert walk.found[-1].doubt == "the IMU's reading is 0.30 s old"
    assert walk.go(STILL, 0.5).found[-1].trusted


def test_without_an_accelerometer_it_is_less_sure():
    walk = Walk()
    walk.go(FORWARD, 4.0, lambda state: replace(state, acceleration=None))
    found = walk.go(STILL, 1.0, lambda state: replace(state, acceleration=None)).errors()
    assert found.miss < 0.08 * found.way + 0.02 and found.velocity < 0.09


def test_a_gyroscope_that_tells_how_it_turned_takes_away_what_a_noisy_orientation_costs():
    """By how much the place drifts in walks of several directions, against the same readings without it."""
    missed = []
    for seed, velocity in enumerate((FORWARD, (-0.25, 0.0, 0.0), (0.0, 0.15, 0.0), (0.0, -0.15, 0.0), (0.2, 0.0, 0.4)), 60):
        walk = Walk(seed).go(velocity, 8.0).go(STILL, 1.0)
        plain, told = BaseEstimator(MODEL), []
        for reading, command in zip(walk.readings, walk.commands, strict=True):
            told.append(plain.step(replace(reading, mean_ang_vel=None)))
            plain.sent(command)
        fused, walk.found = walk.errors(), told
        raw = walk.errors()
        missed.append(((raw.miss, raw.velocity), (fused.miss, fused.velocity)))
    raw, fused = np.sqrt(np.mean(np.square(missed), axis=0))
    assert fused[0] < 0.75 * raw[0] and fused[1] < 0.9 * raw[1]


def test_a_fallen_robot_says_so():
    walk = Walk()
    lying = frozen((np.cos(0.7), 0.0, np.sin(0.7), 0.0))
    walk.go(STILL, 1.0, lambda state: replace(state, base_quat=lying))
    assert walk.found[-1].doubt == "it has fallen" and np.abs(walk.found[-1].velocity).max() < 0.3
