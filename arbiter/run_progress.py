"""What a run of a skill is told: how far it has come, and what it may use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from arbiter.body import Body
from arbiter.errors import SkillError
from arbiter.robot import RobotModel
from arbiter.slots import LatestSlot
from arbiter.types import RobotState, Sighting, Steering, Surroundings

NOTHING_KNOWN = Surroundings()


@dataclass(frozen=True, slots=True)
class Progress:
    """What a skill knows of its own run.

    Attributes:
        elapsed: Time since the skill took its joints [s].
        travelled: Integral of the commanded velocity since then: x, y [m], yaw [rad], shape (3,), body frame.
        turned: Yaw turned since then, from the IMU [rad], unwrapped.
        parameters: The values in force, by name; `number`, `given` and `word` read one with its type.
        chunks: Chunks that a chunk policy has played to their end or their successor; 0 for others.
        start: State when the skill took its joints.
        sightings: What the camera saw since the skill was asked for, the newest last; only of a skill that `sees`.
        robot: Whose joints these are; `model.groups` and `body` tell which is which. None in tests that need none.
        commands: Largest |x|, |y| [m/s] and |yaw| [rad/s] that the policy was made for; None: it does not say.
        surroundings: What it remembers from before, and sees now: balls, and where it began.
        blind: Why the last look of a skill that `sees` told nothing: no camera, no picture, the detector's error; "" if it did.
    """

    elapsed: float
    travelled: np.ndarray
    turned: float
    parameters: Mapping[str, float | str | None]
    chunks: int
    start: RobotState
    sightings: tuple[Sighting, ...] = ()
    robot: RobotModel | None = None
    commands: Sequence[float] | None = None
    surroundings: Surroundings = NOTHING_KNOWN
    blind: str = ""

    def given(self, name: str) -> float | None:
        """The number of this parameter, None: it is not set. Raises SkillError where it is anything else."""
        value = self.parameters.get(name)
        if value is None or isinstance(value, (float, int)):
            return value
        raise SkillError(f"parameter {name} is {value!r}; a number is expected")

    def number(self, name: str) -> float:
        """The number of this parameter. Raises SkillError where it has none."""
        value = self.parameters.get(name)
        if isinstance(value, (float, int)):  # asked several times a tick: a tuple takes half the time of a union
            return value
        if value is None:
            raise SkillError(f"parameter {name} is not set, and the skill's `parameters` have no default; a number is expected")
        raise SkillError(f"parameter {name} is {value!r}; a number is expected")

    def word(self, name: str) -> str:
        """The word of this parameter. Raises SkillError where it has none."""
        value = self.parameters.get(name)
        if not isinstance(value, str):
            raise SkillError(f"parameter {name} is {value!r}; a word is expected")
        return value

    @property
    def model(self) -> RobotModel:
        """The robot. Raises SkillError where it is not known."""
        if self.robot is None:
            raise SkillError("no robot is known; `Progress.robot` has to be given")
        return self.robot

    @property
    def body(self) -> Body:
        """The robot's body, see RobotModel.known_body."""
        return self.model.known_body


@dataclass(frozen=True, slots=True)
class RunContext:
    """What a run of a skill may use.

    Attributes:
        robot: Its model; None in tests that need none.
        steering: Where the operator's stick is, if there is one.
        learned: What runs have learned of this robot, by name, for those that come after them.
    """

    robot: RobotModel | None = None
    steering: LatestSlot[Steering] = field(default_factory=LatestSlot)
    learned: dict[str, np.ndarray] = field(default_factory=dict)
