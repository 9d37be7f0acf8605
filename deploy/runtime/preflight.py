"""Pre-flight: checks everything before motion may be armed; a table of pass, warn and fail, each with what to do.

report = preflight(robot, tree="default.yaml")      # a robot that is not connected yet
if not report.ok: refuse to arm
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from arbiter.errors import RobotError
from arbiter.plugins import in_time
from arbiter.robot import Robot, RobotModel
from arbiter.safety import Safety
from arbiter.types import JointTarget, RobotState, frozen
from deploy.drivers.checks import Check, Examinable, Report, attempt, failed, passed, warned
from deploy.runtime.config import load_tree
from deploy.runtime.doors import load_doors
from deploy.runtime.host_checks import check_disk, check_engines, check_heat, check_timing
from deploy.runtime.tree_check import check_tree, groups_of, load_skill_set
from policies.registry import PolicyContext, load_policies

BEYOND = 0.5  # [rad] that the dry commands ask for beyond a joint's end


def preflight(
    robot: Robot, *, tree: str | None = None, camera=None, machine: bool = True, patience: float | None = None
) -> Report:
    """Runs all checks, without torque, and leaves the motors in IDLE.

    Args:
        robot: A robot that is not connected.
        tree: Tree file whose policies and skills are loaded; None: left out.
        camera: A CameraConfig; None: left out.
        machine: Whether the computer is checked too.
        patience: How long the pre-flight of a driver plug-in may take [s]; None: the driver is part of this project.
    """
    checks = [passed("robot", f"{robot.model.name}: {robot.model.n} joints")]
    if tree is not None:
        checks += attempt("tree", lambda: check_tree_file(tree, robot.model))
    checks += attempt("limits", lambda: check_limits(robot.model))
    checks += _own(robot, patience)
    if camera is not None:
        from deploy.drivers.sensors.sensor_checks import check_camera  # needs the extra robot

        checks += check_camera(camera, time.sleep)
    if machine:
        checks += [*check_timing(), check_disk(), check_heat(), check_engines()]
    return Report(tuple(checks))


def _own(robot: Robot, patience: float | None) -> list[Check]:
    """The driver's own pre-flight."""
    if not isinstance(robot, Examinable):
        return [warned("driver", "has no pre-flight of its own", "look at the hardware yourself before motion is armed")]
    if patience is None:
        return robot.preflight()
    found, error = in_time(robot.preflight, patience, "pre-flight not over")
    if not error and not (isinstance(found, list) and all(isinstance(check, Check) for check in found)):
        error = "preflight() gave no list of deploy.drivers.checks.Check"
    return [failed("driver", error, "mend the driver")] if error or found is None else found


def check_tree_file(tree: str, model: RobotModel) -> Check:
    """Loads a tree's skills and policies for this robot. Raises ConfigError with every problem."""
    loaded = load_tree(tree)
    skills = load_skill_set(loaded, model)
    unfit: dict[str, str] = {}
    doors = load_doors(loaded)
    context = PolicyContext(model, loaded.path.parent, lambda: None, kinds=doors.kinds, backends=doors.backends)
    players = load_policies(loaded.config.policies, context, unfit)
    skills.without_policies(unfit)
    skills.without_joints({name: groups_of(group, model) for name, group in players.items()})
    try:
        check_tree(loaded, skills, players)
    finally:
        for group in players.values():
            for player in group:
                player.close()
    return passed("tree", f"{loaded.path.name}: {len(players)} policies, {len(skills.skills)} skills")


def check_limits(model: RobotModel) -> list[Check]:
    """Asks the safety layer, joint by joint, for more than each limit allows. Dry: no command is sent."""
    wrong = []
    for index, joint in enumerate(model.joints):
        for end, sign in ((model.upper[index], 1.0), (model.lower[index], -1.0)):
            given = _dry_command(model, index, end + sign * BEYOND)
            if (given - end) * sign > 1e-6:
                wrong.append(f"{joint} would be sent to {given:.3f} rad, its end is {end:.3f} rad")
    if wrong:
        return [failed("limits", wrong[0], "do not run: the safety layer lets targets beyond the joints' ends pass")]
    return [passed("limits", f"dry commands beyond {2 * model.n} joint ends were all held back")]


def _dry_command(model: RobotModel, index: int, target: float) -> float:
    """The farthest command [rad] that the safety layer makes for a joint asked for `target` during half a second."""
    safety, now, every = Safety(model), 0.0, frozen(np.ones(model.n), bool)
    q = model.default.copy()
    q[index] = target
    posture = model.default.copy()
    state = RobotState(
        0.0,
        frozen(posture),
        frozen(np.zeros(model.n)),
        frozen((1.0, 0.0, 0.0, 0.0)),
        frozen(np.zeros(3)),
        frozen(np.zeros(model.n)),
    )
    refusal = safety.arm(state, now)
    if refusal:
        raise RobotError(f"safety: does not arm for a dry command: {refusal}; mend the robot description")
    asked, owners = JointTarget(frozen(q), model.kp, model.kd, every), ("preflight",) * model.n
    farthest = posture[index]
    for tick in range(25):
        now = (tick + 1) * model.dt
        command, _ = safety.filter(asked, owners, replace(state, stamp=now, joint_pos=frozen(posture)), now)
        posture = command.q.copy()
        farthest = max(farthest, posture[index]) if target > farthest else min(farthest, posture[index])
    return float(farthest)
