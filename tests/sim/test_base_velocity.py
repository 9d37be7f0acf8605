"""Velocity of the base for policies, with sensor noise, against the simulation's truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from arbiter.base_velocity import BaseVelocity
from arbiter.estimation.estimator import BaseEstimator
from arbiter.types import Mode, Request, frozen
from deploy.drivers.simulated.simulated_robot import SimulatedRobot
from deploy.robots.description import load_model
from deploy.runtime.bodies import SENSOR_NOISE
from policies.locomotion.policy import OnnxPolicy
from policies.registry import SHIPPED
from skills.rotations import rotations
from tests.safety_rig import issued

MODEL = load_model()


def errors(command: tuple[float, float, float], estimated: bool = False, seconds: float = 6.0) -> np.ndarray:
    """Estimate minus truth [m/s], body frame, from the second second on, shape (ticks, 3)."""
    robot = SimulatedRobot(MODEL, seed=1, noise=SENSOR_NOISE, hanging=False)
    robot.connect()
    policy, velocity, found = OnnxPolicy(SHIPPED / "locomotion.onnx", MODEL), BaseVelocity(MODEL.known_body), []
    estimator = BaseEstimator(MODEL)
    policy.reset(robot.read(0.0), 0.0)
    for k in range(round(seconds / MODEL.dt)):
        now = k * MODEL.dt
        state, truth = robot.read(now), robot.truth
        estimate = estimator.step(state)
        state = replace(state, estimate=estimate) if estimated else state
        found.append(velocity.measure(state) - rotations(truth.base_quat[None])[0].T @ truth.base_vel)
        target = policy.act(state, Request(velocity=frozen(command)), now)
        sent = issued(now, np.where(policy.joints, target.q, MODEL.default), target.kp, target.kd, Mode.RUN)
        robot.write(sent)
        estimator.sent(sent)
        robot.step(MODEL.dt)
    return np.array(found[50:])


@pytest.mark.parametrize(
    ("command", "rms"),
    [
        ((0.0, 0.0, 0.0), (0.04, 0.04, 0.02)),
        ((0.4, 0.0, 0.0), (0.06, 0.08, 0.13)),
        ((0.2, 0.2, 0.0), (0.06, 0.08, 0.13)),
        ((0.2, 0.0, 0.7), (0.06, 0.08, 0.13)),
    ],
)
def test_it_is_as_accurate_as_its_page_says(command, rms):
    off = errors(command)
    assert (np.sqrt((off**2).mean(axis=0)) < rms).all()
    assert (np.abs(off.mean(axis=0)) < 0.03).all()


@pytest.mark.parametrize("command", [(0.0, 0.0, 0.0), (0.4, 0.0, 0.0), (0.2, 0.2, 0.0), (0.2, 0.0, 0.7)])
def test_by_the_estimate_it_is_more_accurate(command):
    off = errors(command, estimated=True)
    assert (np.sqrt((off**2).mean(axis=0)) < 0.035).all() and (np.abs(off.mean(axis=0)) < (0.02, 0.02, 0.035)).all()
