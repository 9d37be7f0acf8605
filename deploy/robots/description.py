"""Robot descriptions: a folder with `robot.yaml` (figures, limits, roles) and a MuJoCo model.

A folder is found by its name beside this module, by the name of an entry point in group `arbiter.robots`, or by its path.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np

from arbiter import strict
from arbiter.errors import ConfigError
from arbiter.robot import RobotModel
from arbiter.types import frozen
from arbiter.wall import walled
from deploy.robots.robot_file import RobotFile

HERE = Path(__file__).parent
FIRST = "berkeley_humanoid_lite"
GROUP = "arbiter.robots"
ALWAYS = ("legs", "arms")  # groups that every robot has, if empty


@dataclass(frozen=True, slots=True)
class Description:
    """A robot's folder and the contents of its robot.yaml."""

    folder: Path
    file: RobotFile


def shipped() -> dict[str, Path]:
    """Folders that ship with this project, by name."""
    return {path.parent.name: path.parent for path in sorted(HERE.glob("*/robot.yaml"))}


def packaged() -> dict[str, object]:
    """Entry points of installed packages that bring a folder, by name."""
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def description_dir(name: str | Path = FIRST) -> Path:
    """Folder of a robot: a name known here, that of an entry point, or a path. Raises ConfigError listing the names."""
    folder = HERE / name
    if Path(name).name == str(name) and os.path.isfile(folder / "robot.yaml"):
        return folder
    folder = Path(name).expanduser()
    if os.path.isfile(folder / "robot.yaml"):  # False, too, for what can be no name of a folder
        return folder
    others = packaged()
    if str(name) not in others:
        raise ConfigError(f"robot {str(name)!r}: no description by that name or path; known: {', '.join([*shipped(), *others])}")
    return _of_package(str(name), others[str(name)])


def _of_package(name: str, entry) -> Path:
    """What an entry point names: a path, a function that returns one, or a package whose folder holds robot.yaml."""
    loaded, error = walled(lambda: _path(entry.load()))
    if loaded is None or not os.path.isfile(loaded / "robot.yaml"):
        raise ConfigError(f"robot {name!r}: entry point of group {GROUP}: {error or f'no robot.yaml in {loaded}'}")
    return loaded


def _path(loaded: object) -> Path:
    value = loaded() if callable(loaded) else loaded
    file = getattr(value, "__file__", None)
    return Path(file).parent if file else Path(str(value))


def name_or_folder(robot: RobotModel) -> str:
    """How to find its description again: the name of one that ships, else its folder."""
    ships = robot.folder is None or shipped().get(robot.name, Path()).resolve() == robot.folder
    return robot.name if ships else str(robot.folder)


def describe(robot: str | Path | RobotModel = FIRST) -> Description:
    """The description of a robot by name or path, or that of a model. Raises ConfigError with every problem."""
    name = (robot.folder or robot.name) if isinstance(robot, RobotModel) else robot
    folder = description_dir(name)
    return Description(folder, strict.load(RobotFile, folder / "robot.yaml"))


def load_model(name: str | Path = FIRST) -> RobotModel:
    """Figures, limits and shape of a robot, from its folder. Raises ConfigError with every problem of the file."""
    described = describe(name)
    model = figures(described)
    return replace(model, body=_body(described.folder.resolve(), stamp(described)))


def figures(described: Description) -> RobotModel:
    """What robot.yaml alone says of a robot."""
    file = described.file
    joints = file.joints

    def column(key: str) -> np.ndarray:
        return frozen([getattr(joint, key) for joint in joints])

    return RobotModel(
        name=file.name,
        joints=tuple(joint.name for joint in joints),
        lower=column("lower"),
        upper=column("upper"),
        velocity=column("velocity"),
        acceleration=column("acceleration"),
        effort=column("effort"),
        kp=column("kp"),
        kd=column("kd"),
        kp_max=frozen([joint.most("kp") for joint in joints]),
        kd_max=frozen([joint.most("kd") for joint in joints]),
        default=column("default"),
        groups=masks(file),
        control_hz=file.control_hz,
        motor_hz=file.motor_hz,
        fall_tilt=file.fall.tilt,
        folder=described.folder.resolve(),
        stand=file.stand or _stand(described.folder),
        speeds=file.speeds,
    )


def masks(file: RobotFile) -> dict[str, np.ndarray]:
    """Joint masks by group: those that every robot has, those of its joints, and the unions that robot.yaml names."""
    own = [joint.group for joint in file.joints]
    names = dict.fromkeys((*ALWAYS, *own, *file.groups))
    groups = {name: frozen([group in (name, *file.groups.get(name, ())) for group in own], bool) for name in names}
    groups["whole_body"] = frozen(np.ones(len(own)), bool)
    return groups


def _stand(folder: Path) -> str:
    """What stands where robot.yaml does not say: the reflex if there are gains for it, else the walking policy of the folder."""
    if (folder / "balance.json").is_file():
        return "reflex"
    return "locomotion" if (folder / "policies" / "locomotion.onnx").is_file() else "posture"


def stamp(described: Description) -> tuple:
    """A value that changes when a file from which the body is made changes."""
    files = (described.folder / "robot.yaml", described.file.model_path(described.folder))
    return tuple((str(file), os.stat(file).st_mtime_ns) for file in files if file.is_file())


@lru_cache(maxsize=16)
def _body(folder: Path, stamp: tuple):
    from deploy.robots.shape import body_of

    return body_of(describe(folder))
