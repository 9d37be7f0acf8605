"""Velocity of the base by leg odometry, with sensor noise, against the simulation's truth."""

from __future__ import annotations

import numpy as np
import pytest

from arbiter.base_velocity import BaseVelocity
from arbiter.types import Mode, Request, frozen
from deploy.drivers.simulated.simulated_robot import SimulatedRobot
from deploy.robots.description import load_model
from deploy.runtime.bodies import SENSOR_NOISE
from policies.locomotion.policy import OnnxPolicy
from policies.registry import SHIPPED
from skills.criteria import rotations
from tests.safety_rig import issued

MODEL = load_model()


def errors(command: tuple[float, float, float], seconds: float = 6.0) -> np.ndarray:
    """Estimate minus truth [m/s], body frame, from the second second on, shape (ticks, 3)."""
    robot = SimulatedRobot(MODEL, seed=1, noise=SENSOR_NOISE, hanging=False)
    robot.connect()
    policy, estimate, found = OnnxPolicy(SHIPPED / "locomotion.onnx", MODEL), BaseVelocity(MODEL.known_body), []
    policy.reset(robot.read(0.0), 0.0)
    for k in range(round(seconds / MODEL.dt)):
        now = k * MODEL.dt
        state, truth = robot.read(now), robot.truth
        found.append(estimate.measure(state) - rotations(truth.base_quat[None])[0].T @ truth.base_vel)
        target = policy.act(state, Request(velocity=frozen(command)), now)
        robot.write(issued(now, np.where(policy.joints, target.q, MODEL.default), target.kp, target.kd, Mode.RUN))
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
