"""Where a robot's head camera is and what it can see."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class SightCamera:
    """Attributes:
    position: Of the camera [m], base frame, shape (3,).
    rotation: Its axes right, up, backward as columns, base frame, shape (3, 3).
    field: Angle of view from the top to the bottom edge [rad]; pictures are square, and so are pixels.
    """

    position: np.ndarray
    rotation: np.ndarray
    field: float

    def covers(self, point: np.ndarray, margin: float) -> bool:
        """Whether a point [m, base frame] lies in the picture, `margin` [rad] and more from its edges."""
        right, up, backward = (point - self.position) @ self.rotation
        return backward < 0.0 and max(abs(right), abs(up)) < -backward * math.tan(0.5 * self.field - margin)
