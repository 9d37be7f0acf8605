"""Checks a tree file and shows it.

    python -m deploy.tree default.yaml [--dot FILE.dot]
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from arbiter.errors import ArbiterError, ConfigError
from arbiter.safety import SafetyLimits
from arbiter.strict import Problems
from arbiter.tree.build import Names, Spec, check
from deploy.config import FALLBACKS, GROUPS, Loaded, load_tree
from deploy.masks import check_settings
from deploy.robots.description import load_model
from skills.registry import SkillSet, load_skills

SHAPES = {"composite": "box", "decorator": "ellipse", "leaf": "plaintext"}


def load_skill_set(loaded: Loaded) -> SkillSet:
    """The skills that a tree file asks for. Raises ConfigError for a name in `without` that there is not."""
    config = loaded.config.skills
    found = load_skills([loaded.resolve(name) for name in config.files], use_entry_points=config.entry_points)
    for name in config.without:
        if name not in found.skills:
            raise ConfigError(f"{loaded.path}: skills.without: no skill {name!r}; there are: {', '.join(sorted(found.skills))}")
        del found.skills[name]
    return found


def check_tree(loaded: Loaded, skills: SkillSet, policies: set[str]) -> Spec:
    """The checked tree. Raises ConfigError with every problem of it."""
    problems = Problems()
    spec = check(loaded.config.tree, Names(tuple(skills.skills), tuple(policies), GROUPS), problems)
    _check_limits(loaded, problems)
    for group, name in loaded.config.home.items():
        if group not in GROUPS:
            problems.lines.append(f"{loaded.path}: home: no joint group {group!r}; allowed: {', '.join(GROUPS)}")
        if name not in policies:
            problems.lines.append(f"{loaded.path}: home.{group}: no policy {name!r}; there are: {', '.join(sorted(policies))}")
    problems.raise_if_any()
    return spec


def _check_limits(loaded: Loaded, problems: Problems) -> None:
    config = loaded.config
    limits = SafetyLimits.from_model(load_model(config.robot)) if config.limits else None
    for name, node in config.limits.items():
        try:
            limits.tightened(**{name: node.plain()})
        except ConfigError as error:
            problems.add(node, str(error))


def text(spec: Spec, depth: int = 0) -> str:
    """The tree as indented lines."""
    mark = {"composite": "-", "decorator": "~", "leaf": "*"}[spec.type.shape]
    title = spec.name if spec.name.startswith(spec.type.name) else f"{spec.name} ({spec.type.name})"
    return "\n".join([f"{'  ' * depth}{mark} {title}", *(text(child, depth + 1) for child in spec.children)])


def dot(spec: Spec) -> str:
    """The tree for Graphviz."""
    lines = ["digraph tree {", "  node [fontname=Helvetica];"]

    def walk(node: Spec, name: str) -> None:
        label = f"{node.type.name}\\n{node.name}" if node.name != node.type.name else node.name
        lines.append(f'  {name} [shape={SHAPES[node.type.shape]}, label="{label}"];')
        for i, child in enumerate(node.children):
            lines.append(f"  {name} -> {name}_{i};")
            walk(child, f"{name}_{i}")

    walk(spec, "n")
    return "\n".join([*lines, "}"]) + "\n"


def main(argv: list[str] | None = None) -> int:
    """Checks, prints, draws. Exit status 2 for a file with errors."""
    parser = argparse.ArgumentParser(prog="python -m deploy.tree", description=__doc__.splitlines()[0])
    parser.add_argument("file", help="tree file, or a name in deploy/trees")
    parser.add_argument("--dot", metavar="FILE.dot", help="writes a drawing for Graphviz")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="overrides a key of the file")
    args = parser.parse_args(argv)
    try:
        check_settings(args.set)
        loaded = load_tree(args.file, args.set)
        skills = load_skill_set(loaded)
        spec = check_tree(loaded, skills, {*loaded.config.policies, *FALLBACKS})
    except ArbiterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(text(spec))
    for problem in skills.problems:
        print(f"warning: {problem}", file=sys.stderr)
    if args.dot:
        Path(args.dot).write_text(dot(spec))
    return 0


if __name__ == "__main__":
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` is no error
    sys.exit(main())
