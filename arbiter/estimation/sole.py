"""Which soles carry, and the way of each over the floor."""

from __future__ import annotations

import math
from operator import itemgetter

from arbiter.estimation.rotation import Vector

LEAST, FULL = 0.2, 0.4  # shares of the robot's weight between which a foot begins to carry
LATE = 2  # ticks that a foot carries until it counts in full: it still slides and sinks in while it lands
ROLL = 0.008  # [m] height over which the corners of a sole share its load: it rolls over its edges
STILL: Vector = (0.0, 0.0, 0.0)
height = itemgetter(2)


class Sole:
    """One foot.

    Attributes:
        contact: How far it carries, 0 to 1.
        way: From the IMU [m]: where a corner was first seen, and the way of what touches the floor since then. That is a part of
            the sole, not the point below it: that one moves on as the sole rolls, though nothing slides.
        step: Of that, the last [m].
        low: Height of its lowest point, from the IMU [m].
    """

    def __init__(self) -> None:
        self._corners: list = []
        self._load: list[float] = []
        self.forget()

    def forget(self) -> None:
        """Its joints are not known now."""
        self._corners, self._carried, self.contact = [], 0, 0.0
        self.way, self.step, self.low = STILL, STILL, math.inf

    def look(self, corners: list, force: float, crept: tuple[float, float] = (0.0, 0.0)) -> None:
        """Corners of the sole from the IMU [m]; `force`: share of the weight that it carries; `crept`: what it went over the
        floor since the last look though it does not slip, x and y [m], in the axes of `corners`: no part of its way."""
        low = self.low = min(map(height, corners))
        if force <= LEAST:  # its way begins anew
            self._corners, self._carried, self.contact = [], 0, 0.0
            return
        self._carried += 1
        self.contact = min((force - LEAST) / (FULL - LEAST), 1.0) * min((self._carried - 1) / LATE, 1.0)
        load = [math.exp((low - corner[2]) / ROLL) for corner in corners]
        if self._corners:
            x = y = z = 0.0
            for (a, b, c), (i, j, k), new, old in zip(corners, self._corners, load, self._load, strict=True):
                part = new + old
                x, y, z = x + part * (a - i), y + part * (b - j), z + part * (c - k)
            whole = sum(load) + sum(self._load)
            x, y, z = self.step = x / whole - crept[0], y / whole - crept[1], z / whole
            a, b, c = self.way
            self.way = a + x, b + y, c + z
        else:
            self.way = tuple(corners[0])
        self._corners, self._load = corners, load


class Climb:
    """Attributes:
    height: Of the torso above the lowest sole, less that at the start [m].
    """

    def __init__(self) -> None:
        self.height = 0.0
        self._start: float | None = None

    def above(self, soles: list[Sole], torso: float) -> float:
        """The height, of a torso that is `torso` [m] above the IMU; the last one where no leg is known."""
        low = min(sole.low for sole in soles)
        if low < math.inf:
            self._start = torso - low if self._start is None else self._start
            self.height = torso - low - self._start
        return self.height
