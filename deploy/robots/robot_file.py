"""The keys of a robot's `robot.yaml`. SI units, radians."""

from __future__ import annotations

import importlib.util
import math
from dataclasses import dataclass, field
from pathlib import Path

from arbiter.errors import ConfigError
from arbiter.robot import GAIN_ROOM

PACKAGE = "package:"
WAYS = ("forward", "backward", "sideways", "turn")
RESERVED = ("whole_body",)


@dataclass(frozen=True, slots=True)
class JointFigures:
    """A joint, in the order of the model.

    Attributes:
        name: As in the MuJoCo model.
        group: Any name; "legs" carry the robot; joints of "arms" and of all other groups go to rest when no skill uses them.
        lower, upper: Range of the position target [rad].
        velocity, acceleration: Limits of the commanded velocity [rad/s] and acceleration [rad/s²].
        effort: Torque limit [N·m].
        kp, kd: Nominal gains [N·m/rad], [N·m·s/rad].
        default: Default posture [rad].
        kp_max, kd_max: Largest gains that a policy may ask for; not given: twice the nominal ones.
        armature: Reflected inertia of the drive [kg·m²]; not given: as in the model.
    """

    name: str
    group: str
    lower: float
    upper: float
    velocity: float
    acceleration: float
    effort: float
    kp: float
    kd: float
    default: float
    kp_max: float | None = None
    kd_max: float | None = None
    armature: float | None = None

    def __post_init__(self) -> None:
        if not self.lower < self.upper:
            raise ConfigError(f"joint {self.name}: lower {self.lower} is not below upper {self.upper}")
        if not self.lower <= self.default <= self.upper:
            raise ConfigError(f"joint {self.name}: default {self.default} is outside {self.lower} to {self.upper}")
        for key in ("velocity", "acceleration", "effort", "kp", "kd"):
            if not 0.0 < getattr(self, key) < math.inf:
                raise ConfigError(f"joint {self.name}: {key} is {getattr(self, key)}; it must be finite and above 0")
        for key in ("kp", "kd"):
            if self.most(key) < getattr(self, key):
                raise ConfigError(f"joint {self.name}: {key}_max {self.most(key)} is below {key} {getattr(self, key)}")
        if self.armature is not None and not 0.0 <= self.armature < math.inf:
            raise ConfigError(f"joint {self.name}: armature is {self.armature}; 0 kg·m² and more are allowed")
        if self.group in RESERVED or not self.group:
            raise ConfigError(f"joint {self.name}: group is {self.group!r}; any other name is allowed")

    def most(self, key: str) -> float:
        """The largest "kp" or "kd" that a policy may ask for."""
        given = getattr(self, f"{key}_max")
        return GAIN_ROOM * getattr(self, key) if given is None else given


@dataclass(frozen=True, slots=True)
class Fall:
    """When the robot counts as fallen.

    Attributes:
        tilt: Angle between the base's z axis and the vertical [rad].
    """

    tilt: float = 0.9


@dataclass(frozen=True, slots=True)
class RoleNames:
    """Parts of the model that have a role. A part that is not named is found in the model.

    Attributes:
        base: Body that carries the IMU and hangs in the harness; found: the one with the free joint.
        feet: Bodies of the soles, left first; found: the last bodies of the limbs of group "legs".
        hands: Bodies or sites, left first; found: sites named hand or palm at the ends of the limbs of group "arms".
        head_camera: Camera of the model; found: the one named "head".
    """

    base: str | None = None
    feet: tuple[str, ...] | None = None
    hands: tuple[str, ...] | None = None
    head_camera: str | None = None


@dataclass(frozen=True, slots=True)
class CameraMount:
    """A head camera that the model lacks.

    Attributes:
        body: That it is fixed to.
        position: In that body's frame [m].
        down: Angle of the view below the body's x axis [rad].
        field: Angle of view from the top to the bottom edge [rad].
    """

    body: str
    position: tuple[float, float, float]
    down: float = 0.7
    field: float = 1.5


@dataclass(frozen=True, slots=True)
class Sizes:
    """Dimensions that the skills' criteria use [m]; those not given are computed from the model.

    Attributes:
        shoulders: Their height in the base frame: a waving hand is above them.
        head: Height of its top in the base frame: raised hands are above it.
        reach: From a shoulder to its hand, at most.
    """

    shoulders: float | None = None
    head: float | None = None
    reach: float | None = None


@dataclass(frozen=True, slots=True)
class RobotFile:
    """`robot.yaml` as a whole.

    Attributes:
        name: The robot's; policies name it.
        version: Of the description.
        joints: In the order of the model.
        model: MuJoCo file: relative to the folder, absolute, or `package:PACKAGE/PATH` inside an installed package.
        control_hz: Rate of the tick [Hz].
        motor_hz: Rate at which the drivers feed the motors [Hz].
        total_mass: [kg]; where given, the check compares the model's with it.
        fall: When the robot counts as fallen.
        groups: Further groups as lists of the joints' groups, such as `legs: [left_leg, right_leg]`.
        fixed: Joints of the model that are locked, such as fingers.
        roles: Parts of the model that have one.
        camera: A head camera that the model lacks.
        sizes: Dimensions that the skills' criteria use.
        speeds: Least, usual and largest speed of its walk by way (WAYS) [m/s, rad/s].
        stand: What keeps the robot on its legs when no skill does: "reflex" (needs balance.json in the folder), "posture" (holds
            the default posture), or the name of a policy, which is asked for zero velocity. Not given: the reflex where there
            is a balance.json, else the policy "locomotion" where the folder has one, else the posture.
    """

    name: str
    version: int
    joints: tuple[JointFigures, ...]
    model: str = "model.xml"
    control_hz: float = 50.0
    motor_hz: float = 250.0
    total_mass: float | None = None
    fall: Fall = Fall()
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    fixed: tuple[str, ...] = ()
    roles: RoleNames = RoleNames()
    camera: CameraMount | None = None
    sizes: Sizes = Sizes()
    speeds: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    stand: str | None = None

    def __post_init__(self) -> None:
        names = [joint.name for joint in self.joints]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigError(f"robot {self.name}: joints named twice: {', '.join(twice)}")
        if not names:
            raise ConfigError(f"robot {self.name}: no joints")
        for key in ("control_hz", "motor_hz", "total_mass"):
            if getattr(self, key) is not None and not getattr(self, key) > 0.0:
                raise ConfigError(f"robot {self.name}: {key} is {getattr(self, key)}; it must be above 0")
        for way, speed in self.speeds.items():
            if way not in WAYS or speed is None or not 0.0 < speed[0] <= speed[1] <= speed[2]:
                raise ConfigError(
                    f"robot {self.name}: speeds.{way} is {speed}; least, usual and largest are expected, of {', '.join(WAYS)}"
                )
        known = {joint.group for joint in self.joints}
        for group, parts in self.groups.items():
            missing = [part for part in parts if part not in known]
            if missing or group in RESERVED:
                what = f"no joint has the group {missing[0]!r}" if missing else "the name is taken"
                raise ConfigError(f"robot {self.name}: groups.{group}: {what}; groups of the joints: {', '.join(sorted(known))}")

    def model_path(self, folder: Path) -> Path:
        """The MuJoCo file. Raises ConfigError if it lies in a package that is not installed."""
        if not self.model.startswith(PACKAGE):
            return folder / Path(self.model).expanduser()
        package, _, inside = self.model.removeprefix(PACKAGE).partition("/")
        spec = importlib.util.find_spec(package) if package.isidentifier() else None
        places = [] if spec is None else list(spec.submodule_search_locations or [])
        if not places:
            raise ConfigError(f"robot {self.name}: model {self.model}: no package {package!r} is installed here; install it")
        return Path(places[0]) / inside
