"""Estimates where the base is, once a tick, from what is believed of the readings."""

from __future__ import annotations

import math

import numpy as np

from arbiter.estimation.filter import B, ContactFilter, P, V
from arbiter.estimation.kinematics import Legs
from arbiter.robot import RobotModel
from arbiter.types import BaseEstimate, RobotState, frozen

GRAVITY = np.array((0.0, 0.0, 9.81))
ROLL = 0.004  # [m] height over which the corners of a sole share its load: it rolls over its edges
LIFTED, SOFT = 0.015, 0.004  # [m] above the lowest sole at which one no longer carries, and how sharply
SLIP = 0.15  # [m/s] of a sole against the base's velocity at which it counts half
LEAST = 0.05  # contact below which a foot tells nothing
ALIGNED = 0.005  # [s] between joints and IMU
HEADING = 0.004  # [rad] of noise


class BaseEstimator:
    """A contact-aided Kalman filter. One for a run; never raises for readings that are finite."""

    def __init__(self, model: RobotModel) -> None:
        body = model.known_body
        self._legs, self._filter = Legs(body), ContactFilter(len(body.feet))
        self._arm = body.torso - body.imu
        self._turned: np.ndarray | None = None  # orientation at the last reading, body to odometry frame
        self._stamp = self._yaw = self._heading = 0.0
        self._aligned: tuple[float, float] = (1.0, 0.0)

    def step(self, state: RobotState) -> BaseEstimate:
        """The estimate after a reading."""
        turned = self._orient(state)
        if self._turned is None:
            self._filter.start(-turned @ self._arm)
        elif (dt := state.stamp - self._stamp) > 0.0:
            self._predict(state, turned, dt)
            self._listen(state, turned, dt)
        self._turned, self._stamp = turned, state.stamp
        return self._tell(state, turned)

    def _orient(self, state: RobotState) -> np.ndarray:
        w, x, y, z = state.base_quat.tolist()
        ahead, aside = 1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y + w * z)
        yaw = math.atan2(aside, ahead)
        if self._turned is None:
            self._aligned = math.cos(yaw), math.sin(yaw)
        else:
            self._heading += math.remainder(yaw - self._yaw, 2.0 * math.pi)
        self._yaw = yaw
        c, s = self._aligned
        a, b = (ahead, 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)), (aside, 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x))
        return np.array(
            (
                [c * p + s * q for p, q in zip(a, b, strict=True)],
                [c * q - s * p for p, q in zip(a, b, strict=True)],
                (2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)),
            )
        )

    def _predict(self, state: RobotState, turned: np.ndarray, dt: float) -> None:
        filt, before = self._filter, self._turned
        assert before is not None
        filt.state[B] = turned @ (before.T @ filt.state[B])  # it turns with the body
        felt = state.acceleration
        filt.predict(None if felt is None else 0.5 * (turned + before) @ felt - GRAVITY, dt)

    def _listen(self, state: RobotState, turned: np.ndarray, dt: float) -> None:
        """Lets the feet correct it."""
        filt, legs = self._filter, self._legs.at(state.joint_pos, state.joint_vel)
        corners = (turned @ legs.corners).swapaxes(1, 2)  # (feet, p, 3)
        height = corners[..., 2]
        low = height.min(axis=1)
        load = np.exp((low[:, None] - height) / ROLL)
        load /= load.sum(axis=1, keepdims=True)
        place = (load[:, None] @ corners)[:, 0]
        turning = (legs.turning + state.base_ang_vel) @ turned.T
        speed = -(np.cross(turning, place) + legs.moving @ turned.T)
        contact = 1.0 / (1.0 + np.exp((low - low.min() - LIFTED) / SOFT))
        slip = ((speed - filt.state[V]) ** 2).sum(axis=1)
        contact /= 1.0 + slip / (SLIP**2 + filt.covariance[V, V])
        contact[contact < LEAST] = 0.0
        filt.correct(list(place), list(speed), contact.tolist(), dt)

    def _tell(self, state: RobotState, turned: np.ndarray) -> BaseEstimate:
        filt = self._filter
        arm = turned @ self._arm
        x, y, z = arm.tolist()
        p, q, r = (turned @ state.base_ang_vel).tolist()
        swing = np.array((q * z - r * y, r * x - p * z, p * y - q * x))
        cov = np.zeros((5, 5))
        for row, i in ((P, 0), (V, 2)):
            for column, j in ((P, 0), (V, 2)):
                cov[i, j] = cov[i + 1, j + 1] = filt.covariance[row, column]
        cov[4, 4] = HEADING**2
        return BaseEstimate(
            frozen(filt.state[P] + arm), frozen(filt.state[V] + swing), self._heading, frozen(cov), self._doubt(state)
        )

    def _doubt(self, state: RobotState) -> str:
        apart = abs(state.imu_age - float(state.joint_age[self._legs.joints].max()))
        if apart > ALIGNED:
            return f"joints and IMU were measured {1e3 * apart:.0f} ms apart"
        return "" if any(self._filter.known) else "no foot carries"
