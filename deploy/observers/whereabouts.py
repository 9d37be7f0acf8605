"""Where the robot says that it is: distance walked, last position and how far it is to be trusted, for the report of a run."""

from __future__ import annotations

from typing import Any

from arbiter.types import BaseEstimate

STRIDE = 0.02  # [m] between points of the way: the trunk sways, the way is longer than the walk by less
DRAG = 0.1  # share of each tick that the smoothed position follows by, see `walked`


class Whereabouts:
    """The estimates of a run, tick by tick.

    Attributes:
        walked: Length of the way of the smoothed position [m]: the trunk's sway from step to step does not count.
        doubted: For how long it was not trusted after it first was [s].
    """

    def __init__(self, dt: float) -> None:
        self._dt, self.walked, self.doubted = dt, 0.0, 0.0
        self._last: BaseEstimate | None = None
        self._smooth = self._counted = (0.0, 0.0)

    def take(self, found: BaseEstimate | None) -> None:
        """The estimate of a tick."""
        if found is None:
            return
        begun, self._last = self._last is not None and bool(self._last.covariance.any()), found
        if begun and not found.trusted:
            self.doubted += self._dt
        x, y, _ = found.position.tolist()
        u, v = self._smooth
        self._smooth = u, v = u + DRAG * (x - u), v + DRAG * (y - v)
        p, q = self._counted
        step = ((u - p) ** 2 + (v - q) ** 2) ** 0.5
        if step > STRIDE:
            self.walked, self._counted = self.walked + step, (u, v)

    def build(self) -> dict[str, Any] | None:
        """For the report; None for a robot whose feet are not known."""
        last = self._last
        if last is None:
            return None
        return {
            "walked_m": round(self.walked, 3),
            "position_m": [round(value, 4) for value in last.position.tolist()],
            "heading_rad": round(last.heading, 4),
            "deviations": [round(value, 4) for value in last.deviations],
            "doubted_s": round(self.doubted, 3),
            "doubt": last.doubt,
        }


def where(found: BaseEstimate | None) -> str:
    """In a line; "" for a robot whose feet are not known."""
    if found is None:
        return ""
    x, y, _ = found.position.tolist()
    place = f"x {x:.2f} m, y {y:.2f} m (±{found.deviations[0]:.2f}), heading {57.29578 * found.heading:.0f}°"
    return f"{place}; not trusted: {found.doubt}" if found.doubt else place
