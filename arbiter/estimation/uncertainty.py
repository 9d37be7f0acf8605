"""The covariance that is told: the filter's, what a wrong heading does to a way, and what no sensor shows."""

from __future__ import annotations

from arbiter.estimation.contact_filter import P, V
from arbiter.estimation.heading import Heading

UNSEEN = 0.003  # [m/s] by which soles creep under load: it adds up while the robot moves


class Uncertainty:
    """Attributes:
    moved: For how long the robot has moved [s].
    """

    def __init__(self) -> None:
        self.moved = 0.0
        self._xx = self._xy = self._yy = 0.0  # of the position, by the heading's error [m²]
        self._x = self._y = 0.0  # covariance of position and heading [m rad]
        self._variance = 0.0  # of the heading [rad²]

    def step(self, heading: Heading, vx: float, vy: float, dt: float, moving: bool) -> None:
        """`dt` [s] at the velocity `vx`, `vy` [m/s]."""
        self.moved += dt if moving else 0.0
        variance = heading.variance
        known = min(1.0, variance / self._variance) if self._variance > 0.0 else 1.0  # what was learned of it at rest
        self._variance = variance
        dx, dy = -vy * dt, vx * dt
        x, y = known * self._x, known * self._y
        self._xx += 2.0 * dx * x + dx * dx * variance
        self._yy += 2.0 * dy * y + dy * dy * variance
        self._xy += dx * y + dy * x + dx * dy * variance
        self._x, self._y = x + dx * variance, y + dy * variance

    def covariance(self, filtered: list[list[float]], heading: float) -> tuple[float, ...]:
        """Of position x, y, velocity x, y and heading, the 25 numbers row by row; `filtered`: of each axis, see ContactFilter;
        `heading`: variance [rad²]."""
        unseen, creep = UNSEEN * self.moved, UNSEEN * UNSEEN
        p, pv, v = filtered[P][P] + unseen * unseen, filtered[P][V], filtered[V][V] + creep
        xy, x, y = self._xy, self._x, self._y
        return (
            p + self._xx, xy, pv, 0.0, x,
            xy, p + self._yy, 0.0, pv, y,
            pv, 0.0, v, 0.0, 0.0,
            0.0, pv, 0.0, v, 0.0,
            x, y, 0.0, 0.0, heading,
        )  # fmt: skip
