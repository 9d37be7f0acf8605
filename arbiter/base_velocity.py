"""Velocity of the base for policies that observe it: the estimate's, or from one reading where there is none to be trusted."""

from __future__ import annotations

import math

import numpy as np

from arbiter.body import Body
from arbiter.estimation.rotation import back, cross, rows_of, yaw_of
from arbiter.types import BaseEstimate, RobotState

OFF = 0.005  # [m] above the lowest sole at which one no longer carries: as deep as one that lands sinks in
ROLL = 0.01  # [m] height over which the corners of the sole that carries share in the velocity: it rolls while it is loaded
STEP = 0.001  # [s] over which the legs' motion is taken


class BaseVelocity:
    """The estimate's, at the base frame's origin: in simulation, with the noise of encoders and IMU, it is off by 0.02 m/s (rms).

    Where a reading has none that is trusted, from that reading alone: the loaded sole is taken to be at rest, the base moves
    relative to it. Rms of the error [m/s]: standing 0.03 in x, y, 0.01 in z; walking 0.03 to 0.06 in x, y, 0.1 in z, of it at
    most 0.02 bias. In flight it is wrong.
    """

    def __init__(self, body: Body) -> None:
        self._body, self._foot, self._torso = body, 0, tuple(body.torso.tolist())

    def reset(self) -> None:
        """Forgets which foot is loaded."""
        self._foot = 0

    def copy(self, other: BaseVelocity) -> None:
        """Copies which foot is loaded."""
        self._foot = other._foot

    def measure(self, state: RobotState) -> np.ndarray:
        """Velocity of the base frame's origin [m/s], body frame, shape (3,)."""
        found = state.estimate
        return self._by_legs(state) if found is None or not found.trusted else self._by_estimate(state, found)

    def _by_estimate(self, state: RobotState, found: BaseEstimate) -> np.ndarray:
        quat = state.base_quat.tolist()
        rows = rows_of(quat, yaw_of(quat) - math.remainder(found.heading, 2.0 * math.pi))
        swing = cross(tuple(state.base_ang_vel.tolist()), self._torso)
        return np.array(back(rows, tuple(found.velocity.tolist()))) - swing

    def _by_legs(self, state: RobotState) -> np.ndarray:
        moved = STEP * state.joint_vel
        before, after = self._body.soles(np.stack((state.joint_pos - moved, state.joint_pos + moved)))
        place, velocity = 0.5 * (after + before), (after - before) / (2.0 * STEP)
        height = -place @ state.gravity
        low = height.min(axis=-1)
        lowest = int(low.argmin())
        foot = self._foot = lowest if low[self._foot] - low[lowest] > OFF else self._foot
        load = np.exp((low[foot] - height[foot]) / ROLL)
        return -(load / load.sum()) @ (np.cross(state.base_ang_vel, place[foot]) + velocity[foot])
