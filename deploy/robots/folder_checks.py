"""What can be said of a robot's folder without simulating it. `deploy.runtime.robot_contract` has the whole check."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import mujoco
import numpy as np

from arbiter.errors import ConfigError
from arbiter.robot import RobotModel
from deploy.robots.collision import SelfCollision
from deploy.robots.description import Description, describe, load_model
from deploy.robots.mjcf import open_spec, standing_data
from deploy.robots.roles import Roles, find_roles
from deploy.robots.shape import contact_geoms, lowest, sole_height
from deploy.robots.stability import unstable

LEVEL = 0.005  # [m] between the soles of the feet in the default posture
MASS_OFF = 0.01  # share by which the model's mass may differ from `total_mass`
BEYOND = 1e-3  # [rad] by which a range may be wider than the model's
SIMULATED_HZ = 500.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found: `level` is "ok", "warning" or "error"."""

    check: str
    level: str
    text: str


@dataclass(frozen=True, slots=True)
class RobotFolder:
    """A robot's folder, read: its description, its compiled MuJoCo model, and what both say of the robot."""

    described: Description
    mj: mujoco.MjModel
    robot: RobotModel
    roles: Roles


def open_folder(path: str | Path) -> RobotFolder:
    """Reads it. Raises ConfigError where it cannot be read, or where its model does not compile."""
    described = describe(path)
    mj = _compiled(open_spec(described))
    robot = load_model(path)
    return RobotFolder(described, mj, robot, find_roles(mj, robot, described.file))


def checks(folder: RobotFolder) -> Iterator[Finding]:
    """What every check found, in order; nothing is simulated."""
    file, mj, robot, roles = folder.described.file, folder.mj, folder.robot, folder.roles
    yield Finding("robot.yaml", "ok", f"{file.name}: {len(file.joints)} joints")
    yield Finding("model", "ok", f"{file.model_path(folder.described.folder).name} compiles, joints in the same order")
    yield from _mass(mj, roles, file.total_mass)
    yield from _ranges(mj, robot, roles)
    yield from _roles(mj, robot, roles)
    yield from _feet(mj, robot, roles)
    yield from _gains(mj, robot)
    yield from _contacts(robot)


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
