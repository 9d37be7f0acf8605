"""Checks a whole tree file: its keys, the files, policies, skills and nodes that they name, and whether these fit together."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from arbiter.aside import PATIENCE
from arbiter.errors import ArbiterError, ConfigError
from arbiter.policy import Policy
from arbiter.robot import RobotModel
from arbiter.safety import SafetyLimits
from arbiter.strict import Node, Problems, build, nearest
from arbiter.strict.fields import beyond
from arbiter.tree.build import Names, Spec, check
from arbiter.tree.loading import NodeSet, load_nodes
from arbiter.tree.registry import NodeType
from deploy.drivers.simulated.scene import check_ball
from deploy.runtime.detectors import check_detectors, colours_of
from deploy.runtime.doors import PolicyDoors, at, broken_files, check_drivers, load_doors
from deploy.runtime.tree_robot import robot_of
from deploy.runtime.tree_warnings import idle_joints, idle_nodes
from policies.registry import FALLBACKS, PolicyContext, load_each
from skills.registry import SkillSet, load_skills

if typing.TYPE_CHECKING:
    from deploy.runtime.config import Loaded


def examine(loaded: Loaded, problems: Problems) -> tuple[SkillSet, Spec | None]:
    """The skills and the checked tree of a tree file. Problems are added to `problems`, and then there may be no tree.

    Policies are opened and closed again, except those on another machine or of a library that takes long to load: of these
    only the path is checked.
    """
    model = _model(loaded, problems)
    skills = load_skill_set(loaded, model, problems)
    nodes = load_node_set(loaded, problems=problems)
    doors = load_doors(loaded, problems)
    check_drivers(loaded, problems)
    check_detectors(loaded, problems)
    check_balls(loaded, problems)
    skills.problems += nodes.problems + doors.problems
    unfit: dict[str, str] = {}
    drives = _drives(loaded, model, doors, problems, unfit) if model is not None else {}
    skills.without_policies(unfit)
    skills.without_joints(drives)
    policies = {*loaded.config.policies, *FALLBACKS} - set(unfit)
    names = _names(skills, policies, nodes.types, drives, model)
    for name, error in skills.check_trees(names).items():
        if name in skills.files:  # who names the file wants the skill; an installed one may be of other tree files
            problems.add(at(loaded.node, "skills", "files"), f"skill {name!r}: {error}; mend it, or add it to skills.without")
        else:
            skills.problems.append(f"skill {name!r} left out: {error}")
    spec = _check(loaded, skills, names, model, problems)
    return skills, spec


def load_skill_set(loaded: Loaded, robot: RobotModel | None, problems: Problems | None = None) -> SkillSet:
    """The skills that a tree file asks for and that `robot` is made for. Raises ConfigError for a name in `without` that there
    is not.

    With `problems` that is added to them, and so is every file of skills that is missing or broken; else those are left out
    and named in the set's own `problems`.
    """
    config, strict = loaded.config.skills, problems is not None
    problems = Problems() if problems is None else problems
    files = [loaded.resolve(name) for name in config.files]
    found = load_skills(files, use_entry_points=config.entry_points, robot=robot)
    broken_files(loaded, "skills", files, found.broken, problems if strict else None)
    for index, name in enumerate(config.without):
        if name not in found.skills and name not in found.unfit:
            where = at(loaded.node, "skills", "without", index)
            problems.add(where, f"skills.without: no skill {name!r}; {nearest(name, found.skills)}")
        found.skills.pop(name, None)
    if not strict:
        problems.raise_if_any()
    if colours := colours_of(loaded):
        found.see(colours)
    return found


def load_node_set(loaded: Loaded, patience: float = PATIENCE, problems: Problems | None = None) -> NodeSet:
    """The node types that a tree file may use. With `problems` files that are missing or broken are added to them.

    Args:
        loaded: The tree file.
        patience: How long a tick waits for the answer of one from outside [s].
        problems: Takes what is wrong.
    """
    config = loaded.config.nodes
    files = [loaded.resolve(name) for name in config.files]
    found = load_nodes(files, use_entry_points=config.entry_points, patience=patience)
    broken_files(loaded, "nodes", files, found.broken, problems)
    return found


def check_tree(
    loaded: Loaded,
    skills: SkillSet,
    policies: Mapping[str, Iterable[Policy]] | Iterable[str],
    types: Mapping[str, NodeType] | None = None,
) -> Spec:
    """The checked tree. Raises ConfigError with every problem of it.

    Args:
        loaded: The tree file.
        skills: Its skills.
        policies: Its policies, the fallbacks included: their players by name. Names alone leave open what each can drive.
        types: Its node types; None: they are looked for.
    """
    problems = Problems()
    model = _model(loaded, problems)
    drives = {}
    if isinstance(policies, Mapping) and model is not None:
        drives = {name: groups_of(players, model) for name, players in policies.items()}
    types = load_node_set(loaded).types if types is None else types
    names = _names(skills, set(policies), types, drives, model)
    skills.problems += [f"skill {name!r} left out: {error}" for name, error in skills.check_trees(names).items()]
    spec = _check(loaded, skills, names, model, problems)
    if spec is None or problems.lines:
        raise problems.error()
    return spec


def sound_keys(kind: Any, node: Node) -> dict[str, Node]:
    """The keys of `node`, a mapping, that can be built as those of the dataclass `kind`. For checks that go on after errors."""
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind) if field.init}
    kept: dict[str, Node] = {}
    for key in [key for key in node.entries if key in fields]:
        item, attempt = node.entries[key], Problems()
        wrong = beyond(fields[key], build(hints[key], item, attempt)) or attempt.lines
        rest = item if not wrong else _sound(hints[key], item) if dataclasses.is_dataclass(hints[key]) else None
        if rest is not None:
            kept[key] = rest
    return kept


def _sound(kind: Any, node: Node) -> Node | None:
    """The part of `node` that can be built as the dataclass `kind`; None if too little is left."""
    part, attempt = Node(sound_keys(kind, node), node.file, node.line), Problems()
    build(kind, part, attempt)
    return None if attempt.lines else part


def groups_of(players: Iterable[Policy], model: RobotModel) -> frozenset[str]:
    """The joint groups that a policy drives whole."""
    driven = np.any([player.joints for player in players], axis=0)
    return frozenset(name for name, mask in model.groups.items() if mask.any() and not (mask & ~driven).any())


def _model(loaded: Loaded, problems: Problems) -> RobotModel | None:
    try:
        return robot_of(loaded)
    except ConfigError as error:
        problems.add(at(loaded.node, "robot"), str(error))
        return None


def _drives(
    loaded: Loaded, model: RobotModel, doors: PolicyDoors, problems: Problems, unfit: dict[str, str]
) -> dict[str, frozenset[str]]:
    """The groups that each policy drives, of those that can be opened here and now; `unfit`: see `load_policies`."""
    context = PolicyContext(model, loaded.path.parent, lambda: None, chunk_delay=0.0, kinds=doors.kinds, backends=doors.backends)
    players = load_each(loaded.config.policies, context, problems, near=True, unfit=unfit)
    drives = {name: groups_of(group, model) for name, group in players.items()}
    for player in (player for group in players.values() for player in group):
        player.close()
    return drives


def _names(
    skills: SkillSet,
    policies: set[str],
    types: Mapping[str, NodeType],
    drives: Mapping[str, frozenset[str]],
    model: RobotModel | None,
) -> Names:
    """What a tree may refer to."""
    parameters = {name: skill.parameters for name, skill in skills.skills.items()}
    groups = tuple(("whole_body",) if model is None else model.groups)
    return Names(tuple(skills.skills), tuple(policies), groups, types, parameters, drives)


def _check(loaded: Loaded, skills: SkillSet, names: Names, model: RobotModel | None, problems: Problems) -> Spec | None:
    """Checks the tree and what else names skills and policies; what is allowed and hardly meant is added to the skills'
    `problems`."""
    given, spec = loaded.node.entries, None
    if "tree" in given:  # that it is missing is told already
        spec = check(loaded.config.tree, dataclasses.replace(names, skills=tuple(skills.skills)), problems)
    if spec is not None:
        skills.problems += idle_nodes(spec)
    if model is not None:
        skills.problems += idle_joints(skills.skills, skills.trees, model)
        if "policies" in given:
            _check_home(loaded, names, model, problems)
        _check_limits(loaded, model, problems)
    if names.drives and "policies" in given:
        _check_skills(loaded, skills, set(names.policies), problems)
    return spec


def _check_home(loaded: Loaded, names: Names, model: RobotModel, problems: Problems) -> None:
    for group, name in loaded.config.home.items():
        where = at(loaded.node, "home", group)
        if group not in model.groups:
            problems.add(where, f"home: no joint group {group!r}; allowed: {', '.join(model.groups)}")
        if name in loaded.config.policies and name not in names.policies:
            continue  # made for another robot: the fallbacks stand in
        if name not in names.policies:
            problems.add(where, f"home.{group}: no policy {name!r}; {nearest(name, names.policies)}")
        elif group in model.groups and model.groups[group].any() and name in names.drives and group not in names.drives[name]:
            problems.add(where, f"home.{group}: the policy {name!r} does not drive {group}")


def _check_skills(loaded: Loaded, skills: SkillSet, policies: set[str], problems: Problems) -> None:
    where, way_out = at(loaded.node, "policies"), "add it, or leave out with skills.without who wants it"
    for policy in sorted({skill.policy for skill in skills.skills.values() if not skill.tree} - policies):
        who = [skill.name for skill in skills.skills.values() if skill.policy == policy and not skill.tree]
        few = "skill" if len(who) == 1 else "skills"
        problems.add(
            where,
            f"no policy {policy!r}, which the {few} {', '.join(who)} want{'s' * (len(who) == 1)}; there are: "
            f"{', '.join(sorted(policies))}; {way_out}",
        )


def check_balls(loaded: Loaded, problems: Problems) -> None:
    """The balls of a simulated scene: colours that there are, places that can be."""
    for colour, centre in loaded.config.simulation.balls.items():
        try:
            check_ball(colour, centre)
        except ConfigError as error:
            problems.add(at(loaded.node, "simulation", "balls", colour), f"simulation.balls: {error}")


def _check_limits(loaded: Loaded, model: RobotModel, problems: Problems) -> None:
    limits = SafetyLimits.from_model(model)
    for name, node in loaded.config.limits.items():
        try:
            limits.tightened(**{name: node.plain()})
        except ArbiterError as error:
            problems.add(node, str(error))
