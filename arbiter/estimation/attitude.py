"""Orientation of the base in the odometry frame: the IMU's, its heading corrected."""

from __future__ import annotations

import math

from arbiter.estimation.alignment import Moment
from arbiter.estimation.heading import Heading, Stillness
from arbiter.estimation.rotation import IDENTITY, Rows, Vector, back, rows_of, turn, yaw_of


class Attitude:
    """Attributes:
    rows: Rotation from body to odometry frame. before: The same at the last moment.
    heading: None before the estimate begins.
    rest: Whether the robot stands still.
    """

    def __init__(self, fall_tilt: float) -> None:
        """`fall_tilt`: of the base's z axis from the vertical, beyond which the robot has fallen [rad]."""
        self.before: Rows = IDENTITY
        self.rows: Rows = IDENTITY
        self.heading: Heading | None = None
        self.rest, self._upright = Stillness(), math.cos(fall_tilt)

    @property
    def fallen(self) -> bool:
        """Whether the robot lies."""
        return self.rows[2][2] < self._upright

    def begin(self, moment: Moment) -> None:
        """From here on the heading counts."""
        yaw = yaw_of(moment.quat)
        self.heading, self.rows = Heading(yaw), rows_of(moment.quat, yaw)

    def turn_to(self, moment: Moment) -> None:
        """The next moment."""
        yaw, heading = yaw_of(moment.quat), self.heading
        if heading is not None:
            heading.step(yaw, self.rest.now, moment.step)
        self.before, self.rows = self.rows, rows_of(moment.quat, yaw if heading is None else heading.offset)

    def carried(self, vector: Vector) -> Vector:
        """What a vector that turns with the body has become since the last moment, odometry frame."""
        return turn(self.rows, back(self.before, vector))

    def mean(self, vector: Vector) -> Vector:
        """A vector of the body between the last moment and this one, odometry frame."""
        (a, b, c), (x, y, z) = turn(self.before, vector), turn(self.rows, vector)
        return 0.5 * (a + x), 0.5 * (b + y), 0.5 * (c + z)
