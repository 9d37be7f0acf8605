"""Keys of the files that a user writes: tree file, robot folder, hardware file, policy cards."""

from __future__ import annotations

import typing

from arbiter.robot import RobotModel
from arbiter.safety.limits import UNITS, SafetyLimits
from deploy.drivers.can.config import BusConfig, HardwareConfig, ImuConfig, Limits, MotorConfig
from deploy.reference.keys import first_line, keys, meanings, table
from deploy.robots.description import load_model
from deploy.robots.robot_file import CameraMount, Fall, JointFigures, RobotFile, RoleNames, Sizes
from deploy.runtime.config import ControlConfig, NodesConfig, SimulationConfig, SkillsConfig, TreeConfig
from policies.chunk.backends import KINDS as BACKENDS
from policies.chunk.backends.card import Pi0Card
from policies.chunk.player import ChunkTiming
from policies.locomotion.card import ObservationTerm, PolicyCard
from policies.registry import ChunkConfig, FallbackConfig, OnnxConfig

ROBOT = "berkeley_humanoid_lite"


def section(title: str, kind: type, about: str = "") -> str:
    """The keys of one mapping under a heading."""
    return f"## {title}\n\n{about or first_line(kind)}\n\n{keys(kind)}"


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


def tree_file() -> str:
    """The page of the tree file."""
    backends = ", ".join(f"`{name}`" + (f" (extra `{extra}`)" if extra else "") for name, (_, _, extra) in BACKENDS.items())
    chunk = (
        "A chunk policy. `backend` is `recorded` (a safetensors file of chunks) or `pi0`; the `kind` of its `options` "
        f"says what runs a π0: {backends}. `options` are the arguments of that backend's class, `kind` beside them."
    )
    return "\n\n".join(
        (
            "The same keys are overridden on the command line with `--set control.blend_time=0.2`. Node types of "
            "`tree` are in [nodes.md](nodes.md), skills in [skills.md](skills.md). How to write one: "
            "[write-a-tree.md](../how-to/write-a-tree.md).",
            section("The file", TreeConfig, "Top-level keys."),
            section("policies.NAME, kind onnx", OnnxConfig),
            section("policies.NAME, kind chunk", ChunkConfig, chunk),
            section("policies.NAME.timing", ChunkTiming),
            section("policies.NAME, kind stand, hold, rest or damp", FallbackConfig),
            section("skills", SkillsConfig),
            section("nodes", NodesConfig),
            section("control", ControlConfig),
            section("simulation", SimulationConfig),
            limits(load_model(ROBOT)),
        )
    )


def robot_file() -> str:
    """The page of `robot.yaml` and `hardware.yaml`."""
    return "\n\n".join(
        (
            "SI units, radians. Unknown keys are errors; all errors of a file come at once. How to bring a robot:\n"
            "[robots.md](../robots.md).",
            section("robot.yaml", RobotFile),
            section("joints", JointFigures),
            section("fall", Fall),
            section("roles", RoleNames),
            section("camera", CameraMount),
            section("sizes", Sizes),
            section(
                "hardware.yaml", HardwareConfig, "Motors on CAN, and the IMU. Only a robot that is driven over CAN needs it."
            ),
            section("buses", BusConfig),
            section("motors", MotorConfig),
            section("hardware limits", Limits),
            section("imu", ImuConfig),
        )
    )


def policy_card() -> str:
    """The page of the cards of both kinds of policy."""
    terms = typing.get_type_hints(ObservationTerm)["term"]
    return "\n\n".join(
        (
            "What a policy file says of itself. It stands in the metadata of an ONNX file (`policy_arbiter`, JSON), in "
            "`card.json` of a folder of engines, or in a YAML file beside a locomotion policy that has no metadata. "
            "How to bring one: [bring-a-policy.md](../how-to/bring-a-policy.md).",
            section("Locomotion policy", PolicyCard),
            section("observations", ObservationTerm, f"Terms: {', '.join(f'`{term}`' for term in typing.get_args(terms))}."),
            section("Chunk policy", Pi0Card),
        )
    )
