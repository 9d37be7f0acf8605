"""The data that modules exchange: frozen, read-only, with units in every docstring.

All joint arrays are float64, shape (n,), in the robot's joint order (n = 22 for the Berkeley Humanoid Lite).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


def frozen(values, dtype=np.float64) -> np.ndarray:
    """A read-only copy of `values`."""
    array = np.array(values, dtype=dtype)
    array.setflags(write=False)
    return array


class Mode(enum.Enum):
    """Modes of the safety layer: which commands it accepts. Faults lead down this list."""

    PASSIVE = "passive"  # nothing was armed yet: damping only
    RUN = "run"  # policies drive
    HOLD = "hold"  # the last good command stands in
    SETTLE = "settle"  # a healthy fallback policy drives to a stand or a crouch
    DAMP = "damp"  # kp 0, kd: the joints resist motion, nothing else
    OFF = "off"  # no torque


@dataclass(frozen=True, slots=True)
class BaseEstimate:
    """Where the base is and how it moves, from IMU, joints and the contact of the feet.

    The odometry frame: z up, its origin where the point was when the estimate began, its x axis where the robot looked then.

    Attributes:
        position: Of the torso's centre of mass [m], odometry frame, shape (3,).
        velocity: Of the same point [m/s], odometry frame, shape (3,).
        heading: Of the base [rad], positive to the left, unwrapped; 0 when the estimate began.
        covariance: Of position x, y, velocity x, y and heading [m, m/s, rad], shape (5, 5).
        doubt: Why it is not to be trusted now, "" if it is.
    """

    position: np.ndarray
    velocity: np.ndarray
    heading: float
    covariance: np.ndarray
    doubt: str = ""

    @property
    def trusted(self) -> bool:
        """It is measured now, by feet on the floor; what it says of the past holds within its covariance."""
        return not self.doubt

    @property
    def deviations(self) -> tuple[float, float, float]:
        """Standard deviations of position [m] and velocity [m/s], the larger of x and y, and of the heading [rad]."""
        x, y, vx, vy, heading = self.covariance.diagonal().tolist()
        return max(x, y) ** 0.5, max(vx, vy) ** 0.5, heading**0.5


@dataclass(frozen=True, slots=True)
class RobotState:
    """One reading of the robot.

    Attributes:
        stamp: When it was measured [s, monotonic or simulated].
        joint_pos: Joint positions [rad], shape (n,), robot order.
        joint_vel: Joint velocities [rad/s], shape (n,), robot order.
        base_quat: Orientation of the base in the world (w, x, y, z), shape (4,).
        base_ang_vel: Angular velocity [rad/s] in the body frame, shape (3,).
        joint_age: Age of each joint's reading at `stamp` [s], shape (n,).
        imu_age: Age of the orientation at `stamp` [s].
        battery: State of charge 0..1, nan where the robot cannot tell.
        faults: Names of the faults that the drivers report now, such as "can1: bus off".
        acceleration: Specific force at the IMU [m/s²], body frame, shape (3,): +g upwards at rest, the mean since the last
            reading; None where the driver has none.
        mean_ang_vel: Mean angular velocity since the last reading [rad/s], body frame, shape (3,): times the time between the two
            the rotation in between; None where the driver has none. `base_ang_vel` is that of the moment.
        estimate: Where the base is; the tick adds it for a robot whose feet are known.
    """

    stamp: float
    joint_pos: np.ndarray
    joint_vel: np.ndarray
    base_quat: np.ndarray
    base_ang_vel: np.ndarray
    joint_age: np.ndarray
    imu_age: float = 0.0
    battery: float = float("nan")
    faults: tuple[str, ...] = ()
    acceleration: np.ndarray | None = None
    mean_ang_vel: np.ndarray | None = None
    estimate: BaseEstimate | None = None

    @property
    def gravity(self) -> np.ndarray:
        """Unit vector of gravity in the body frame, shape (3,); (0, 0, -1) when upright."""
        w, x, y, z = self.base_quat.tolist()
        return np.array((2.0 * (w * y - x * z), -2.0 * (y * z + w * x), 2.0 * (x * x + y * y) - 1.0))

    @property
    def tilt(self) -> float:
        """Angle between the base's z axis and the vertical [rad]."""
        w, x, y, z = self.base_quat.tolist()
        return float(np.arccos(min(1.0, max(-1.0, 1.0 - 2.0 * (x * x + y * y)))))


@dataclass(frozen=True, slots=True)
class Sighting:
    """The balls in one picture of the head camera.

    Attributes:
        stamp: When the picture was taken [s, the clock of the tick].
        balls: Centre of each ball in view [m], base frame, shape (3,), by colour; one that is not in view is left out.
        error: Why nothing could be found in it: the detector's own error; "" where it was looked at.
    """

    stamp: float
    balls: Mapping[str, np.ndarray]
    error: str = ""


@dataclass(frozen=True, slots=True)
class Standpoint:
    """Where the robot stands: x, y [m] of its torso and heading [rad, positive to the left], odometry frame."""

    x: float
    y: float
    heading: float


@dataclass(frozen=True, slots=True)
class RememberedBall:
    """A ball that was seen, in view or not.

    Attributes:
        position: Of its centre [m], odometry frame, shape (3,).
        doubt: Standard deviation of that [m] when it was last seen.
        stamp: When that was [s].
        way: That the robot had gone by then [m].
    """

    position: np.ndarray
    doubt: float
    stamp: float
    way: float


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the robot remembers, beyond one skill.

    Attributes:
        balls: By colour.
        start: Where its first instruction found it; None: no instruction has begun, or the estimate has begun anew since.
        way: That it has gone until now [m].
    """

    balls: Mapping[str, RememberedBall] = field(default_factory=dict)
    start: Standpoint | None = None
    way: float = 0.0


@dataclass(frozen=True, slots=True)
class Steering:
    """The operator's stick: velocity x, y [m/s] and yaw [rad/s], shape (3,), and when it was read [s, monotonic]."""

    velocity: np.ndarray
    stamp: float


@dataclass(frozen=True, slots=True)
class JointTarget:
    """A policy's target for the joints that it drives.

    Attributes:
        q: Position targets [rad], shape (n,), robot order; entries outside `joints` are ignored.
        kp: Position gains [N·m/rad], shape (n,).
        kd: Velocity gains [N·m·s/rad], shape (n,).
        joints: Mask of the joints that this target drives, bool, shape (n,).
    """

    q: np.ndarray
    kp: np.ndarray
    kd: np.ndarray
    joints: np.ndarray


@dataclass(frozen=True, slots=True)
class Intervention:
    """One change or refusal by the safety layer.

    Attributes:
        check: Name of the check ("finite", "shape", "age", "mode", "position", "velocity", "acceleration", "torque",
            "gain", "collision").
        joint: Joint name, or "" for the whole command.
        policy: Name of the policy that caused it.
        asked: The value that was asked for (nan where there is none).
        given: The value that was sent.
    """

    check: str
    joint: str
    policy: str
    asked: float
    given: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a command is what it is."""

    mode: Mode
    interventions: tuple[Intervention, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SafeCommand:
    """A command for the motors. Only `arbiter.safety` makes one, and a robot accepts nothing else.

    Attributes:
        stamp: When it was made [s].
        q: Position targets [rad], shape (n,), robot order.
        kp: Position gains [N·m/rad], shape (n,). All zero: damping.
        kd: Velocity gains [N·m·s/rad], shape (n,).
        mode: The mode it was made under. Mode.OFF: no torque at all.
    """

    stamp: float
    q: np.ndarray
    kp: np.ndarray
    kd: np.ndarray
    mode: Mode


@dataclass(frozen=True, slots=True)
class Request:
    """A skill's request to its policy, new in every tick.

    Attributes:
        velocity: Commanded base velocity x, y [m/s] and yaw [rad/s] in the body frame, shape (3,).
        prompt: The instruction for a language-conditioned policy.
        elapsed: Time since the skill took its joints [s].
        posture: Joint positions [rad], shape (n,), for a policy that goes to a posture; None: its own default.
        start: The robot may still hang in its harness: to the posture slowly, and no balancing in the air.
        height: Height of the base above the floor [m], for a policy that takes one (its attribute `takes`); None: its own.
        heading: Angle that the base is still to turn by [rad], to the left; likewise.
    """

    velocity: np.ndarray = field(default_factory=lambda: frozen((0.0, 0.0, 0.0)))
    prompt: str = ""
    elapsed: float = 0.0
    posture: np.ndarray | None = None
    start: bool = False
    height: float | None = None
    heading: float | None = None
