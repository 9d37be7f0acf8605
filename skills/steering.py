"""What a walk commands besides its speed: back to its line and heading, and strokes back and forth for a policy that turns only
while it walks."""

from __future__ import annotations

import numpy as np

YAW = 2  # axis of a velocity
LINE = (0.8, 0.15, 0.1)  # [1/s], [1/s²], at most [m/s]: going back to a line
HEADING = (1.5, 0.3, 0.3)  # [1/s], [1/s²], at most [rad/s]: turning back to a heading
LASTS = 0.5  # share of the most that makes up for an error that lasts
REACH = 0.1  # [m] ahead of and behind its spot
ASIDE = (2.0, 0.1)  # [1/s], at most [m/s]: back to its spot from the side, against a policy that drifts
FASTER, FASTEST = 1.25, 1.6  # times its slowest walk, after each stroke in which it stood: it may stand at what it walks at
PLAIN_STROKE = (0.2, 0.2)  # [m/s] ahead and back, of a robot that does not tell its slowest walks
RAMP, FIRST = 1.6, 0.1  # [s] in which the command grows from this share: first steps in place, the hardest with the arms out


def ramp(elapsed: float) -> float:
    """Factor of the command during the first steps, from FIRST to 1."""
    return min(1.0, FIRST + (1.0 - FIRST) * elapsed / RAMP)


def within(value: float, most: float) -> float:
    """`value`, at most `most` in size."""
    return min(max(value, -most), most)


class Regulator:
    """Keeps to a line or a heading: proportional to what it is off, and to how long that lasts (a policy that drifts).

    Args:
        gains: LINE or HEADING.
    """

    def __init__(self, gains: tuple[float, float, float]) -> None:
        self._gain, self._lasting_gain, self._most = gains
        self._lasting, self._at = 0.0, 0.0

    def command(self, off: float, now: float) -> float:
        """Velocity towards it [m/s, rad/s], which lies `off` [m, rad] to a side, at the time `now` [s]."""
        self._lasting = within(self._lasting + self._lasting_gain * off * (now - self._at), LASTS * self._most)
        self._at = now
        return within(self._gain * off + self._lasting, self._most) * ramp(now)


class Strokes:
    """Walks back and forth around a spot.

    Attributes:
        ahead: Whether it walks ahead now.

    Args:
        slowest: Slowest walk ahead and back [m/s].
    """

    def __init__(self, slowest: tuple[float, float] = PLAIN_STROKE) -> None:
        self.ahead, self._slowest, self._factor = True, slowest, 1.0

    def begin(self) -> None:
        """Begins anew: back, at its slowest walk."""
        self.ahead, self._factor = False, 1.0

    def stood(self) -> bool:
        """It stands in mid-stroke: it walks the other way, and faster. Whether it is slower than it may be."""
        slower = self._factor < FASTEST
        self.ahead, self._factor = not self.ahead, min(FASTER * self._factor, FASTEST)
        return slower

    def velocity(self, spot: tuple[float, float], turn: float) -> np.ndarray:
        """Towards a spot, ahead and to the left [m], and beyond, with a turn [rad/s]: x, y [m/s], yaw [rad/s], shape (3,)."""
        ahead, left = spot
        if (ahead < -REACH) if self.ahead else (ahead > REACH):
            self.ahead = not self.ahead
        stroke = self._slowest[0] if self.ahead else -self._slowest[1]
        return np.array((self._factor * stroke, within(ASIDE[0] * left, ASIDE[1]), turn))
