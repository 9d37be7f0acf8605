"""Where the numbers of a demonstration stand in a LeRobotDataset, this project's or another's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.pi0.data.disk import RecordingError
from training.pi0.data.episode import check_joints

STATE = "observation.state"
IMAGE = "observation.images.head_camera"
ACTION = "action"
CAPTURED = "capture_time"  # LeRobot's own timestamps are frame / fps; this keeps what was measured


@dataclass(frozen=True, slots=True)
class Columns:
    """Where the numbers of a demonstration stand in a data set.

    Attributes:
        joints: Names, in the order of its actions.
        camera: Feature of the pictures. image: Their height and width [px].
        position, velocity: Index into the state of each joint's position and velocity, shape (n,); velocity None: it has none.
        times: Feature of the capture times, or LeRobot's own timestamps.
        remarks: What is unusual.
    """

    joints: tuple[str, ...]
    camera: str
    image: tuple[int, int]
    position: np.ndarray
    velocity: np.ndarray | None
    times: str
    remarks: tuple[str, ...] = ()


def columns_of(described: dict, joints: tuple[str, ...], where: str, camera: str = "") -> Columns:
    """Finds them in a data set's features, as `described`; `joints`: where it names none.

    Raises RecordingError naming what it has.
    """
    for key in (STATE, ACTION):
        if key not in described:
            raise RecordingError(f"{where}: no {key}; it has {', '.join(described) or 'nothing'}")
    names = joint_names(described[ACTION]) or joints
    count, width = described[ACTION]["shape"][0], described[STATE]["shape"][0]
    if len(names) != count:
        raise RecordingError(
            f"{where}: {count} actions without names; this robot has {len(joints)} joints: data of another robot?"
        )
    position, velocity = _state_columns(described[STATE], names, width, where)
    feature = _camera(described, camera, where)
    shape, order = described[feature]["shape"], described[feature].get("names") or ()
    image = tuple(shape[1:3]) if order and str(order[0]).startswith("channel") else tuple(shape[:2])
    remarks = () if velocity is not None else (f"{where}: no velocities in {STATE}; they are computed from its positions",)
    return Columns(names, feature, image, position, velocity, CAPTURED if CAPTURED in described else "timestamp", remarks)


def _state_columns(feature: dict, joints: tuple[str, ...], width: int, where: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Index of each joint's position, and of its velocity if there are velocities, in a state of `width` numbers."""
    n, said = len(joints), _names(feature)
    if not said:
        if width not in (n, 2 * n):
            raise RecordingError(
                f"{where}: {STATE} has {width} numbers without names beside {n} actions; {n} or {2 * n} are expected"
            )
        return np.arange(n), np.arange(n, 2 * n) if width == 2 * n else None
    found = {name: i for i, name in reversed(list(enumerate(said)))}
    positions = [found.get(f"{joint}.pos", found.get(joint, -1)) for joint in joints]
    velocities = [found.get(f"{joint}.vel", -1) for joint in joints]
    lacking = [joint for joint, at in zip(joints, positions, strict=True) if at < 0]
    if lacking:
        raise RecordingError(f"{where}: {STATE} has no position of {', '.join(lacking[:4])}; it has {', '.join(said[:8])}, ...")
    return np.array(positions), np.array(velocities) if min(velocities) >= 0 else None


def _camera(described: dict, wanted: str, where: str) -> str:
    """The feature that holds the pictures."""
    there = [name for name, feature in described.items() if feature["dtype"] in ("video", "image")]
    for name in (wanted, f"observation.images.{wanted}") if wanted else (IMAGE, *(there if len(there) == 1 else ())):
        if name in there:
            return name
    short = ", ".join(name.removeprefix("observation.images.") for name in there) or "none"
    raise RecordingError(
        f"{where}: no camera {wanted or 'head_camera'!r}; it has {short}{'; choose: --camera NAME' if there else ''}"
    )


def check_robot(described: dict, joints: tuple[str, ...], where: str) -> None:
    """Raises RecordingError when a data set's features, as `described`, lack state or action, or name other joints than `joints`
    or in another order."""
    for key, wanted in ((STATE, 2 * joints), (ACTION, joints)):
        if key not in described:
            raise RecordingError(f"{where}: no {key}; it has {', '.join(described) or 'nothing'}")
        names = joint_names(described[key])
        if names:
            check_joints(names, wanted, f"{where}: {key}")


def joint_names(feature: dict) -> tuple[str, ...]:
    """Joints that a feature names; none where it has no names."""
    return tuple(name.removesuffix(".pos").removesuffix(".vel") for name in _names(feature))


def _names(feature: dict) -> tuple[str, ...]:
    names = feature.get("names") or ()
    if isinstance(names, dict):  # as sets of other robots have it: {"motors": [...]}
        names = [name for some in names.values() for name in some]
    return tuple(map(str, names))
