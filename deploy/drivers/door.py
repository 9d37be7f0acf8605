"""Drivers that users bring: an entry point in the group `arbiter.drivers`, or a file under `drivers.files` of the tree.

class Arm(Driver):
    name, help, Config = "arm", "my arm on its serial line", ArmConfig

    def open(self, model, settings):
        return SerialArm(model, settings.port)

`--robot arm` drives it. Abilities beyond `arbiter.robot.Robot` are further protocols that it may have: a harness
(`Hangable`), damping and faults of its own (`SelfDamping`, `FaultLatching`), a pre-flight (`Examinable`), a head camera
(`Seeing`), a body in MuJoCo (`Depicted`) and its truth (`Truthful`).
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from arbiter.kinds import Door, Kind, check_form
from arbiter.robot import Robot, RobotModel
from policies.chunk.protocol import CameraFrame

TAKEN = ("simulated", "rig", "can")
CALLS = ("connect", "read", "write", "step", "close")


class Driver(Kind):
    """A driver plug-in, used by `--robot NAME`. Its settings are `drivers.settings.NAME` of the tree file.

    Attributes:
        lockstep: `step` lets time pass: it can run with --fast.
    """

    lockstep: bool = False

    def open(self, model: RobotModel, settings: Any) -> Robot:
        """The robot, not connected: nothing that could move is opened yet. May raise any exception with the reason.

        Args:
            model: Figures of the robot of the tree file.
            settings: An instance of `Config`, or None.
        """
        raise NotImplementedError


@runtime_checkable
class Seeing(Protocol):
    """A robot with a head camera of its own."""

    def picture(self) -> CameraFrame | None:
        """The latest picture, at once."""


@runtime_checkable
class Depicted(Protocol):
    """A robot with a body in MuJoCo, which cameras and films draw: `mj_model`, `pose`, `scene`, see `SimulatedRobot`."""

    mj_model: Any
    pose: Any
    scene: Any
    head_camera: str
    time: float


@runtime_checkable
class Truthful(Protocol):
    """A robot whose true state is known beside its measurements, see `deploy.drivers.simulated.truth`."""

    truth: Any


def check_driver_kind(kind: Any) -> list[str]:
    """The defects of a driver's class, one line each. The robot that it opens is checked by
    `deploy.drivers.contract.check_driver`."""
    problems = check_form(kind, Driver, "driver", TAKEN)
    if not problems and kind.open is Driver.open:
        problems = [f"{kind.__name__} has no open()"]
    return problems


def form_problems(robot: object) -> list[str]:
    """The defects of the attributes of an opened robot, one line each."""
    problems = [f"{type(robot).__name__} has no {call}()" for call in CALLS if not callable(getattr(robot, call, None))]
    if not isinstance(getattr(robot, "model", None), RobotModel):
        problems.append("model is no arbiter.robot.RobotModel")
    return problems


DRIVER_DOOR = Door("arbiter.drivers", Driver, "driver", check_driver_kind, TAKEN)
