"""python -m deploy.doctor: checks everything before motion is armed. Exit status 0: may be armed, 1: not."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, NamedTuple

from arbiter.errors import ArbiterError
from arbiter.plugins import PATIENCE
from arbiter.robot import Robot
from deploy.cli.command import CommandParser, in_one_line
from deploy.cli.extras import extra
from deploy.cli.options import robot_name

if TYPE_CHECKING:
    from deploy.drivers.sensors.camera import CameraConfig


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("deploy.doctor", description="Pre-flight: pass, warn or fail, and what to do.")
    p.add_argument(
        "--robot",
        type=robot_name,
        default="berkeley_humanoid_lite",
        help="name of a robot description, rig, or a driver of the tree file",
    )
    p.add_argument("--hardware", metavar="FILE", help="another hardware file than the robot's own, such as a rig's")
    p.add_argument("--tree", default="default.yaml", metavar="FILE", help="tree file whose policies are loaded; none: left out")
    p.add_argument("--camera", default="0", metavar="SOURCE", help="device number or path; none: left out")
    p.add_argument("--fault", action="append", default=[], metavar="SPEC", help="with --robot rig: a fault to find")
    return p


with extra(__name__, parser, "can", "serial", "cv2"):  # the robot of a driver that a user brings needs none of them
    from deploy.runtime.bodies import drivers_of, open_driver
    from deploy.runtime.config import load_tree
    from deploy.runtime.preflight import preflight
    from deploy.runtime.tree_robot import robot_of


class Patient(NamedTuple):
    """Whom the pre-flight looks at: a robot that is not connected; see `deploy.runtime.preflight.preflight`."""

    robot: Robot
    camera: CameraConfig | None = None
    patience: float | None = None


def main(arguments: list[str] | None = None) -> int:
    args = parser().parse_args(arguments)
    try:
        found = _rig(args) if args.robot == "rig" else _from_outside(args) or _on_can(args)
    except ArbiterError as error:
        print(f"fail  robot  {error}", file=sys.stderr)
        return 1
    tree = None if args.tree == "none" else args.tree
    report = preflight(found.robot, tree=tree, camera=found.camera, patience=found.patience)
    found.robot.close()
    print(report.table())
    return 0 if report.ok else 1


def _rig(args: argparse.Namespace) -> Patient:
    from deploy import rig

    robot = rig.start(faults=tuple(args.fault), body="joints")
    robot.rig.advance(0.0)
    return Patient(robot)


def _on_can(args: argparse.Namespace) -> Patient:
    from deploy.drivers.can.can_robot import open_robot
    from deploy.drivers.can.hardware_file import load_hardware
    from deploy.drivers.sensors.camera import config_of

    return Patient(open_robot(args.robot, load_hardware(args.robot, args.hardware)), config_of(args.camera))


def _from_outside(args: argparse.Namespace) -> Patient | None:
    """The robot of a driver plug-in; None if no driver has this name."""
    if args.tree == "none":
        return None
    loaded = load_tree(args.tree)
    kind = drivers_of(loaded).kinds.get(args.robot)
    return None if kind is None else Patient(open_driver(kind, robot_of(loaded), loaded), patience=PATIENCE)


if __name__ == "__main__":
    sys.exit(in_one_line(main))
