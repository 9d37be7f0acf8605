"""All checks in order, on a robot that is not connected yet."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from arbiter.errors import RobotError
from arbiter.robot import RobotModel
from arbiter.safety import Safety
from arbiter.types import JointTarget, RobotState, frozen
from deploy.doctor.machine import check_disk, check_engines, check_heat, check_timing
from deploy.doctor.motors import check_bus, check_motor, check_watchdogs, open_ports
from deploy.doctor.report import Check, Report, attempt, failed, passed
from deploy.doctor.senses import check_camera, check_imu
from deploy.drivers.can.robot import CanRobot
from deploy.drivers.can.sdo import SdoClient

BEYOND = 0.5  # [rad] that the dry commands ask for beyond a joint's end


def preflight(robot: CanRobot, *, tree: str | None = None, camera=None, machine: bool = True) -> Report:
    """Looks at everything; makes no torque; leaves the motors in IDLE.

    Args:
        robot: A robot that is not connected.
        tree: Tree file whose policies and skills are loaded; None: left out.
        camera: A CameraConfig; None: left out.
        machine: Whether the computer is looked at too.
    """
    checks = [passed("robot", f"{robot.model.name}: {robot.model.n} joints, {len(robot.hardware.buses)} buses")]
    if tree is not None:
        checks += attempt("tree", lambda: check_tree_file(tree, robot.model))
    checks += attempt("limits", lambda: check_limits(robot.model))
    checks += check_hardware(robot)
    if camera is not None:
        checks += check_camera(camera, robot.wait)
    if machine:
        checks += [*check_timing(), check_disk(), check_heat(), check_engines()]
    return Report(tuple(checks))


def check_tree_file(tree: str, model: RobotModel) -> Check:
    """Loads a tree's skills and policies for this robot. Raises ConfigError with all that is wrong."""
    from deploy.runtime.config import load_tree
    from deploy.runtime.doors import load_doors
    from deploy.runtime.examine import check_tree, groups_of, load_skill_set
    from policies.registry import PolicyContext, load_policies

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
    """Asks the safety layer, joint by joint, for more than each limit allows. Dry: no command leaves this function."""
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
    """Where the safety layer would send a joint that is asked to go to `target` for half a second [rad]."""
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


def check_hardware(robot: CanRobot) -> list[Check]:
    """Buses, motors, watchdogs, IMU."""
    hardware, model = robot.hardware, robot.model
    ports, checks = open_ports(hardware, robot.open_bus)
    try:
        clients = {name: SdoClient(port, robot.wait) for name, port in ports.items()}
        for port in ports.values():
            checks += check_bus(port, hardware, robot.wait)
        whole = len(ports) == len(hardware.buses) and not any(check.verdict.value == "fail" for check in checks)
        if whole:
            for index, motor in enumerate(hardware.motor_of(model)):
                checks += check_motor(clients[motor.bus], motor, index, hardware, model, robot.calibration)
            checks += attempt("watchdogs", lambda: check_watchdogs(clients, hardware, robot.wait))
        else:
            checks.append(failed("motors", "not looked at", "mend the buses first"))
    finally:
        for port in ports.values():
            port.close()
    return checks + check_imu(robot.imu, robot.wait, robot.clock)
