"""A policy alone on the simulated robot: no tree, no blend, no safety layer to help it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from arbiter.policy import Policy
from arbiter.types import Mode, Request
from deploy.drivers.simulated.simulated_robot import SimulatedRobot
from deploy.drivers.simulated.truth import Truth
from deploy.runtime.bodies import SENSOR_NOISE
from tests.safety_rig import issued


@dataclass(frozen=True)
class Course:
    """What happened: the truth after each tick, and the torques as an array [N·m], shape (ticks, n)."""

    truth: list[Truth]
    robot: SimulatedRobot

    @property
    def torques(self) -> np.ndarray:
        return np.array([truth.joint_torque for truth in self.truth])

    @property
    def tilts(self) -> np.ndarray:
        """Tilt of the base [rad], shape (ticks,)."""
        quats = np.array([truth.base_quat for truth in self.truth])
        return np.arccos(np.clip(1.0 - 2.0 * (quats[:, 1] ** 2 + quats[:, 2] ** 2), -1.0, 1.0))

    @property
    def fell(self) -> bool:
        return bool(self.tilts.max() > 0.9)


def drive(
    policy: Policy,
    model,
    request: Callable[[float], Request],
    seconds: float,
    *,
    pushes=(),
    seed: int = 0,
    arms: Callable[[float], np.ndarray] | None = None,
) -> Course:
    """Starts on its feet in the default posture and lets `policy` drive for `seconds` of simulated time.

    `pushes`: (time [s], x, y [m/s]). `arms`: posture of the ten arm joints instead of the policy's. Ends at a fall.
    """
    robot = SimulatedRobot(model, seed=seed, noise=SENSOR_NOISE, hanging=False)
    robot.connect()
    pushes = list(pushes)
    policy.reset(robot.read(0.0), 0.0)
    truth: list[Truth] = []
    for k in range(round(seconds / model.dt)):
        now = k * model.dt
        while pushes and pushes[0][0] <= now:
            _, x, y = pushes.pop(0)
            robot.push((x, y, 0.0))
        target = policy.act(robot.read(now), request(now), now)
        q = np.where(policy.joints, target.q, model.default)
        if arms is not None:
            q[:10] = arms(now)
        robot.write(issued(now, q, target.kp, target.kd, Mode.RUN))
        robot.step(model.dt)
        truth.append(robot.truth)
        w, x, y, z = truth[-1].base_quat
        if 1.0 - 2.0 * (x * x + y * y) < np.cos(0.95):
            break
    return Course(truth, robot)
