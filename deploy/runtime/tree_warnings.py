"""What is allowed in a tree, and hardly meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from arbiter.robot import RobotModel
from arbiter.skill import Skill
from arbiter.tree.build import Spec
from arbiter.tree.own import HandOverConfig, RunConfig


def idle_nodes(spec: Spec) -> list[str]:
    """Why the robot would wait for ever, whatever is said: nodes that the tree does without."""
    there, found = {*_types(spec)}, []
    if "get_ready" not in there:
        found.append("tree: has no `get_ready`: the robot stays in its harness, and nothing that is said begins")
    if "instructions" not in there:
        found.append("tree: has no `instructions`: what is said is understood and waits for ever")
    return found


def idle_joints(skills: Mapping[str, Skill], trees: Mapping[str, Spec], model: RobotModel) -> list[str]:
    """Skills that take joints which their own tree does not use: meanwhile these are nobody else's."""
    found = []
    for name, spec in trees.items():
        groups = [group for group in dict.fromkeys(_groups(spec, skills)) if group in model.groups]
        used = np.any([model.groups[group] for group in groups] or [np.zeros(model.n, bool)], axis=0)
        named = skills[name].joints
        if named in model.groups and (model.groups[named] & ~used).any():
            found.append(f"skill {name!r}: takes {named}, its tree uses {', '.join(groups) or 'no joints'}")
    return found


def _types(spec: Spec) -> Iterator[str]:
    yield spec.type.name
    for child in spec.children:
        yield from _types(child)


def _groups(spec: Spec, skills: Mapping[str, Skill]) -> Iterator[str]:
    """Joint groups that a tree uses."""
    if isinstance(spec.config, RunConfig) and spec.config.skill in skills:
        yield skills[spec.config.skill].joints
    if isinstance(spec.config, HandOverConfig):
        yield spec.config.joints
    for child in spec.children:
        yield from _groups(child, skills)
