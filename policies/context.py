"""The settings and resources with which policies are made."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from arbiter.robot import RobotModel
from policies.chunk.inference import InferenceWorker
from policies.chunk.protocol import CameraFrame

if TYPE_CHECKING:
    from policies.plugin import BackendKind, PolicyKind

SHIPPED = Path(__file__).parent / "weights"
POLICIES = "policies"  # in a robot's folder


@dataclass(frozen=True, slots=True)
class PolicyContext:
    """The settings and resources with which policies are made.

    Attributes:
        model: The robot.
        base: Folder that files are named from: that of the tree file.
        camera: Gives the latest picture at once; None: there is no camera.
        chunk_delay: How long an inference takes in lockstep simulation [s]; None: real time, on a thread.
        seed: Of sampling.
        wrap: Stands before each worker of a chunk policy: (policy, player, worker) -> worker. For traces and replays.
        kinds, backends: Kinds of policies and of chunk backends from outside, by name.
    """

    model: RobotModel
    base: Path = Path(".")
    camera: Callable[[], CameraFrame | None] | None = None
    chunk_delay: float | None = None
    seed: int = 0
    wrap: Callable[[str, int, InferenceWorker], InferenceWorker] = lambda policy, player, worker: worker
    kinds: Mapping[str, type[PolicyKind]] = field(default_factory=dict)
    backends: Mapping[str, type[BackendKind]] = field(default_factory=dict)

    def find(self, name: str, shipped: Path = SHIPPED) -> Path:
        """A file beside the tree file, else one of the robot's folder, else one that ships."""
        near = self.base / name
        places = [near, *([] if self.model.folder is None else [self.model.folder / POLICIES / name]), shipped / name]
        return next((place for place in places if os.path.exists(place)), near)  # False for what can be no name of a file
