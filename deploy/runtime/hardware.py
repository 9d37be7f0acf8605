"""The robot on CAN, real or on the rig, for a run: pre-flight first, then a driver; the supervisor beside it.

Imported only when asked for: it needs the extra `robot`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from arbiter.errors import RobotError
from arbiter.robot import RobotModel
from deploy import rig
from deploy.drivers.can.can_robot import CanRobot
from deploy.drivers.sensors.camera import Blind, Camera, CameraConfig, config_of
from deploy.drivers.simulated.scene import Scene
from deploy.robots.description import name_or_folder
from deploy.runtime.bring_up import bring_up_robot
from deploy.runtime.preflight import preflight

__all__ = ["Hardware", "config_of", "open_rig", "open_camera", "open_real"]


@dataclass(slots=True)
class Hardware:
    """What a run needs of it.

    Attributes:
        robot: The driver, not yet connected.
        table: The table of the pre-flight, for the user.
        beat: Called after each tick; None on the rig.
        closers: Called at the end.
        sources: Polled before each tick: the operator.
    """

    robot: CanRobot
    table: str
    beat: Callable[[], None] | None = None
    closers: list[Callable[[], None]] = field(default_factory=list)
    sources: list = field(default_factory=list)


def open_rig(model: RobotModel, faults: tuple[str, ...], seed: int, scene: Scene | None, physics_dt: float) -> Hardware:
    """Simulated motors and IMU with the real protocol, and a body in MuJoCo, in `scene` and by steps of `physics_dt` [s], behind
    them."""
    looked_at = rig.start(name_or_folder(model), faults=faults, body="joints", model=model)
    looked_at.rig.advance(0.0)
    table = _checked(looked_at)
    return Hardware(
        rig.start(name_or_folder(model), seed=seed, faults=faults, model=model, scene=scene, physics_dt=physics_dt), table
    )


def open_real(model: RobotModel, camera: CameraConfig | None, file: str | None = None, operator: str = "none") -> Hardware:
    """The real robot, watched by a supervisor process. Raises RobotError with the table when pre-flight fails."""
    taken = bring_up_robot(name_or_folder(model), hardware_file=file, camera=camera, operator=operator)
    return Hardware(taken.robot, taken.report.table(), taken.beat, taken.closers, taken.sources)


def _checked(robot: CanRobot) -> str:
    report = preflight(robot, machine=False)
    robot.close()
    if not report.ok:
        raise RobotError(
            f"pre-flight failed, nothing was armed:\n{report.table()}\nmend it, then look again with: python -m deploy.doctor"
        )
    return report.table()


def open_camera(config: CameraConfig | None) -> Camera | Blind:
    """The head camera. Raises RobotError if it cannot be opened."""
    return Blind() if config is None else Camera(config)
