"""The tree file: robot, policies, skills, limits, control and the tree itself, checked whole before anything runs."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from arbiter.errors import ConfigError
from arbiter.handover.transition import HandoverSettings
from arbiter.robot import MAX_CREEP
from arbiter.strict import Node, Problems, build, parse, parse_text
from arbiter.strict.fields import limited
from deploy.runtime.masks import MASK, is_secret, masked
from deploy.runtime.tree_check import examine, sound_keys

TREES = Path(__file__).parents[1] / "trees"


@dataclass(frozen=True, slots=True)
class SkillsConfig:
    """Where skills come from besides the built-in ones.

    Attributes:
        entry_points: Look for installed packages with entry points in group `arbiter.skills`.
        files: Python files, relative to the tree file.
        without: Names to leave out.
    """

    entry_points: bool = True
    files: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DoorConfig:
    """Where node types, kinds of policies, chunk backends or drivers come from besides the built-in ones.

    Attributes:
        entry_points: Look for installed packages with entry points in the group `arbiter.nodes`, `arbiter.policies`,
            `arbiter.backends`, `arbiter.drivers` or `arbiter.detectors`.
        files: Python files, relative to the tree file.
    """

    entry_points: bool = True
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DriversConfig(DoorConfig):
    """The same of drivers.

    Attributes:
        settings: Of one from outside, by its name.
    """

    settings: dict[str, Node] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DetectorsConfig(DriversConfig):
    """The same of ball detectors.

    Attributes:
        use: Which one finds the balls: "coloured_balls", or a plug-in's.
    """

    use: str = "coloured_balls"


@dataclass(frozen=True, slots=True)
class ControlConfig:
    """Hand-overs between policies, and the order of instructions.

    Attributes:
        blend: "inertial" or "crossfade".
        blend_time: Longest blend [s].
        dwell: Least time between two switches of the same joints [s].
        warm_limit: Longest time a policy may take to warm once nothing else is in its way [s].
        bridge_limit: Longest time to work towards a skill's start envelope [s].
        stop_limit: Part of `bridge_limit` that a walking policy is given to come to a stand by itself [s].
        instructions: What a new instruction does to older ones: "replace", "queue" or "together".
        rate_hz: Rate of the tick, which that of every locomotion policy must divide [Hz]; not given: control_hz of the robot.
    """

    blend: str = limited("inertial", words=("inertial", "crossfade"))
    blend_time: float = limited(0.3, 0.0, 60.0, "s")
    dwell: float = limited(0.2, 0.0, 60.0, "s")
    warm_limit: float = limited(5.0, 0.0, 60.0, "s")
    bridge_limit: float = limited(8.0, 0.0, 60.0, "s")
    stop_limit: float = limited(3.0, 0.0, 60.0, "s")
    instructions: str = limited("replace", words=("replace", "queue", "together"))
    rate_hz: float | None = limited(None, 10.0, 1000.0, "Hz")

    @property
    def handover(self) -> HandoverSettings:
        return HandoverSettings(self.blend, self.blend_time, self.dwell, self.warm_limit, self.bridge_limit, self.stop_limit)


@dataclass(frozen=True, slots=True)
class SimulationConfig:
    """The simulated robot and, with `--fast`, how long slow work takes in simulated time.

    Attributes:
        routing_delay: Routing an instruction [s].
        chunk_delay: One inference of a chunk policy [s].
        camera_hz: Pictures per second.
        noise: Sensor noise of the simulated robot.
        creep: Time constant of the creep of soles on the simulated floor, for the estimate [s]: a loaded one moves at it times
            J̇ q̇; see docs/estimate.md.
        battery: Its state of charge 0..1 at the start.
        battery_drain: Charge used in a minute of simulated time; 0.03 lasts for about half an hour of walking.
        faults: Faults that the rig injects, such as "can1:drop=0.2@5s".
        physics_dt: Step of the physics [s].
        balls: Centre of each ball (x, y, z) [m] by colour, where the robot starts at the origin and looks along x; none given:
            three within reach.
        motor_hz: Rate at which simulated motors compute their torque [Hz]; its period is a whole number of physics steps.
    """

    routing_delay: float = limited(0.005, 0.0, 60.0, "s")
    chunk_delay: float = limited(0.1, 0.0, 60.0, "s")
    camera_hz: float = limited(25.0, 0.1, 1000.0, "Hz")
    noise: bool = True
    creep: float = limited(0.0065, -MAX_CREEP, MAX_CREEP, "s")
    battery: float = limited(1.0, 0.0, 1.0)
    battery_drain: float = limited(0.0, 0.0, 60.0, "1/min")
    faults: tuple[str, ...] = ()
    balls: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    physics_dt: float = limited(0.002, 1e-5, 0.01, "s")
    motor_hz: float = limited(500.0, 250.0, 20000.0, "Hz")


@dataclass(frozen=True, slots=True)
class TreeConfig:
    """A whole tree file.

    Attributes:
        policies: Settings of each policy by name; their keys depend on its kind.
        tree: The behaviour tree.
        robot: Name of a robot description, or the path of its folder: relative to the tree file, else to the working directory.
        home: Policy name by joint group, for joints that no skill uses.
        limits: Safety limits to tighten, by name.
        nodes, policy_kinds, backends, drivers, detectors: Where those come from.
        skills, control, simulation: See there.
    """

    policies: dict[str, Node]
    tree: Node
    robot: str = "berkeley_humanoid_lite"
    home: dict[str, str] = field(default_factory=lambda: {"legs": "locomotion", "arms": "rest"})
    limits: dict[str, Node] = field(default_factory=dict)
    skills: SkillsConfig = SkillsConfig()
    nodes: DoorConfig = DoorConfig()
    policy_kinds: DoorConfig = DoorConfig()
    backends: DoorConfig = DoorConfig()
    drivers: DriversConfig = DriversConfig()
    detectors: DetectorsConfig = DetectorsConfig()
    control: ControlConfig = ControlConfig()
    simulation: SimulationConfig = SimulationConfig()


@dataclass(frozen=True, slots=True)
class Loaded:
    """A tree file as read: its values, and their lines in the file.

    Attributes:
        path: The file.
        node: All of it, with `--set` applied.
        config: The same, typed.
    """

    path: Path
    node: Node
    config: TreeConfig

    def resolve(self, name: str) -> Path:
        """A file named in the tree file: relative to it."""
        path = Path(name)
        return path if path.is_absolute() else self.path.parent / path

    @property
    def robot(self) -> str:
        """Name or folder of the robot."""
        beside = self.resolve(self.config.robot)
        return str(beside) if os.path.isfile(beside / "robot.yaml") else self.config.robot

    def resolved_yaml(self) -> str:
        """Everything in force, for the log; secrets are masked."""
        return yaml.safe_dump(masked(self.node.plain()), sort_keys=False, allow_unicode=True)


def find_tree(name: str) -> Path:
    """A tree file by path, or by name in `deploy/trees`. Raises ConfigError with the nearest known name."""
    path = Path(name)
    if path.is_file():
        return path
    if path.is_dir():
        inside = ", ".join(sorted(file.name for file in path.glob("*.y*ml"))[:8])
        raise ConfigError(f"--tree {name}: is a folder; name a tree file" + (f" in it: {inside}" if inside else ""))
    if path.parent == Path(".") and (TREES / path.name).is_file():
        return TREES / path.name
    known = sorted(tree.name for tree in TREES.glob("*.yaml"))
    near = difflib.get_close_matches(path.name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
    raise ConfigError(f"--tree {name}: no such file; {hint}")


def load_tree(name: str, settings: Sequence[str] = ()) -> Loaded:
    """Reads and checks a tree file (all but the tree itself, which needs the skills).

    Args:
        name: Path, or name in `deploy/trees`.
        settings: `key=value` overrides; dots go down, the value is YAML.
    """
    path = find_tree(name)
    node = parse(path)
    for setting in settings:
        node = _override(node, setting)
    return _typed(path, node)


def load_text(text: str, path: Path) -> Loaded:
    """The same from text, as a trace keeps it; files in it are named relative to `path`. Masked settings are left out."""
    return _typed(path, _without_masks(parse_text(text, str(path))))


def _without_masks(node: Node) -> Node:
    if not isinstance(node.value, dict):
        return node
    kept = {key: _without_masks(item) for key, item in node.value.items() if not (is_secret(key) and item.value == MASK)}
    return Node(kept, node.file, node.line)


def _typed(path: Path, node: Node) -> Loaded:
    problems = Problems()
    config = build(TreeConfig, node, problems)
    if problems.lines and isinstance(node.value, dict):  # all errors are told at once
        rest = Node(sound_keys(TreeConfig, node), node.file, node.line)
        needed = {key: Node({}, node.file, node.line) for key in ("policies", "tree")}
        config = build(TreeConfig, Node(needed | rest.entries, node.file, node.line), Problems())
        examine(Loaded(path, rest, config), problems)
    problems.raise_if_any()
    return Loaded(path, node, config)


def _override(node: Node, setting: str) -> Node:
    key, sign, text = setting.partition("=")
    if not sign or not key.strip():
        raise ConfigError(f"--set {setting}: key=value is expected, such as control.blend_time=0.2")
    value = parse_text(text, f"--set {key}")
    return _put(node, key.strip().split("."), value, setting)


def _put(node: Node, keys: list[str], value: Node, setting: str) -> Node:
    if not isinstance(node.value, dict):
        raise ConfigError(f"--set {setting}: there is nothing below {keys[0]!r}")
    below = node.value.get(keys[0], Node({}, value.file, value.line))
    new = value if len(keys) == 1 else _put(below, keys[1:], value, setting)
    return Node(node.value | {keys[0]: new}, node.file, node.line)
