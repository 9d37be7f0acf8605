"""Parts of a robot's model that have a role: base, feet, hands, head camera, limbs; named in robot.yaml or found."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from arbiter.errors import ConfigError
from arbiter.robot import RobotModel
from deploy.robots.description import describe
from deploy.robots.mjcf import FREE, HEAD, standing_data
from deploy.robots.robot_file import RobotFile


@dataclass(frozen=True, slots=True)
class Roles:
    """Parts of a compiled model that have a role.

    Attributes:
        base: Id of the body that carries the IMU.
        free: Whether it moves freely; else it is fixed to the world.
        feet: Ids of the bodies of the soles, left first.
        hands: Left first: (body id, point in the body's frame [m], shape (3,)).
        head_camera: Name of the camera; "" where there is none.
        limb: For each body the number of its limb, shape (bodies,); 0: the trunk.
    """

    base: int
    free: bool
    feet: tuple[int, ...]
    hands: tuple[tuple[int, np.ndarray], ...]
    head_camera: str
    limb: np.ndarray


def find_roles(mj: mujoco.MjModel, robot: RobotModel, file: RobotFile | None = None) -> Roles:
    """The roles of a compiled model of `robot`, as robot.yaml names them or as they are found."""
    file = file or describe(robot).file
    names, free = file.roles, bool(mj.njnt and mj.jnt_type[0] == FREE)
    base = _body(mj, names.base, file, "base") if names.base else _base(mj, free)
    first = 1 if free else 0
    bodies = {name: int(mj.jnt_bodyid[first + i]) for i, name in enumerate(robot.joints)}
    feet, arms = (_ends(mj, [bodies[name] for name in _members(file, robot, group)]) for group in ("legs", "arms"))
    if names.feet is not None:
        feet = [_body(mj, name, file, "feet") for name in names.feet]
    hands = [_palm(mj, body) for body in arms] if names.hands is None else [_point(mj, name, file) for name in names.hands]
    cameras = [mj.camera(i).name for i in range(mj.ncam)]
    camera = names.head_camera or HEAD
    if names.head_camera and camera not in cameras:
        raise ConfigError(
            f"robot {file.name}: roles.head_camera: no camera {camera!r}; there are: {', '.join(cameras) or 'none'}"
        )
    limb = limbs(mj, base)
    left_first = _sides(mj, robot)
    return Roles(
        base,
        free,
        tuple(feet if names.feet is not None else sorted(feet, key=left_first)),
        tuple(hands if names.hands is not None else sorted(hands, key=lambda hand: left_first(hand[0]))),
        camera if camera in cameras else "",
        limb,
    )


def _members(file: RobotFile, robot: RobotModel, group: str) -> list[str]:
    """Joints whose own group is `group`; of a group that is a union, all that it has."""
    own = [joint.name for joint in file.joints if joint.group == group]
    return own or [robot.joints[i] for i in np.flatnonzero(robot.groups[group])]


def _base(mj: mujoco.MjModel, free: bool) -> int:
    """The body with the free joint; else the one below the world that carries most joints."""
    if free:
        return int(mj.jnt_bodyid[0])
    roots = [body for body in range(1, mj.nbody) if mj.body_parentid[body] == 0]
    carried = [sum(int(mj.body_rootid[b]) == root for b in mj.jnt_bodyid) for root in roots]
    return roots[int(np.argmax(carried))]


def _body(mj: mujoco.MjModel, name: str, file: RobotFile, role: str) -> int:
    found = mujoco.mj_name2id(mj, mujoco.mjtObj.mjOBJ_BODY, name)
    if found < 0:
        known = ", ".join(mj.body(i).name for i in range(1, mj.nbody))
        raise ConfigError(f"robot {file.name}: roles.{role}: no body {name!r}; there are: {known}")
    return found


def _point(mj: mujoco.MjModel, name: str, file: RobotFile) -> tuple[int, np.ndarray]:
    site = mujoco.mj_name2id(mj, mujoco.mjtObj.mjOBJ_SITE, name)
    if site >= 0:
        return int(mj.site_bodyid[site]), mj.site_pos[site].copy()
    body = _body(mj, name, file, "hands")
    return body, mj.body_ipos[body].copy()


def _palm(mj: mujoco.MjModel, body: int) -> tuple[int, np.ndarray]:
    """The hand on the last body of an arm: a site named so on it or on what is fixed to it, else its centre of mass."""
    for site in range(mj.nsite):
        name = mj.site(site).name.lower()
        if body in _up(mj, int(mj.site_bodyid[site])) and any(word in name for word in ("hand", "palm", "assignment")):
            return int(mj.site_bodyid[site]), mj.site_pos[site].copy()
    return body, mj.body_ipos[body].copy()


def _up(mj: mujoco.MjModel, body: int) -> list[int]:
    """A body and those above it."""
    found = []
    while body:
        found.append(body)
        body = int(mj.body_parentid[body])
    return found


def _ends(mj: mujoco.MjModel, bodies: list[int]) -> list[int]:
    """Those of `bodies` above which no other of them ends: the last ones of their limbs."""
    inner = {up for body in bodies for up in _up(mj, body)[1:]}
    return [body for body in dict.fromkeys(bodies) if body not in inner]


def _sides(mj: mujoco.MjModel, robot: RobotModel):
    """Key that sorts bodies from left to right, and those of one side from front to back, in the default posture."""
    data = standing_data(mj, robot)
    return lambda body: (round(-float(data.xpos[body, 1]), 3) > 0.0, -float(data.xpos[body, 0]))


def limbs(mj: mujoco.MjModel, base: int) -> np.ndarray:
    """Number of the limb that each body belongs to, shape (bodies,); 0: the trunk.

    The trunk is the base, and what hangs on it by a chain that goes on into several limbs: pelvis, waist, torso.
    """
    jointed = [bool(mj.body_jntnum[body]) and body != base for body in range(mj.nbody)]
    children: list[list[int]] = [[] for _ in range(mj.nbody)]
    for body in range(1, mj.nbody):
        if body != base:
            children[int(mj.body_parentid[body])].append(body)

    def chains(body: int) -> list[int]:
        """The first jointed bodies below."""
        found = []
        for child in children[body]:
            found += [child] if jointed[child] else chains(child)
        return found

    number, limb = 0, np.zeros(mj.nbody, int)

    def walk(body: int, own: int) -> None:
        limb[body] = own
        for child in children[body]:
            walk(child, own)

    def trunk(body: int) -> None:
        nonlocal number
        for start in chains(body):
            below = start
            while len(chains(below)) == 1:
                below = chains(below)[0]
            if len(chains(below)) > 1 and _carries_limbs(below, chains):
                trunk(below)
            else:
                number += 1
                walk(start, number)

    trunk(base)
    return limb


def _carries_limbs(body: int, chains) -> bool:
    """Whether at least two chains of two joints and more begin here: limbs, not the fingers of a hand."""
    return sum(bool(chains(start)) for start in chains(body)) >= 2
