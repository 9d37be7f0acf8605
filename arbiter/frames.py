"""Points between the base frame and the odometry frame (`arbiter.types.BaseEstimate`)."""

from __future__ import annotations

import numpy as np

from arbiter.body import Body
from arbiter.estimation.rotation import rows_of, yaw_of
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
    quat = state.base_quat.tolist()
    return np.array(rows_of(quat, yaw_of(quat) - state.estimate.heading))
