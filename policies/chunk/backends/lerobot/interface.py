"""What a checkpoint reads and drives: joints, state, camera, rate, by the names of the data set that it was trained on.

LeRobot's config.json has shapes only. The names are in `interface.json`, which this project's fine-tuning writes beside a
checkpoint, in the data set that `train_config.json` names, if it is on this machine, or in what the user says.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from arbiter.errors import ConfigError, MisfitError
from arbiter.robot import RobotModel
from arbiter.strict import short
from policies.chunk.backends.lerobot.allowed import read

INTERFACE = "interface.json"
STATE, ACTION, IMAGES = "observation.state", "action", "observation.images."
EMPTY = f"{IMAGES}empty_camera"  # LeRobot fills it in
PADS_CAMERAS = ("pi0", "pi05", "smolvla")  # mask a camera that is missing
RATE_HZ = 50.0


@dataclass(frozen=True, slots=True)
class DatasetNames:
    """What a data set, or the file beside a checkpoint, says.

    Attributes:
        actions, state: Names, in order; () where it has none.
        rate_hz: Frames per second.
        source: Where it stands, for errors.
    """

    actions: tuple[str, ...]
    state: tuple[str, ...]
    rate_hz: float
    source: str


@dataclass(frozen=True, slots=True)
class Interface:
    """How a policy is connected to a robot.

    Attributes:
        joints: Names of the joints that its actions drive, in order, m of them.
        state: Where each value of its state is in positions followed by velocities of these joints, shape (k,); empty: it
            reads no state.
        camera: Name of the input that takes the head camera's picture; "": it reads none.
        rate_hz: Rows per second.
        assumed: What nobody said, for the user.
    """

    joints: tuple[str, ...]
    state: np.ndarray
    camera: str
    rate_hz: float
    assumed: tuple[str, ...]


def joint_of(name: str) -> tuple[str, str]:
    """The joint and the quantity ("pos", "vel" or another) that a name of a data set means."""
    joint, dot, quantity = name.rpartition(".")
    return (joint, quantity) if dot else (name, "pos")


def feature_names(feature: Any) -> tuple[str, ...]:
    """The names of a feature of LeRobot; () without. Sets of other robots have them in a mapping: {"motors": [...]}."""
    names = feature.get("names") if isinstance(feature, dict) else None
    if isinstance(names, dict):
        names = [name for some in names.values() if isinstance(some, list) for name in some]
    return tuple(map(str, names)) if isinstance(names, list | tuple) else ()


def write_interface(folder: Path, features: dict, fps: float) -> None:
    """Puts the names of the data set that a checkpoint was trained on beside it."""
    names = {key: list(feature_names(features.get(key))) for key in (ACTION, STATE)}
    (folder / INTERFACE).write_text(json.dumps({"features": names, "fps": float(fps)}, indent=1) + "\n")


def described(folder: Path, dataset: str | Path = "") -> DatasetNames | None:
    """What is said of the checkpoint in `folder`; `dataset`: folder of the data set it was trained on. Raises ConfigError."""
    if dataset:
        info = Path(dataset) / "meta" / "info.json"
        if not info.is_file():
            raise ConfigError(f"dataset {dataset}: no meta/info.json there; give the folder of a LeRobotDataset")
        return _read_info(info)
    if (folder / INTERFACE).is_file():
        return _read_info(folder / INTERFACE)
    info = _trained_on(folder)
    return None if info is None else _read_info(info)


def _trained_on(folder: Path) -> Path | None:
    """meta/info.json of the data set that LeRobot's trainer noted, if it is on this machine."""
    if not (folder / "train_config.json").is_file():
        return None
    noted = read(folder / "train_config.json").plain().get("dataset")
    root, name = (noted.get(key) if isinstance(noted, dict) else None for key in ("root", "repo_id"))
    places = [Path(root)] if isinstance(root, str) else []
    if isinstance(name, str) and not root:
        from lerobot.utils.constants import HF_LEROBOT_HOME

        places.append(HF_LEROBOT_HOME / name)
    return next((place / "meta" / "info.json" for place in places if (place / "meta" / "info.json").is_file()), None)


def _read_info(file: Path) -> DatasetNames:
    info = read(file).plain()
    features, rate = info.get("features"), info.get("fps")
    if not isinstance(features, dict) or type(rate) not in (int, float) or not 0.0 < rate <= 1000.0:
        raise ConfigError(f"{file}: features and fps of a LeRobotDataset are expected; fps is {short(rate)}")
    state, actions = (
        tuple(feature if isinstance(feature, list) else feature_names(feature))
        for feature in (features.get(STATE), features.get(ACTION))
    )
    return DatasetNames(actions, state, float(rate), str(file))


def connect(
    config: Any,
    folder: Path,
    said: DatasetNames | None,
    *,
    joints: Sequence[str] = (),
    rate_hz: float = 0.0,
    camera: str = "",
    robot: RobotModel | None = None,
) -> Interface:
    """The connection of the policy of LeRobot's `config`. Raises ConfigError with what does not fit.

    Args:
        config: Its config, with input and output features.
        folder: The checkpoint.
        said: What its data set says.
        joints, rate_hz, camera: What the user says.
        robot: The robot, whose joints are assumed where nobody names any and their number fits.
    """
    where = f"checkpoint {folder}"
    driven, unnamed = _joints(config, said, tuple(joints), robot, where)
    rate, unsaid = _rate(said, rate_hz, where)
    state = _state(config, driven, said, where)
    return Interface(driven, state, _camera(config, camera, where), rate, (*unnamed, *unsaid))


def _joints(
    config: Any, said: DatasetNames | None, given: tuple[str, ...], robot: RobotModel | None, where: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The joints that the actions drive, and what had to be assumed."""
    actions, assumed = config.output_features[ACTION].shape[0], ()
    named = _driven(said, where) if said is not None else ()
    if said is not None and named and given and given != named:
        i = next((i for i, (a, b) in enumerate(zip(named, given, strict=False)) if a != b), min(len(named), len(given)))
        raise ConfigError(
            f"{where}: joint {i} is {_at(given, i)!r} in `joints` and {_at(named, i)!r} in {said.source}; leave `joints` out"
        )
    driven = given or named
    if not driven:
        if robot is None or robot.n != actions:
            groups = ", ".join(f"{name} ({int(mask.sum())})" for name, mask in robot.groups.items()) if robot else "none known"
            raise ConfigError(
                f"{where}: it does not name the {actions} joints that it drives; give `joints` (names with commas between them, "
                f"or a group: {groups}) or `dataset`, the folder that it was trained on"
            )
        driven = robot.joints
        assumed = (
            f"{where} names no joints: the {actions} joints of {robot.name}, in its order, are assumed; "
            "give `dataset` or `joints`",
        )
    if len(driven) != actions:
        raise MisfitError(
            f"{where}: action has {actions} values; {len(driven)} are expected for {len(driven)} joints; "
            "give the `joints` that it was trained with"
        )
    return driven, assumed


def _rate(said: DatasetNames | None, given: float, where: str) -> tuple[float, tuple[str, ...]]:
    """Rows per second, and what had to be assumed."""
    if said is not None and given and abs(given - said.rate_hz) > 1e-6:
        raise ConfigError(
            f"{where}: rate_hz is {given:g} and {said.source} has {said.rate_hz:g} frames a second: its motions would change "
            "their speed; leave `rate_hz` out"
        )
    rate = given or (said.rate_hz if said is not None else RATE_HZ)
    if not 1.0 <= rate <= 1000.0:
        raise ConfigError(f"{where}: rate_hz is {rate:g}; 1 to 1000 rows a second are expected")
    if given or said is not None:
        return rate, ()
    return rate, (f"{where} says no rate: {rate:g} rows a second are assumed; give `dataset` or `rate_hz`",)


def _at(names: Sequence[str], i: int) -> str:
    return names[i] if i < len(names) else "nothing"


def _driven(said: DatasetNames, where: str) -> tuple[str, ...]:
    """The joints that the names of actions mean."""
    pairs = [joint_of(name) for name in said.actions]
    for name, (_, quantity) in zip(said.actions, pairs, strict=True):
        if quantity != "pos":
            raise MisfitError(
                f"{where}: its action {name!r} ({said.source}) is no joint position; targets of positions are played"
            )
    return tuple(joint for joint, _ in pairs)


def _state(config: Any, joints: tuple[str, ...], said: DatasetNames | None, where: str) -> np.ndarray:
    """Where each value of the state is in positions, then velocities of `joints`."""
    n, feature = len(joints), config.input_features.get(STATE)
    if "observation.environment_state" in config.input_features:
        raise MisfitError(
            f"{where}: it reads observation.environment_state, which is a simulation's; this robot measures its joints"
        )
    if feature is None:
        return np.zeros(0, int)
    size = feature.shape[0]
    if said is None or not said.state:
        if size not in (n, 2 * n):
            raise MisfitError(
                f"{where}: observation.state has {size} values; {2 * n} (positions, then velocities) or {n} (positions) are "
                f"expected for {n} joints; give the `joints` that it was trained with"
            )
        return np.arange(size)
    if len(said.state) != size:
        raise MisfitError(f"{where}: observation.state has {size} values, and {said.source} names {len(said.state)}")
    found = []
    for name in said.state:
        joint, quantity = joint_of(name)
        if joint not in joints or quantity not in ("pos", "vel"):
            raise MisfitError(
                f"{where}: it reads {name!r} ({said.source}); positions (.pos) and velocities (.vel) of the joints that it "
                f"drives can be read: {', '.join(joints)}"
            )
        found.append(joints.index(joint) + (n if quantity == "vel" else 0))
    return np.array(found)


def _camera(config: Any, asked: str, where: str) -> str:
    """The input that takes the head camera's picture."""
    cameras = [key for key in config.image_features if not key.startswith(EMPTY)]
    if asked:
        key = asked if asked.startswith(IMAGES) else f"{IMAGES}{asked}"
        if key not in cameras:
            raise ConfigError(f"{where}: camera {asked!r}; it reads {', '.join(cameras) or 'none'}")
    elif len(cameras) > 1:
        raise MisfitError(
            f"{where}: it reads the cameras {', '.join(cameras)}; this robot has one, its head camera; say with `camera` which "
            "of them it is"
        )
    else:
        key = cameras[0] if cameras else ""
    others = [other for other in cameras if other != key]
    if others and config.type not in PADS_CAMERAS:
        raise MisfitError(
            f"{where}: it reads {', '.join(others)} beside {key}, and {config.type} cannot do without; this robot has one camera"
        )
    return key
