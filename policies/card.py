"""What every policy card has in common: where it stands, how it is read, what is checked of it first.

A card describes a policy file. As JSON, at full precision, it stands in the ONNX metadata under METADATA_KEY.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Protocol

from arbiter import strict
from arbiter.errors import ConfigError
from arbiter.robot import RobotModel
from policies.onnx_file import NotOnnxError, read_metadata

METADATA_KEY = "policy_arbiter"
SLOWEST = 1.0  # [Hz]


class Card(Protocol):
    """The keys that every card has."""

    @property
    def robot(self) -> str:
        """Name of the robot that the policy was trained for."""

    @property
    def rate_hz(self) -> float:
        """How often it acts, or rows per second of a chunk [Hz]."""

    @property
    def joints(self) -> tuple[str, ...]:
        """Names of the joints it drives, in the order of its output."""


def card_in[T](kind: type[T], node: strict.Node) -> T:
    """The card of this kind that `node` holds. Raises ConfigError with every key at fault."""
    problems = strict.Problems()
    card = strict.build(kind, node, problems)
    problems.raise_if_any()
    return card


def embedded(path: Path, model: bytes) -> str | None:
    """The card in the metadata of the ONNX file `path`, of which `model` are the bytes; None: there is none."""
    try:
        return read_metadata(model).get(METADATA_KEY)
    except NotOnnxError as error:
        if path.suffix in (".pt", ".pth"):
            raise ConfigError(
                f"{path}: weights of PyTorch, and no ONNX file: python -m deploy.policy describe {path} says how it is exported"
            ) from error
        raise ConfigError(f"{path}: not an ONNX file: {error}") from error


def problems_of(card: Card) -> list[str]:
    """What is wrong with joints and rate, each naming its key."""
    found = []
    if not card.joints or len(set(card.joints)) != len(card.joints):
        found.append("joints names a joint twice" if card.joints else "joints is empty")
    if not 0.0 < card.rate_hz < math.inf:
        found.append(f"rate_hz is {card.rate_hz}; a positive number is expected")
    elif card.rate_hz < SLOWEST:
        found.append(f"rate_hz is {card.rate_hz:g}, below {SLOWEST:g} Hz: steps per second are meant, no period, no milliseconds")
    return found


def other_robot(card: Card, model: RobotModel) -> list[str]:
    """What of the card belongs to another robot."""
    found = [] if card.robot == model.name else [f"robot is {card.robot!r}; this robot is {model.name!r}"]
    return found + unknown("joints", card.joints, model)


def unknown(key: str, joints: tuple[str, ...], model: RobotModel) -> list[str]:
    """Names under `key` that are no joints of the robot."""
    return [f"{key} names {joint!r}; {strict.nearest(joint, model.joints)}" for joint in joints if joint not in model.joints]
