"""python -m deploy.doctor: checks everything before motion is armed. Exit status 0: may be armed, 1: not."""

from __future__ import annotations

import argparse
import sys

from arbiter.errors import ArbiterError
from arbiter.plugins import PATIENCE
from arbiter.robot import Robot
from deploy.cli.command import CommandParser, in_one_line
from deploy.cli.extras import extra
from deploy.cli.options import robot_name


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


with extra(__name__, parser, "can", "serial", "cv2"):
    from deploy import rig
    from deploy.drivers.can.can_robot import CanRobot, open_robot
    from deploy.drivers.can.hardware_file import load_hardware
    from deploy.drivers.sensors.camera import config_of
    from deploy.robots.description import load_model
    from deploy.runtime.bodies import drivers_of, open_driver
    from deploy.runtime.config import load_tree
    from deploy.runtime.preflight import preflight


def main(arguments: list[str] | None = None) -> int:
    args = parser().parse_args(arguments)
    try:
        if args.robot == "rig":
            robot = rig.start(faults=tuple(args.fault), body="joints")
            robot.rig.advance(0.0)
        else:
            robot = _from_outside(args) or open_robot(args.robot, load_hardware(args.robot, args.hardware))
    except ArbiterError as error:
        print(f"fail  robot  {error}", file=sys.stderr)
        return 1
    camera = None if args.robot == "rig" or not isinstance(robot, CanRobot) else config_of(args.camera)
    patience = None if isinstance(robot, CanRobot) else PATIENCE
    report = preflight(robot, tree=None if args.tree == "none" else args.tree, camera=camera, patience=patience)
    robot.close()
    print(report.table())
    return 0 if report.ok else 1


def _from_outside(args: argparse.Namespace) -> Robot | None:
    """The robot of a driver plug-in; None if no driver has this name."""
    if args.tree == "none":
        return None
    loaded = load_tree(args.tree)
    kind = drivers_of(loaded).kinds.get(args.robot)
    return None if kind is None else open_driver(kind, load_model(loaded.robot), loaded)


if __name__ == "__main__":
    sys.exit(in_one_line(main))
