"""Drivers that users bring: an entry point in the group `arbiter.drivers`, or a file under `drivers.files` of the tree.

class Arm(Driver):
    name, help, Config = "arm", "my arm on its serial line", ArmConfig

    def open(self, model, settings):
        return SerialArm(model, settings.port)

`--robot arm` drives it. What the robot can do beyond `arbiter.robot.Robot` is told by the protocols that it keeps: a harness
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
    """What stands behind `--robot NAME`. Its settings are `drivers.settings.NAME` of the tree file.

    Attributes:
        lockstep: `step` lets time pass: it can run with --fast.
    """

    lockstep: bool = False

    def open(self, model: RobotModel, settings: Any) -> Robot:
        """The robot, not connected: nothing is opened yet that could move. Raises whatever tells what is wrong.

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
    """A robot whose true state can be told beside what it measures, see `deploy.drivers.simulated.truth`."""

    truth: Any


def check_driver_kind(kind: Any) -> list[str]:
    """What is wrong with a class that brings a driver, one line each. What it opens is for
    `deploy.drivers.contract.check_driver`."""
    problems = check_form(kind, Driver, "driver", TAKEN)
    if not problems and kind.open is Driver.open:
        problems = [f"{kind.__name__} has no open()"]
    return problems


def form_problems(robot: object) -> list[str]:
    """What is wrong with the attributes of what a driver opened, one line each."""
    problems = [f"{type(robot).__name__} has no {call}()" for call in CALLS if not callable(getattr(robot, call, None))]
    if not isinstance(getattr(robot, "model", None), RobotModel):
        problems.append("model is no arbiter.robot.RobotModel")
    return problems


DRIVER_DOOR = Door("arbiter.drivers", Driver, "driver", check_driver_kind, TAKEN)
