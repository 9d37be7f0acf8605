"""Ball detectors that users bring: an entry point in the group `arbiter.detectors`, or a file under `detectors.files` of a tree.

class Mine(DetectorKind):
    name, help, Config = "mine", "finds balls by my network", MineConfig
    colours = ("red", "orange", "purple")

    def open(self, camera, settings):
        return MyDetector(camera, settings.file)

`detectors: {use: mine}` of a tree file uses it. It is asked on a thread of its own, for about two pictures a second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from arbiter.errors import ConfigError
from arbiter.kinds import Door, Kind, check_form
from arbiter.routing.quantities import COLOURS
from arbiter.sight_camera import SightCamera
from arbiter.types import frozen
from arbiter.wall import walled
from deploy.drivers.simulated.scene import BALL_COLOURS, FURTHEST

BUILT_IN = "coloured_balls"
SIZES = ((224, 224), (112, 112))  # [pixels] of the pictures that the contract tries


class BallDetector(Protocol):
    """Finds balls in a picture of the head camera."""

    def find(self, image: np.ndarray) -> Mapping[str, np.ndarray]:
        """Centre of each ball in view [m], base frame, shape (3,), by colour.

        Args:
            image: RGB, uint8, shape (height, width, 3), read-only.
        """


class DetectorKind(Kind):
    """A detector plug-in. Its settings are `detectors.settings.NAME` of the tree file.

    Attributes:
        colours: Of the balls that it finds: those that "walk to the purple ball" can name.
    """

    colours: tuple[str, ...] = tuple(BALL_COLOURS)

    def open(self, camera: SightCamera, settings: Any) -> BallDetector:
        """The detector. May raise any exception with the reason.

        Args:
            camera: Where the robot's head camera is, and what it covers.
            settings: An instance of `Config`, or None.
        """
        raise NotImplementedError


def check_detector_kind(kind: Any) -> list[str]:
    """The defects of a detector's class, one line each."""
    problems = check_form(kind, DetectorKind, "detector", (BUILT_IN,))
    if not problems and not (isinstance(kind.colours, tuple) and kind.colours and set(kind.colours) <= set(COLOURS)):
        problems = [f"colours is {kind.colours!r}; a tuple of colours that words can name is expected: {', '.join(COLOURS)}"]
    if not problems and kind.open is DetectorKind.open:
        problems = [f"{kind.__name__} has no open()"]
    return problems


DETECTOR_DOOR = Door("arbiter.detectors", DetectorKind, "detector", check_detector_kind, (BUILT_IN,))


def checked(balls: object) -> dict[str, np.ndarray]:
    """What a detector found. Raises ConfigError for anything but positions by colour, within FURTHEST."""
    if not isinstance(balls, Mapping):
        raise ConfigError(f"find() returned {type(balls).__name__}; a mapping of colours to positions is expected")
    for colour, at in balls.items():
        if not isinstance(colour, str) or np.shape(at) != (3,) or not (np.abs(np.asarray(at, float)) <= FURTHEST).all():
            raise ConfigError(f"find() returned {at!r} for {colour!r}; three finite numbers [m] within {FURTHEST:g} are expected")
    return {colour: frozen(at) for colour, at in balls.items()}


def check_detector(make: Callable[[], BallDetector]) -> list[str]:
    """The defects of the detector that `make` opens, one line each; empty when it keeps the contract.

    It is tried on empty and on random pictures of two sizes: the answer is a mapping, the same for the same picture.
    """
    detector, error = walled(make)
    if detector is None or error:
        return [f"open(): {error or 'nothing was returned'}"]
    rng, problems = np.random.default_rng(0), []
    for height, width in SIZES:
        for what, image in (
            ("a grey picture", np.full((height, width, 3), 128, np.uint8)),
            ("a random picture", rng.integers(0, 256, (height, width, 3), dtype=np.uint8)),
        ):
            image.flags.writeable = False
            (first, wrong), (again, _) = (walled(lambda image=image: checked(detector.find(image))) for _ in range(2))
            if first is None or wrong:
                problems.append(f"{what} of {width} x {height}: {wrong}")
            elif again is None or {c: at.tolist() for c, at in first.items()} != {c: at.tolist() for c, at in again.items()}:
                problems.append(f"{what} of {width} x {height}: another answer for the same picture")
    return problems
