"""A ball detector: as the built-in one, for near balls only. A network of your own would be asked in `find`."""

from dataclasses import dataclass

import numpy as np

from arbiter.sight_camera import SightCamera
from arbiter.strict.fields import limited
from deploy.drivers.sensors.balls import BallFinder
from deploy.drivers.sensors.detector import DetectorKind


@dataclass(frozen=True)
class NearbyConfig:
    """Attributes:
    within: Distance of a ball from the camera [m] up to which it is told.
    """

    within: float = limited(1.5, 0.1, 10.0, "m")


class NearbyBalls:
    """Finds coloured balls up to a distance."""

    def __init__(self, camera: SightCamera, within: float) -> None:
        self._finder, self._eye, self._within = BallFinder(camera), camera.position, within

    def find(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """Centres [m], base frame, by colour."""
        found = self._finder.find(image)
        return {colour: at for colour, at in found.items() if np.linalg.norm(at - self._eye) <= self._within}


class Nearby(DetectorKind):
    """`detectors: {use: nearby}` of a tree file."""

    name, help, Config = "nearby", "finds coloured balls up to a distance", NearbyConfig

    def open(self, camera: SightCamera, settings: NearbyConfig) -> NearbyBalls:
        """For that camera."""
        return NearbyBalls(camera, settings.within)
