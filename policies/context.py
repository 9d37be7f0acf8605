"""The settings and resources with which policies are made."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from arbiter.policy import Policy
from arbiter.robot import RobotModel
from policies.chunk.inference import InferenceWorker
from policies.chunk.protocol import CameraFrame
from policies.deadline import Deadline

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
        deadline: Gives a policy that computes inside the tick its deadline: (policy, length of a tick [s]) -> policy; None: in
            real time one that is not noted, in lockstep none. For traces and replays.
        kinds, backends: Kinds of policies and of chunk backends from outside, by name.
    """

    model: RobotModel
    base: Path = Path(".")
    camera: Callable[[], CameraFrame | None] | None = None
    chunk_delay: float | None = None
    seed: int = 0
    wrap: Callable[[str, int, InferenceWorker], InferenceWorker] = lambda policy, player, worker: worker
    deadline: Callable[[Policy, float], Policy] | None = None
    kinds: Mapping[str, type[PolicyKind]] = field(default_factory=dict)
    backends: Mapping[str, type[BackendKind]] = field(default_factory=dict)

    def timed(self, policy: Policy) -> Policy:
        """The policy with its deadline, if it has one."""
        if self.deadline is not None:
            return self.deadline(policy, self.model.dt)
        return policy if self.chunk_delay is not None else Deadline(policy, self.model.dt)

    def find(self, name: str, shipped: Path = SHIPPED) -> Path:
        """A file beside the tree file, else one of the robot's folder, else one that ships."""
        near = self.base / name
        places = [near, *([] if self.model.folder is None else [self.model.folder / POLICIES / name]), shipped / name]
        return next((place for place in places if os.path.exists(place)), near)  # False for what can be no name of a file
