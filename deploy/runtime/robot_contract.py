"""What a robot's folder has to keep. Run it against your own:

from deploy.runtime.robot_contract import check_robot_folder
assert check_robot_folder("path/to/folder") == []
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from arbiter.errors import ArbiterError
from arbiter.robot import RobotModel
from deploy.drivers.sensors.visible import not_drawn
from deploy.robots.folder_checks import Finding, checks, open_folder
from deploy.robots.stability import needed_ankle_stiffness
from deploy.runtime.assemble import assemble
from deploy.runtime.config import load_tree
from deploy.runtime.session import Session

READY_S, STANDS_S = 20.0, 5.0
UPRIGHT, HEIGHT = 0.3, 0.85  # tilt [rad] at most, share of the standing height at least, while it stands
DEFAULT_TREE = "default.yaml"


def check_robot_folder(path: str | Path, stands: bool = True) -> list[str]:
    """Everything that is wrong with the robot's folder at `path`, one line each; empty when it keeps the contract.

    Args:
        stands: Simulate, too, that it stands for five seconds.
    """
    return [f"{one.check}: {one.text}" for one in examine_folder(path, stands) if one.level == "error"]


def examine_folder(path: str | Path, stands: bool = True) -> list[Finding]:
    """What every check of a folder found, in order; it ends where the next one would make no sense."""
    found: list[Finding] = []
    try:
        for one in _examined(path, stands):
            found.append(one)
    except ArbiterError as error:
        found += [Finding("folder", "error", line) for line in str(error).splitlines()]
    return found


def _examined(path: str | Path, stands: bool) -> Iterator[Finding]:
    folder = open_folder(path)
    yield from checks(folder)
    if hidden := not_drawn(folder.mj):
        yield Finding(
            "pictures", "warning", f"not drawn in film and camera (no visible shape in groups 0 to 2): {', '.join(hidden)}"
        )
    if stands and folder.roles.free:
        yield _stand(path, folder.robot, needed_ankle_stiffness(folder.mj, folder.robot, folder.roles))


def _stand(path: str | Path, robot: RobotModel, ankles: float) -> Finding:
    """Hangs it in the harness, arms, releases, and looks at the simulation's truth."""
    home = "control.dwell=0.2" if robot.stand == "reflex" else "home={}"
    loaded = load_tree(
        DEFAULT_TREE, [f"robot={json.dumps(str(Path(path).resolve()))}" if Path(path).exists() else f"robot={path}", home]
    )
    assembly = assemble(loaded, fast=True)
    truths = []
    try:
        session = Session(assembly.robot, assembly.arbiter, assembly.clock, [], assembly.observers)
        session.start()
        while not assembly.arbiter.world.ready and session.clock.now < READY_S and not session.faulted:
            session.step()
        truth = assembly.truth
        if truth is None or not assembly.arbiter.world.ready:
            why = assembly.arbiter.safety.fault or "it is not upright on loaded feet"
            return Finding("stand", "error", f"not ready within {READY_S:g} s ({robot.stand}): {why}{_way_out(robot, ankles)}")
        until = session.clock.now + STANDS_S
        while session.clock.now < until:
            session.step()
            truths.append(truth())
    finally:
        assembly.close()
    if robot.known_body.standing <= 0.0:
        return Finding("stand", "error", f"its standing height is {robot.known_body.standing:g} m: no feet are below its base")
    height = min(truth.torso_height for truth in truths) / robot.known_body.standing
    tilt = max(2.0 * np.arccos(min(1.0, float(np.hypot(t.base_quat[0], t.base_quat[3])))) for t in truths)
    text = f"by {robot.stand}: tilt up to {tilt:.2f} rad, {100.0 * height:.0f} % of the standing height for {STANDS_S:g} s"
    stands = tilt <= UPRIGHT and height >= HEIGHT
    return Finding("stand", "ok" if stands else "error", text if stands else text + _way_out(robot, ankles))


def _way_out(robot: RobotModel, ankles: float) -> str:
    """What makes a robot stand that falls or never gets ready; `ankles`: the stiffness that they need [N·m/rad]."""
    if robot.stand not in ("posture", "reflex"):
        return f". Check what {robot.stand} expects: `python -m deploy.policy check FILE --robot FOLDER`"
    others = "put a walking policy that stands into policies/ and say `stand: locomotion`"
    if robot.stand == "reflex":
        return f". Bend the knees of the default posture, give the real kp and kd and make the gains again, or {others}"
    kp = min((float(robot.kp[i]) for i in robot.known_body.ankles), default=0.0)
    soft = f" Its ankles have kp {kp:g}; {ankles:.0f} N·m/rad each would hold its weight upright." if kp < ankles else ""
    return f".{soft} Give the robot's own kp, or `stand: reflex` (python -m deploy.robot balance FOLDER), or {others}"
