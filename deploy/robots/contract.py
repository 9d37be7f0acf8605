"""What a robot's folder has to keep. Run it against your own:

from deploy.robots.contract import check_robot_folder
assert check_robot_folder("path/to/folder") == []
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import mujoco
import numpy as np

from arbiter.errors import ArbiterError, ConfigError
from arbiter.robot import RobotModel
from deploy.drivers.sensors.visible import not_drawn
from deploy.robots.collision import SelfCollision
from deploy.robots.description import describe, load_model
from deploy.robots.mjcf import open_spec, standing_data
from deploy.robots.roles import Roles, find_roles
from deploy.robots.shape import contact_geoms, lowest, sole_height
from deploy.robots.stability import unstable

LEVEL = 0.005  # [m] between the soles of the feet in the default posture
MASS_OFF = 0.01  # share by which the model's mass may differ from `total_mass`
BEYOND = 1e-3  # [rad] by which a range may be wider than the model's
SIMULATED_HZ = 500.0
READY_S, STANDS_S = 20.0, 5.0
UPRIGHT, HEIGHT = 0.3, 0.85  # tilt [rad] at most, share of the standing height at least, while it stands
DEFAULT_TREE = "default.yaml"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found: `level` is "ok", "warning" or "error"."""

    check: str
    level: str
    text: str


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
    described = describe(path)
    yield Finding("robot.yaml", "ok", f"{described.file.name}: {len(described.file.joints)} joints")
    mj = _compiled(open_spec(described))
    yield Finding("model", "ok", f"{described.file.model_path(described.folder).name} compiles, joints in the same order")
    robot = load_model(path)
    roles = find_roles(mj, robot, described.file)
    yield from _mass(mj, roles, described.file.total_mass)
    yield from _ranges(mj, robot, roles)
    yield from _roles(mj, robot, roles)
    yield from _feet(mj, robot, roles)
    yield from _gains(mj, robot)
    yield from _contacts(robot)
    if hidden := not_drawn(mj):
        yield Finding(
            "pictures", "warning", f"not drawn in film and camera (no visible shape in groups 0 to 2): {', '.join(hidden)}"
        )
    if stands and roles.free:
        yield _stand(path, robot, _needed_ankle_stiffness(mj, robot, roles))


def _compiled(spec: mujoco.MjSpec) -> mujoco.MjModel:
    try:
        return spec.compile()
    except ValueError as error:
        raise ConfigError(f"the model does not compile: {' '.join(str(error).split())}") from error


def _mass(mj: mujoco.MjModel, roles: Roles, expected: float | None) -> Iterator[Finding]:
    mass = float(mj.body_subtreemass[roles.base])
    off = expected is not None and abs(mass - expected) > MASS_OFF * expected
    yield (
        Finding("mass", "error", f"{mass:.2f} kg; total_mass is {expected:g}") if off else Finding("mass", "ok", f"{mass:.2f} kg")
    )


def _ranges(mj: mujoco.MjModel, robot: RobotModel, roles: Roles) -> Iterator[Finding]:
    """Ranges of robot.yaml that are wider than the model's."""
    for i, name in enumerate(robot.joints):
        joint = int(roles.free) + i
        if not mj.jnt_limited[joint]:
            continue
        low, high = mj.jnt_range[joint]
        if robot.lower[i] < low - BEYOND or robot.upper[i] > high + BEYOND:
            yield Finding(
                "range", "warning", f"{name}: {robot.lower[i]:g} to {robot.upper[i]:g} rad; the model has {low:g} to {high:g}"
            )


def _roles(mj: mujoco.MjModel, robot: RobotModel, roles: Roles) -> Iterator[Finding]:
    named = ", ".join(f"{name} ({int(mask.sum())})" for name, mask in robot.groups.items() if mask.any() and name != "whole_body")
    yield Finding("groups", "ok", named)
    yield Finding("base", "ok", f"{mj.body(roles.base).name}, {'free' if roles.free else 'fixed to the world'}")
    if roles.free and not robot.groups["legs"].any():
        text = (
            "the base is free, but no joint is of group legs, which carry a robot; name the groups that do: groups: {legs: [...]}"
        )
        yield Finding("legs", "error", text)
    if robot.groups["legs"].any() or roles.feet:
        feet = ", ".join(mj.body(foot).name for foot in roles.feet)
        yield Finding("feet", "ok" if feet else "error", feet or "none; name the bodies of the soles in roles.feet")
    if robot.groups["arms"].any():
        hands = ", ".join(mj.body(body).name for body, _ in roles.hands)
        yield Finding("hands", "ok" if hands else "warning", hands or "none; name bodies or sites in roles.hands")
    camera = roles.head_camera or "none: it sees nothing; name one in roles.head_camera or describe it in camera"
    yield Finding("head camera", "ok" if roles.head_camera else "warning", camera)


def _feet(mj: mujoco.MjModel, robot: RobotModel, roles: Roles) -> Iterator[Finding]:
    """All soles on one floor, nothing below them, the weight above them."""
    if not roles.feet or not roles.free:
        return
    data = standing_data(mj, robot)
    heights = [sole_height(mj, data, foot) for foot in roles.feet]
    if max(heights) - min(heights) > LEVEL:
        text = ", ".join(f"{mj.body(foot).name} {height:.3f}" for foot, height in zip(roles.feet, heights, strict=True))
        yield Finding("floor", "error", f"in the default posture the soles are at different heights [m]: {text}; change default")
    soles = {geom for foot in roles.feet for geom in contact_geoms(mj, foot)}
    others = [geom for geom in range(mj.ngeom) if geom not in soles and (mj.geom_contype[geom] or mj.geom_conaffinity[geom])]
    low = min(others, key=lambda geom: lowest(mj, data, geom), default=None)
    if low is not None and lowest(mj, data, low) < min(heights) - LEVEL:
        body = mj.body(mj.geom_bodyid[low]).name
        yield Finding(
            "floor", "error", f"{body} is {min(heights) - lowest(mj, data, low):.3f} m below the soles in the default posture"
        )
    points = np.concatenate([foot.place(robot.default) for foot in robot.known_body.feet])[:, 0]
    com = float((data.subtree_com[roles.base] - data.xpos[roles.base]) @ data.xmat[roles.base].reshape(3, 3)[:, 0])
    if not points.min() <= com <= points.max():
        yield Finding(
            "floor",
            "warning",
            f"the weight of the default posture is at x {com:.3f} m, the soles are at {points.min():.3f} to {points.max():.3f}",
        )
    yield Finding("floor", "ok", f"stands {robot.known_body.standing:.3f} m high (centre of mass of the base)")


def _gains(mj: mujoco.MjModel, robot: RobotModel) -> Iterator[Finding]:
    """The largest gains at the rate of the simulated motors; those of a real robot compute their torque far more often."""
    names = unstable(mj, robot, 1.0 / SIMULATED_HZ)
    if names:
        text = f"unstable at {SIMULATED_HZ:g} Hz: {', '.join(names)}; simulated with implicit damping"
        yield Finding("gains", "warning", text)
    else:
        yield Finding("gains", "ok", f"stable at {SIMULATED_HZ:g} Hz, up to kp_max and kd_max")


def _contacts(robot: RobotModel) -> Iterator[Finding]:
    check = SelfCollision(robot)
    if check.touching:
        pairs = ", ".join(sorted({f"{a} and {b}" for a, b in check.touching}))
        yield Finding("self-collision", "warning", f"touch in the default posture and are not kept apart: {pairs}")
    yield Finding("self-collision", "ok", f"{len(check.pairs)} pairs are kept apart")


def _stand(path: str | Path, robot: RobotModel, ankles: float) -> Finding:
    """Hangs it in the harness, arms, releases, and looks at the simulation's truth."""
    import json

    from deploy.runtime.assemble import assemble
    from deploy.runtime.config import load_tree
    from deploy.runtime.session import Session

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


def _needed_ankle_stiffness(mj: mujoco.MjModel, robot: RobotModel, roles: Roles) -> float:
    """Stiffness that each ankle needs for a posture that is only held not to tip over [N·m/rad]; 0 without known ankles."""
    ankles = robot.known_body.ankles
    if not len(ankles):
        return 0.0
    data, weight = standing_data(mj, robot), -float(mj.opt.gravity[2]) * float(mj.body_subtreemass[roles.base])
    first = int(roles.free)
    height = data.subtree_com[roles.base, 2] - min(float(data.xanchor[first + i, 2]) for i in ankles)
    return weight * height / len(ankles)


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
