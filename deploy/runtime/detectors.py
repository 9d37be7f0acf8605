"""The ball detector that a tree file asks for: the built-in one, or a plug-in's on a thread of its own."""

from __future__ import annotations

import math
import typing

from arbiter.aside import Aside
from arbiter.errors import ConfigError
from arbiter.kinds import settings_of
from arbiter.plugins import in_time
from arbiter.robot import RobotModel
from arbiter.strict import Node, Problems, nearest
from deploy.drivers.sensors.balls import Sight, camera_of, finder_of
from deploy.drivers.sensors.detector import BUILT_IN, DETECTOR_DOOR
from deploy.runtime.doors import through

if typing.TYPE_CHECKING:
    from deploy.runtime.config import Loaded

LIMIT = 1.5  # [s] that a detector may take for a picture before it counts as blocked


def open_sight(camera, loaded: Loaded, model: RobotModel, patience: float) -> Sight:
    """What finds balls in the pictures of `camera`. Raises ConfigError where the detector cannot be had.

    Args:
        patience: How long a tick waits for a plug-in's answer [s].
    """
    view, use = camera_of(model), loaded.config.detectors.use
    if view is None or use == BUILT_IN:
        return Sight(camera, finder_of(model))
    problems = Problems()
    found = through(DETECTOR_DOOR, loaded, "detectors", loaded.config.detectors, problems)
    if use not in found.kinds:
        problems.add(loaded.node, f"detectors.use: {_unknown(use, found.kinds, found.problems)}")
    problems.raise_if_any()
    kind = found.kinds[use]
    node = loaded.config.detectors.settings.get(use, Node({}, str(loaded.path), 1))
    settings = settings_of(kind, node, problems, f"detectors.settings.{use}")
    problems.raise_if_any()
    detector, error = in_time(lambda: kind().open(view, settings), kind.patience, "not opened")
    if detector is None or error:
        raise ConfigError(f"detector {use}: {error or 'open() returned nothing'}")
    limit = math.ceil(LIMIT / max(patience, model.dt))
    return Sight(camera, detector, Aside(f"detector-{use}", patience, limit), use)


def colours_of(loaded: Loaded) -> tuple[str, ...]:
    """Colours that a detector from outside finds; () for the built-in one, and where there is none of that name."""
    config = loaded.config.detectors
    if config.use == BUILT_IN:
        return ()
    kind = through(DETECTOR_DOOR, loaded, "detectors", config, Problems()).kinds.get(config.use)
    return () if kind is None else kind.colours


def check_detectors(loaded: Loaded, problems: Problems) -> None:
    """Files, choice and settings of detectors; what is wrong is added to `problems`."""
    config = loaded.config.detectors
    found = through(DETECTOR_DOOR, loaded, "detectors", config, problems)
    if config.use != BUILT_IN and config.use not in found.kinds:
        problems.add(loaded.node, f"detectors.use: {_unknown(config.use, found.kinds, found.problems)}")
    for name, node in config.settings.items():
        if name in found.kinds:
            settings_of(found.kinds[name], node, problems, f"detectors.settings.{name}")
        else:
            problems.add(node, f"detectors.settings: {_unknown(name, found.kinds, found.problems)}")


def _unknown(name: str, kinds, left_out: list[str]) -> str:
    return f"no detector {name!r}; {nearest(name, (BUILT_IN, *kinds))}" + "".join(f"; {line}" for line in left_out)
