"""YAML -> py_trees. The whole file is checked before anything is built; every error has file and line."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import py_trees

from arbiter.skill import Parameter
from arbiter.strict import Node, Problems, build, nearest
from arbiter.tree import own
from arbiter.tree.registry import NODE_TYPES, NodeType
from arbiter.tree.world import World
from arbiter.types import Mode
from arbiter.wall import walled

MODES = tuple(mode.value for mode in Mode)


@dataclass(frozen=True, slots=True)
class Spec:
    """A checked node of the tree: what `grow` turns into a behaviour.

    Attributes:
        type: Its node type.
        name: As shown to people.
        config: An instance of `type.config`, or None.
        children: Specs below it.
    """

    type: NodeType
    name: str
    config: object = None
    children: tuple[Spec, ...] = ()


@dataclass(frozen=True, slots=True)
class Names:
    """What a tree may refer to.

    Attributes:
        skills, policies, groups: Valid names.
        types: Node types by name.
        parameters: Of the skills, by their names; those of a skill that is not here are taken as they are.
        drives: The joint groups that a policy drives, by its name; a policy that is not here may drive any.
    """

    skills: Iterable[str]
    policies: Iterable[str]
    groups: Iterable[str]
    types: Mapping[str, NodeType] = field(default_factory=lambda: NODE_TYPES)
    parameters: Mapping[str, Sequence[Parameter]] = field(default_factory=dict)
    drives: Mapping[str, Iterable[str]] = field(default_factory=dict)


def check(node: Node, names: Names, problems: Problems) -> Spec | None:
    """The tree under `node`, checked; None if anything is wrong with this part of it (see `problems`)."""
    if isinstance(node.value, str):
        kind, body = node.value, Node({}, node.file, node.line)
    elif isinstance(node.value, dict) and len(node.value) == 1:
        kind, body = next(iter(node.value.items()))
    else:
        problems.add(node, f"a node is one word or one `type: settings` pair; allowed types: {', '.join(sorted(names.types))}")
        return None
    node_type = names.types.get(kind)
    if node_type is None:
        problems.add(node, f"unknown node type {kind!r}; {nearest(kind, names.types)}")
        return None
    settings, children, title = _split(node_type, body, problems)
    config = _config(node_type, settings, names, problems)
    specs = [spec for child in children if (spec := check(child, names, problems)) is not None]
    if len(specs) < len(children) or (config is None and node_type.config is not None):
        return None
    return Spec(node_type, title or _title(node_type, config), config, tuple(specs))


def _split(kind: NodeType, body: Node, problems: Problems) -> tuple[Node, list[Node], str]:
    """(settings, children, name) of a node's body, whichever of the short forms it is written in."""
    empty = Node({}, body.file, body.line)
    if kind.shape == "composite" and isinstance(body.value, list):
        return empty, _some(kind, body, body.value, problems), ""
    if not isinstance(body.value, dict):
        if body.value is None:
            return empty, _some(kind, body, [], problems), ""
        if kind.main and kind.shape == "leaf":
            return Node({kind.main: body}, body.file, body.line), [], ""
        return body, [], ""
    values = dict(body.value)
    title = values.pop("name").value if "name" in values else ""
    children: list[Node] = []
    if kind.shape == "composite":
        found = values.pop("children", None)
        if found is not None and not isinstance(found.value, list):
            problems.add(found, f"children of {kind.name} is not a list")
        children = _some(kind, body, found.value if found is not None and isinstance(found.value, list) else [], problems)
    elif kind.shape == "decorator":
        found = values.pop("child", None)
        if found is None:
            problems.add(body, f"{kind.name} needs a `child`")
        children = [found] if found is not None else []
    return Node(values, body.file, body.line), children, str(title)


def _some(kind: NodeType, body: Node, children: list[Node], problems: Problems) -> list[Node]:
    if kind.shape == "composite" and not children:
        problems.add(body, f"{kind.name} has no children")
    return children


def _config(kind: NodeType, settings: Node, names: Names, problems: Problems):
    if kind.config is None:
        if settings.value:
            key = next(iter(settings.value)) if isinstance(settings.value, dict) else settings.value
            problems.add(settings, f"{kind.name} has no settings; {key!r} is not known to it")
        return None
    if kind.foreign:
        config, error = walled(build, kind.config, settings, problems, kind.name)
        if error:
            problems.add(settings, f"{kind.name}: {error}")
    else:
        config = build(kind.config, settings, problems, kind.name)
    if isinstance(settings.value, dict) and not kind.foreign:
        _references(kind, settings.value, names, problems)
    return config


def _references(kind: NodeType, settings: Mapping[str, Node], names: Names, problems: Problems) -> None:
    """Names that the settings refer to, and values with a fixed set, whatever else is wrong with the node."""
    tables = {
        ("run", "skill"): names.skills,
        ("hand_over", "to"): names.policies,
        ("hand_over", "joints"): names.groups,
        ("guard", "mode"): MODES,
        ("when", "mode"): MODES,
        ("parallel", "until"): ("all", "one"),
    }
    for (owner, key), allowed in tables.items():
        value = settings[key].value if owner == kind.name and key in settings else None
        if isinstance(value, str) and value not in allowed:
            problems.add(settings[key], f"{kind.name}: no {key} {value!r}; {nearest(value, allowed)}")
    if kind.name == "run" and "skill" in settings and "parameters" in settings:
        _check_parameters(settings["skill"].value, settings["parameters"], names, problems)
    if kind.name == "hand_over" and "to" in settings and "joints" in settings:
        _check_joints(settings["to"].value, settings["joints"], names, problems)


def _check_joints(policy: object, joints: Node, names: Names, problems: Problems) -> None:
    """Whether the policy drives any of the joints that the tree hands to it."""
    if not isinstance(policy, str) or policy not in names.drives or joints.value not in names.groups:
        return
    driven = names.drives[policy]
    if joints.value not in {*driven, "whole_body"}:
        problems.add(
            joints,
            f"hand_over: the policy {policy!r} does not drive {joints.value}; it drives "
            f"{', '.join(sorted(driven)) or 'no whole group'}",
        )


def _check_parameters(skill: object, given: Node, names: Names, problems: Problems) -> None:
    """Values that the tree gives to a skill: their names, kinds, ranges and words, as the router checks those of a sentence."""
    if not isinstance(skill, str) or skill not in names.parameters or not isinstance(given.value, dict):
        return
    known = {parameter.name: parameter for parameter in names.parameters[skill]}
    for name, node in given.value.items():
        if name not in known:
            hint = nearest(name, known) if known else "it takes none"
            problems.add(node, f"run: no parameter {name!r} of {skill}; {hint}")
            continue
        faulty = Problems()
        value = build(own.VALUE, node, faulty)
        wrong = "" if faulty.lines else _wrong(known[name], node.value if known[name].choices else value)
        if wrong:
            problems.add(node, f"run: {name} of {skill} is {node.value!r}; {wrong}")


def _wrong(parameter: Parameter, value: float | str | bool | None) -> str:
    """What would be allowed instead of `value`; "" if it is allowed."""
    if value is None and parameter.default is None:
        return ""
    if parameter.choices:
        return "" if isinstance(value, str) and value in parameter.choices else nearest(str(value), parameter.choices)
    bounds = f"{parameter.low:g} to {parameter.high:g} {parameter.unit}".rstrip()
    if isinstance(parameter.default, str):
        return "" if isinstance(value, str) else "text is expected"
    if isinstance(value, str) and parameter.default is None and bounds == "-inf to inf":
        return ""  # any word, or any number
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"a number is expected, {bounds}"
    return "" if parameter.low <= value <= parameter.high else f"{bounds} are allowed"


def _title(kind: NodeType, config) -> str:
    if config is None:
        return kind.name
    given = {f.name: getattr(config, f.name) for f in dataclasses.fields(config)}
    text = ", ".join(
        f"{key}: {str(value).lower() if isinstance(value, bool) else value}"
        for key, value in given.items()
        if value is not None and value != {}
    )
    return f"{kind.name} {text}" if text else kind.name


def grow(spec: Spec, world: World) -> py_trees.behaviour.Behaviour:
    """The behaviours of a checked tree."""
    kind = spec.type
    if kind.shape == "composite":
        node = kind.make(spec.name, spec.config)
        node.add_children([grow(child, world) for child in spec.children])
        return node
    if kind.shape == "decorator":
        return kind.make(spec.name, world, spec.config, grow(spec.children[0], world))
    return kind.make(spec.name, world, spec.config)


def branch(root: py_trees.behaviour.Behaviour) -> str:
    """The path to the leaf that runs: names joined by " > "."""
    names, node = [], root
    while True:
        names.append(node.name)
        running = [child for child in node.children if child.status is py_trees.common.Status.RUNNING]
        if not running:
            return " > ".join(names)
        node = running[0]
