"""Orders of a robot's joints that users can name: as robot.yaml has them, or by the depth of their bodies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import mujoco

from arbiter.errors import ConfigError
from arbiter.robot import RobotModel
from arbiter.strict import nearest, parse, read_text

ROBOT, BREADTH_FIRST = "robot", "breadth-first"


def order_of(text: str, robot: RobotModel | None) -> tuple[str, ...]:
    """The joint names that `--order` means: "robot", "breadth-first", names with commas, or a file with one name a line or a
    YAML list. Raises ConfigError."""
    if text in (ROBOT, BREADTH_FIRST):
        if robot is None:
            raise ConfigError(f"--order {text} needs --robot")
        return robot.joints if text == ROBOT else breadth_first(robot)
    path = Path(text)
    names = _listed(path) if "," not in text and path.is_file() else [part.strip() for part in text.split(",")]
    if len(names) < 2 or not all(names):
        raise ConfigError(
            f"--order {text}: joint names with commas, a file with them, {ROBOT!r} or {BREADTH_FIRST!r} are expected; "
            f"{nearest(text, (ROBOT, BREADTH_FIRST))}"
        )
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"--order {text}: names {', '.join(twice)} twice; each joint stands there once")
    return tuple(names)


def breadth_first(robot: RobotModel) -> tuple[str, ...]:
    """Joints of the model by the depth of their bodies, siblings as the model has them: as Isaac Lab numbers the joints of a
    robot whose USD was made from the same tree."""
    from deploy.robots.mjcf import open_spec

    mj = open_spec(robot).compile()
    found, level = [], [0]
    while level:
        for body in level:
            found += [
                mj.joint(j).name
                for j in range(mj.njnt)
                if mj.jnt_bodyid[j] == body and mj.jnt_type[j] != mujoco.mjtJoint.mjJNT_FREE
            ]
        level = [child for body in level for child in range(1, mj.nbody) if mj.body_parentid[child] == body]
    return tuple(name for name in found if name in robot.joints)


def _listed(path: Path) -> Sequence[str]:
    if path.suffix in (".yaml", ".yml", ".json"):
        value = parse(path).plain()
        return value if isinstance(value, list) and all(isinstance(name, str) for name in value) else []
    return read_text(path).split()
