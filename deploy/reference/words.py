"""What can be asked for, and what a tree is made of: the pages of skills and nodes."""

from __future__ import annotations

import math

from arbiter.skill import Parameter, Skill
from arbiter.tree.guards import GuardConfig
from arbiter.tree.registry import NODE_TYPES, NodeType
from deploy.reference.keys import first_line, keys, number_text, table
from skills import builtin_skills

SHAPES = {"composite": "Composites", "decorator": "Decorators", "leaf": "Leaves"}
FORMS = {
    "composite": "take a list of children, or `{name: ..., children: [...]}`.",
    "decorator": "take one `child`.",
    "leaf": "have no children.",
}


def parameter(p: Parameter) -> tuple[str, ...]:
    """One parameter as a row."""
    default = "not set" if p.default is None else p.default if isinstance(p.default, str) else f"{p.default:.4g}"
    bounded = math.isfinite(p.low) and math.isfinite(p.high)
    allowed = (
        ", ".join(p.choices)
        if p.choices
        else f"{number_text(round(p.low, 4))} to {number_text(round(p.high, 4))}"
        if bounded
        else ""
    )
    return (f"`{p.name}`", default, allowed, p.unit)


def skill(one: Skill) -> str:
    """One skill."""
    facts = [f"Policy `{one.policy}`", f"joints `{one.joints}`", f"time limit {one.time_limit:g} s"]
    facts += ["keeps its joints when it is done"] if one.hold else []
    facts += ["needs the camera"] if one.sees else []
    envelope = one.start
    start = [f"tilt at most {envelope.tilt:g} rad", f"joint speed at most {envelope.joint_speed:g} rad/s"]
    start += [f"base turning at most {envelope.ang_vel:g} rad/s"]
    start += [f"legs within {envelope.posture:g} rad of the default posture"] if math.isfinite(envelope.posture) else []
    parts = [
        f"## {one.name}",
        f"{first_line(type(one))} {', '.join(facts)}.",
        f"Starts with {', '.join(start)}.",
        f"Words, for example: {'; '.join(one.utterances)}.",
    ]
    if one.parameters:
        parts.append(table(("parameter", "default", "allowed", "unit"), [parameter(p) for p in one.parameters]))
    return "\n\n".join(parts)


def skills_page() -> str:
    """The page of the built-in skills."""
    intro = (
        "The skills that ship. A parameter without a default is not set: the skill then ends by another one. What "
        "counts as success: [add-a-skill.md](../how-to/add-a-skill.md#what-succeeded-means). How words become "
        "parameters: [routing.md](../routing.md)."
    )
    return "\n\n".join([intro, *map(skill, builtin_skills())])


def node(kind: NodeType) -> str:
    """One node type."""
    parts = [f"### {kind.name}", f"{kind.help[0].upper()}{kind.help[1:]}."]
    if kind.main:
        parts.append(f"A bare value stands for `{kind.main}`: `{kind.name}: ...`.")
    if kind.config is GuardConfig:
        parts.append("Settings: the [conditions](#conditions).")
    elif kind.config is not None:
        parts.append(keys(kind.config))
    return "\n\n".join(parts)


def nodes_page() -> str:
    """The page of the node types."""
    parts = [
        "A node is a word (`home`) or one `type: settings` pair; any node may have a `name`. Times are those of the "
        "tick: with `--fast` simulated ones. How to write a tree, and a node type: "
        "[write-a-tree.md](../how-to/write-a-tree.md)."
    ]
    for shape, title in SHAPES.items():
        parts.append(f"## {title}\n\nThey {FORMS[shape]}")
        parts += [node(kind) for kind in NODE_TYPES.values() if kind.shape == shape]
    parts.append(f"## Conditions\n\nSettings of `guard` and `when`; all that are given must hold.\n\n{keys(GuardConfig)}")
    return "\n\n".join(parts)
