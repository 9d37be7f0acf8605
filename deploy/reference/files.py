"""Keys of the files that a user writes: tree file, robot folder, hardware file, policy cards."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator
from typing import Any

from arbiter.robot import RobotModel
from arbiter.safety.limits import UNITS, SafetyLimits
from deploy.drivers.can.hardware_file import HardwareConfig
from deploy.reference.keys import first_line, keys, meanings, table
from deploy.robots.description import load_model
from deploy.robots.robot_file import RobotFile
from deploy.runtime.config import TreeConfig
from policies.chunk.backends import KINDS as BACKENDS
from policies.chunk.backends.card import Pi0Card
from policies.locomotion.card import PolicyCard, RecurrentState
from policies.locomotion.observation_terms import AXES, TERMS, ObservationTerm
from policies.registry import KINDS

ROBOT = "berkeley_humanoid_lite"
FOUND = """\
What is not given is found in the model: the `base` carries the free joint; `feet` are the last bodies of the limbs of `legs`,
left first; `hands` are sites named hand, palm or grip at the ends of the limbs of `arms`, else the last bodies' centres of mass;
the `head_camera` is the one named `head`. Limbs are where the tree of bodies branches. Soles are the lowest points of the feet's
shapes that touch the floor. What must not touch itself are the shapes of geom group 5, where the model has any, else those that
touch the floor."""


def section(title: str, kind: Any, about: str = "") -> str:
    """The keys of one mapping under a heading."""
    return f"## {title}\n\n{about or first_line(kind)}\n\n{keys(kind)}"


def nested(kind: Any, prefix: str = "") -> Iterator[tuple[str, type]]:
    """Mappings inside a file, by their key, in the order of the file."""
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        for inner in (hints[field.name], *typing.get_args(hints[field.name])):
            if dataclasses.is_dataclass(inner) and inner.__name__ != "Node":
                yield f"{prefix}{field.name}", inner
                yield from nested(inner, f"{prefix}{field.name}.")


def limits(model: RobotModel) -> str:
    """Names of limits that a tree file may tighten, with the robot's own values."""
    own, said = SafetyLimits.from_model(model), meanings(SafetyLimits)
    rows = []
    for name, unit in UNITS.items():
        values = getattr(own, name)
        by_joint = getattr(values, "ndim", 0) == 1
        shown = f"{values.min():g} to {values.max():g}" if by_joint else f"{values:g}"
        form = "number, or mapping of joint or group" if by_joint else "number"
        rows.append((f"`{name}`", form, shown, unit, said[name]))
    head = ("limit", "type", f"{model.name} has", "unit", "what")
    about = "Every value may only tighten the robot's own limit; one that would loosen it is an error."
    return f"## limits\n\n{about}\n\n{table(head, rows)}"


def policy_kinds() -> Iterator[str]:
    """Settings of a policy, by its kind."""
    backends = ", ".join(f"`{name}`" + (f" (extra `{extra}`)" if extra else "") for name, (_, _, extra) in BACKENDS.items())
    chunk = (
        "`backend` is `recorded` (a safetensors file of chunks), `pi0`, `lerobot` or `openpi`. What lies at `path`, or `kind` "
        f"among the `options`, says what runs it: {backends}. Other `options` are the arguments of that backend's class."
    )
    for kind in dict.fromkeys(KINDS.values()):
        names = " or ".join(name for name, item in KINDS.items() if item is kind)
        yield section(f"policies.NAME, kind {names}", kind, f"{first_line(kind)} {chunk}" if names == "chunk" else "")
        yield from (section(f"policies.NAME.{key}", inner) for key, inner in nested(kind))


def tree_file() -> str:
    """The page of the tree file."""
    about = (
        "The same keys are overridden on the command line with `--set control.blend_time=0.2`. Node types of `tree` are in "
        "[nodes.md](nodes.md), skills in [skills.md](skills.md). How to write one: [write-a-tree.md](../how-to/write-a-tree.md)."
    )
    parts = [about, section("The file", TreeConfig, "Top-level keys."), *policy_kinds()]
    parts += [section(key, kind) for key, kind in nested(TreeConfig)]
    return "\n\n".join([*parts, limits(load_model(ROBOT))])


def robot_yaml() -> str:
    """The page of `robot.yaml`."""
    about = (
        "The description of a robot, in its folder: [how to bring one](../how-to/bring-a-robot.md). SI units, radians. "
        "Unknown keys are errors; all errors of a file come at once."
    )
    top = section("The file", RobotFile, "Top-level keys.")
    return "\n\n".join([about, top, FOUND, *(section(key, kind) for key, kind in nested(RobotFile))])


def hardware_yaml() -> str:
    """The page of `hardware.yaml`."""
    about = (
        "Motors on CAN, and the IMU, of one robot: beside its `robot.yaml`, or named by `--hardware`. Only a robot "
        "that is driven over CAN needs it: [run-on-the-robot.md](../how-to/run-on-the-robot.md)."
    )
    top = section("The file", HardwareConfig, "Top-level keys.")
    return "\n\n".join([about, top, *(section(key, kind) for key, kind in nested(HardwareConfig))])


def policy_card() -> str:
    """The page of the cards of both kinds of policy."""
    about = (
        "What a policy file says of itself. It stands in the metadata of an ONNX file (`policy_arbiter`, JSON), in "
        "`card.json` of a folder of engines, or in a YAML file beside a locomotion policy that has no metadata. How to "
        "bring one: [bring-a-policy.md](../how-to/bring-a-policy.md)."
    )
    rows: list[tuple[str, ...]] = [(f"`{name}`", ", ".join(AXES.get(name, ())) or "-", what) for name, what in TERMS.items()]
    terms = f"{first_line(ObservationTerm)}\n\n{table(('term', 'axes', 'what'), rows)}"
    parts = [section("Locomotion policy", PolicyCard), section("observations", ObservationTerm, terms)]
    parts += [section("recurrent", RecurrentState), section("Chunk policy", Pi0Card)]
    return "\n\n".join([about, *parts])
