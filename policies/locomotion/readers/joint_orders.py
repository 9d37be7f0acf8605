"""What the indices of somebody's file count: joints in an order that the file does not tell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

HUMANOID_LEG = ("hip_pitch", "hip_roll", "hip_yaw", "knee", "ankle_pitch", "ankle_roll")
ARM = ("shoulder_pitch", "shoulder_roll", "shoulder_yaw", "elbow", "wrist_roll", "wrist_pitch", "wrist_yaw")


def _sided(side: str, parts: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{side}_{part}_joint" for part in parts)


def _legs(legs: Sequence[str], parts: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{leg}_{part}_joint" for leg in legs for part in parts)


H1_2_LEG = ("hip_yaw", "hip_pitch", "hip_roll", "knee", "ankle_pitch", "ankle_roll")
# Motors in the order of unitree_sdk2, by the names of Unitree's own models.
UNITREE = {
    "G1": (
        *_sided("left", HUMANOID_LEG),
        *_sided("right", HUMANOID_LEG),
        *("waist_yaw_joint", "waist_roll_joint", "waist_pitch_joint"),
        *_sided("left", ARM),
        *_sided("right", ARM),
    ),
    "H1": (
        *("right_hip_roll_joint", "right_hip_pitch_joint", "right_knee_joint"),
        *("left_hip_roll_joint", "left_hip_pitch_joint", "left_knee_joint"),
        *("torso_joint", "left_hip_yaw_joint", "right_hip_yaw_joint", "", "left_ankle_joint", "right_ankle_joint"),
        *_sided("right", ARM[:4]),
        *_sided("left", ARM[:4]),
    ),
    "H1_2": (*_sided("left", H1_2_LEG), *_sided("right", H1_2_LEG), "torso_joint", *_sided("left", ARM), *_sided("right", ARM)),
    "Go2": _legs(("FR", "FL", "RR", "RL"), ("hip", "thigh", "calf")),
}


@dataclass(frozen=True, slots=True)
class Context:
    """What a reader knows beside the file.

    Attributes:
        robot: Joint names of the robot, its order; () for an unknown one.
        order: Joints that indices of the file count, as the user says; () if they do not say.
        said_by: How they said it.
        outputs: How many joints the network drives; None: not known.
        folder: Of the file that is read.
    """

    robot: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    said_by: str = "--order"
    outputs: int | None = None
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """Joints in the order that indices count; `source` says who has it so. Without a source the names are "#0", "#1" ..."""

    names: tuple[str, ...]
    source: str

    @property
    def known(self) -> bool:
        return bool(self.source)

    def of(self, indices: Iterable[int]) -> list[str]:
        """Names at these indices."""
        return [self.names[i] for i in indices]


def motor_order(context: Context, indices: Sequence[int]) -> Order:
    """The order of a Unitree robot's motors, of which `indices` are used: as the user says, else as its SDK has it if the
    robot's joints have those names."""
    if context.order and max(indices) < len(context.order):
        return Order(context.order, context.said_by)
    fits = [
        Order(names, f"motors of the {name} in unitree_sdk2")
        for name, names in UNITREE.items()
        if max(indices) < len(names) and _is_of(context.robot, names) and {names[i] for i in indices} <= {*context.robot}
    ]
    return fits[0] if len(fits) == 1 else Order(tuple(f"#{i}" for i in range(max(indices) + 1)), "")


def _is_of(robot: Sequence[str], motors: Sequence[str]) -> bool:
    """Whether they are of one robot: the one has no joint that the other lacks."""
    known = {name for name in motors if name}
    return {*robot} <= known or known <= {*robot}


def listed_order(context: Context, count: int) -> Order:
    """The order of a list of `count` values without names."""
    if len(context.order) == count:
        return Order(context.order, context.said_by)
    return Order(tuple(f"#{i}" for i in range(count)), "")


def way_to_say(count: int) -> str:
    """How to give an order of `count` joints."""
    return f"name the {count} joints in that order: --order NAME,NAME,... (or --order robot: as robot.yaml has them)"
