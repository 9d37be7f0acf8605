"""Points between the base frame and the odometry frame (`arbiter.types.BaseEstimate`)."""

from __future__ import annotations

import math

import numpy as np

from arbiter.body import Body
from arbiter.types import RobotState, Standpoint


def standpoint_of(state: RobotState) -> Standpoint | None:
    """Where the robot stands; None where no estimate is trusted now."""
    estimate = state.estimate
    if estimate is None or not estimate.trusted:
        return None
    return Standpoint(float(estimate.position[0]), float(estimate.position[1]), estimate.heading)


def to_odometry(point: np.ndarray, state: RobotState, body: Body) -> np.ndarray:
    """A point [m, base frame] in the odometry frame, shape (3,). `state` has an estimate."""
    assert state.estimate is not None
    return state.estimate.position + _turned(state) @ (point - body.torso)


def to_base(point: np.ndarray, state: RobotState, body: Body) -> np.ndarray:
    """A point [m, odometry frame] in the base frame, shape (3,). `state` has an estimate."""
    assert state.estimate is not None
    return (point - state.estimate.position) @ _turned(state) + body.torso


def _turned(state: RobotState) -> np.ndarray:
    """Rotation from the base to the odometry frame, shape (3, 3): the lean as measured, the heading as estimated."""
    assert state.estimate is not None
    w, x, y, z = state.base_quat.tolist()
    body = np.array(
        (
            (1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)),
            (2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x)),
            (2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)),
        )
    )
    aligned = state.estimate.heading - math.atan2(body[1, 0], body[0, 0])
    c, s = math.cos(aligned), math.sin(aligned)
    return np.array(((c, -s, 0.0), (s, c, 0.0), (0.0, 0.0, 1.0))) @ body
