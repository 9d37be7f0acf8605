"""The real robot with all that belongs to a run on it: pre-flight, supervisor, operator.

supervised = bring_up_robot("berkeley_humanoid_lite", tree="default.yaml", operator="gamepad")
# supervised.robot is opened, not connected; call .beat after each tick, poll .sources before it, .close at the end
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from arbiter.errors import ConfigError, RobotError
from deploy.drivers.can.can_robot import CanRobot, open_robot
from deploy.drivers.can.hardware_file import load_hardware
from deploy.drivers.checks import Report
from deploy.operator import OPERATORS, open_operator
from deploy.runtime.preflight import preflight
from deploy.supervision import Supervision


@dataclass(slots=True)
class SupervisedRobot:
    """What a session needs of the real robot.

    Attributes:
        robot: Opened, not connected.
        report: Of the pre-flight; it has passed.
        beat: Called after every tick: the supervisor's heartbeat.
        sources: Polled before each tick: the operator.
        closers: Called in order, after the robot was closed.
    """

    robot: CanRobot
    report: Report
    beat: Callable[[], None]
    sources: list = field(default_factory=list)
    closers: list[Callable[[], None]] = field(default_factory=list)

    def close(self) -> None:
        """Closes the robot first: the supervisor still damps if this process dies before the motors are in IDLE."""
        self.robot.close()
        for close in self.closers:
            close()


def bring_up_robot(
    robot: str = "berkeley_humanoid_lite",
    *,
    hardware_file: str | None = None,
    tree: str | None = None,
    camera=None,
    operator: str = "none",
    record: Callable[[bool], None] | None = None,
    heartbeat: float | None = None,
) -> SupervisedRobot:
    """Runs pre-flight, starts the supervisor and opens the operator's device. Nothing moves.

    Args:
        robot: Name of the robot description.
        hardware_file: Another hardware file than the robot's own.
        tree: Tree file that pre-flight loads; None: left out.
        camera: A CameraConfig that pre-flight checks; None: left out.
        operator: "gamepad", "keyboard" or "none".
        record: Called when the operator switches recording.
        heartbeat: Longest time between two ticks until the supervisor damps [s]; None: the hardware file's command_age.

    Raises:
        RobotError: Pre-flight failed (with its table), or something cannot be opened.
        ConfigError: An option or a file is wrong.
    """
    if operator not in (*OPERATORS, "none"):
        raise ConfigError(f"operator {operator!r}; allowed: {', '.join(OPERATORS)}, none")
    hardware = load_hardware(robot, hardware_file)
    supervision = Supervision(robot, hardware_file, heartbeat or hardware.limits.command_age)
    body = open_robot(robot, hardware, supervision.word, supervision.pause)
    try:
        report = preflight(body, tree=tree, camera=camera)
        if not report.ok:
            raise RobotError(f"{robot}: pre-flight failed, motion is not armed:\n{report.table()}")
        source = open_operator(operator)
        supervision.start()
    except BaseException:  # whatever happens, ports are freed before it goes on
        body.close()
        raise
    taken = SupervisedRobot(body, report, supervision.beat, closers=[supervision.close])
    if source is not None:
        source.record = record
        taken.sources.append(source)
        taken.closers.append(source.close)
    return taken
