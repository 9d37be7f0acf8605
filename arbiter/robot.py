"""The robot for the runtime core: a model (figures and limits) and a driver protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from arbiter.body import Body
from arbiter.errors import RobotError
from arbiter.types import RobotState, SafeCommand, frozen

NOT_GIVEN = frozen(())
MAX_CREEP = 0.05  # [s] what the creep of a sole may be, either way: no contact is damped so little
GAIN_ROOM = 2.0  # policies bring their own gains; beyond twice the robot's nominal ones a motor loop may ring


@dataclass(frozen=True, slots=True)
class RobotModel:
    """Figures of a robot. Joint arrays are read-only, shape (n,), robot order, SI units.

    Attributes:
        name: For example "berkeley_humanoid_lite".
        joints: Joint names, robot order.
        lower, upper: Range of each joint [rad].
        velocity: Limit of the commanded velocity [rad/s].
        acceleration: Limit of the commanded acceleration [rad/s²].
        effort: Torque limit [N·m].
        kp, kd: Nominal gains [N·m/rad], [N·m·s/rad].
        default: Default posture [rad].
        groups: Joint masks by name: "legs" (what carries the robot), "arms", "whole_body", and the robot's own, such as
            "waist". "legs" and "arms" are empty where there are none.
        control_hz: Rate of the tick [Hz].
        motor_hz: Rate at which the drivers feed the motors [Hz].
        fall_tilt: Tilt beyond which the robot counts as fallen [rad].
        kp_max, kd_max: Largest gains that a policy may ask for; not given: twice the nominal ones.
        folder: Of its description; None: the one that ships under its name.
        body: Where its hands, soles and trunk are; None: not known.
        stand: What keeps it on its legs when no skill does: "reflex", "posture", or the name of a policy at zero velocity.
        speeds: Least, usual and largest speed of a walk by its way, "forward", "backward", "sideways" [m/s] and "turn" [rad/s];
            below the least it does not move. Not given: as the skills have them.
        creep: Time constant of the creep of soles on the floor where it walks [s]: a loaded one moves at it times J̇ q̇. A
            calibration (docs/estimate.md); 0: they do not creep.
        others: Mask of all joints beside the legs.
    """

    name: str
    joints: tuple[str, ...]
    lower: np.ndarray
    upper: np.ndarray
    velocity: np.ndarray
    acceleration: np.ndarray
    effort: np.ndarray
    kp: np.ndarray
    kd: np.ndarray
    default: np.ndarray
    groups: dict[str, np.ndarray]
    control_hz: float = 50.0
    motor_hz: float = 250.0
    fall_tilt: float = 0.9
    kp_max: np.ndarray = field(default_factory=lambda: NOT_GIVEN)
    kd_max: np.ndarray = field(default_factory=lambda: NOT_GIVEN)
    folder: Path | None = None
    body: Body | None = None
    stand: str = "reflex"
    speeds: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    creep: float = 0.0
    others: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        for name, nominal in (("kp_max", self.kp), ("kd_max", self.kd)):
            if getattr(self, name) is NOT_GIVEN:
                object.__setattr__(self, name, frozen(GAIN_ROOM * np.asarray(nominal)))
        object.__setattr__(self, "others", frozen(self.groups["whole_body"] & ~self.groups["legs"], bool))

    @property
    def n(self) -> int:
        """Number of joints."""
        return len(self.joints)

    @property
    def dt(self) -> float:
        """Length of a tick [s]."""
        return 1.0 / self.control_hz

    @property
    def known_body(self) -> Body:
        """Its body. Raises RobotError where it has no hands or feet that are known."""
        if self.body is None:
            raise RobotError(f"the robot {self.name} has no body that is known: `roles` of its robot.yaml name hands and feet")
        return self.body

    def index(self, joint: str) -> int:
        """Index of `joint` in robot order."""
        return self.joints.index(joint)


class Robot(Protocol):
    """A driver. `read` and `write` return at once; whatever is slow runs on the driver's own thread.

    A driver starts passive (damping), never re-arms by itself and reports faults in `RobotState.faults`.
    """

    model: RobotModel

    def connect(self) -> None:
        """Opens the hardware, passive. Raises RobotError with the way out."""

    def read(self, now: float) -> RobotState:
        """The newest state. `now` [s] is the clock of the tick; ages are measured against it."""

    def write(self, command: SafeCommand) -> None:
        """Takes the command that holds until the next one."""

    def step(self, dt: float) -> None:
        """Lets `dt` seconds pass: physics in lockstep simulation; nothing on a real robot."""

    def close(self) -> None:
        """Damps, releases the hardware. May be called twice."""


# What a driver can do beyond that: each is asked for with isinstance, and done without where it is not there.


@runtime_checkable
class Hangable(Protocol):
    """A simulated robot in a harness, which starts hanging.

    Attributes:
        supported: 1 hanging in the harness, 0 free; between while it is being released.
        loaded: Share of its weight that its feet carry.
    """

    supported: float
    loaded: float

    def release(self) -> None:
        """Lowers the robot onto its feet and lets it go."""

    def hang(self) -> None:
        """Catches the robot wherever it is, and lifts it."""


@runtime_checkable
class SelfDamping(Protocol):
    """A driver that damps without the tick: for a fault that it finds by itself, or when the run is ended by force.

    Attributes:
        damped_by: The fault that it damped for by itself, "" if none.
    """

    damped_by: str

    def damp(self, why: str) -> None:
        """Damps every motor, at once."""


@runtime_checkable
class FaultLatching(Protocol):
    """A driver that latches faults of its own."""

    def clear_faults(self) -> None:
        """The operator's reset: latched faults are forgotten, and motion must be armed anew."""
