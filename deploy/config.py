"""The tree file: robot, policies, skills, limits, control and the tree itself, checked whole before anything runs."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from arbiter.errors import ArbiterError, ConfigError
from arbiter.strict import Node, Problems, build, parse, parse_text
from arbiter.transition import HandoverSettings
from arbiter.tree.build import Names, check
from deploy.masks import MASK, is_secret, masked
from skills.registry import load_skills

TREES = Path(__file__).parent / "trees"
BLENDS = ("inertial", "crossfade")
GROUPS = ("legs", "arms", "whole_body")
FALLBACKS = ("stand", "hold", "rest", "damp")  # policies that are always there
ORDERS = ("replace", "queue", "together")


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
class ControlConfig:
    """How joints change hands and instructions follow each other.

    Attributes:
        blend: "inertial" or "crossfade".
        blend_time: Longest blend [s].
        dwell: Least time between two switches of the same joints [s].
        warm_limit: Longest time a policy may take to warm once nothing else is in its way [s].
        bridge_limit: Longest time to work towards a skill's start envelope [s].
        stop_limit: Of it, how long a walking policy is given to come to a stand by itself [s].
        instructions: What a new instruction does to older ones: "replace", "queue" or "together".
    """

    blend: str = "inertial"
    blend_time: float = 0.3
    dwell: float = 0.2
    warm_limit: float = 5.0
    bridge_limit: float = 8.0
    stop_limit: float = 3.0
    instructions: str = "replace"

    def __post_init__(self) -> None:
        for name, value, allowed in (("blend", self.blend, BLENDS), ("instructions", self.instructions, ORDERS)):
            if value not in allowed:
                raise ConfigError(f"control.{name} is {value!r}; allowed: {', '.join(allowed)}")
        for name in ("blend_time", "dwell", "warm_limit", "bridge_limit", "stop_limit"):
            if not 0.0 <= getattr(self, name) <= 60.0:
                raise ConfigError(f"control.{name} is {getattr(self, name):g}; 0 to 60 s are allowed")

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
        faults: Faults that the bench plays, such as "can1:drop=0.2@5s".
    """

    routing_delay: float = 0.005
    chunk_delay: float = 0.1
    camera_hz: float = 25.0
    noise: bool = True
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TreeConfig:
    """A whole tree file.

    Attributes:
        policies: Settings of each policy by name; their keys depend on its kind.
        tree: The behaviour tree.
        robot: Name of a robot description, or a path to one.
        home: Policy name by joint group for joints that no skill wants.
        limits: Safety limits to tighten, by name.
        skills, control, simulation: See there.
    """

    policies: dict[str, Node]
    tree: Node
    robot: str = "berkeley_humanoid_lite"
    home: dict[str, str] = field(default_factory=lambda: {"legs": "locomotion", "arms": "rest"})
    limits: dict[str, Node] = field(default_factory=dict)
    skills: SkillsConfig = SkillsConfig()
    control: ControlConfig = ControlConfig()
    simulation: SimulationConfig = SimulationConfig()


@dataclass(frozen=True, slots=True)
class Loaded:
    """A tree file as read: its values and where they stand.

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

    def resolved_yaml(self) -> str:
        """Everything in force, for the log; secrets are masked."""
        return yaml.safe_dump(masked(self.node.plain()), sort_keys=False, allow_unicode=True)


def find_tree(name: str) -> Path:
    """A tree file by path, or by name in `deploy/trees`. Raises ConfigError with the nearest known name."""
    path = Path(name)
    if path.is_file():
        return path
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
    if problems.lines:
        _look_at_the_tree(path, node, problems)
    problems.raise_if_any()
    return Loaded(path, node, config)


def _look_at_the_tree(path: Path, node: Node, problems: Problems) -> None:
    """Adds the problems of the tree of a file that has others, too: all errors are told at once. What names it may use is
    taken from the file as far as that can be read."""
    def below(*keys: str) -> Node | None:
        found = node
        for key in keys:
            found = found.value.get(key) if found is not None and isinstance(found.value, dict) else None
        return found

    tree, policies, files = below("tree"), below("policies"), below("skills", "files")
    if tree is None or policies is None or not isinstance(policies.value, dict):
        return
    named = [item.value for item in files.value if isinstance(item.value, str)] if files and isinstance(files.value, list) else []
    try:
        skills = load_skills([path.parent / name for name in named]).skills
    except ArbiterError:
        return
    check(tree, Names(tuple(skills), (*policies.value, *FALLBACKS), GROUPS), problems)


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
