"""Checks a tree file and shows it.

python -m deploy.tree default.yaml [--dot FILE.dot]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from arbiter.errors import ArbiterError
from deploy.cli.command import CommandParser, command
from deploy.cli.extras import extra

STATUS = "exit status: 0 when the file is in order, 1 when it has errors (all of them are printed), 2 for a wrong option"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("deploy.tree", description=__doc__.splitlines()[0], epilog=STATUS)
    p.add_argument("file", help="tree file, or a name in deploy/trees")
    p.add_argument("--dot", metavar="FILE.dot", help="writes a drawing for Graphviz")
    p.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="overrides a key of the file")
    return p


with extra(__name__, parser):
    from arbiter.routing import Router
    from arbiter.routing.reach import lost_utterances
    from arbiter.strict import Problems
    from arbiter.tree.build import Spec
    from deploy.runtime.config import Loaded, find_tree, load_tree
    from deploy.runtime.tree_check import examine
    from deploy.runtime.tree_robot import robot_of
    from skills.registry import SkillSet

SHAPES = {"composite": "box", "decorator": "ellipse", "leaf": "plaintext"}


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


def lost_words(loaded: Loaded, skills: SkillSet) -> list[str]:
    """The utterances of third parties' skills that do not lead to their skill, one line each."""
    if not skills.foreign:
        return []
    router = Router(list(skills.skills.values()), groups=robot_of(loaded).groups)
    return lost_utterances(router, skills.foreign)


@command
def main(argv: list[str] | None = None) -> int:
    """Checks, prints, draws. Exit status 0 for a valid file, 1 for one with errors, 2 for a wrong option."""
    args = parser().parse_args(argv)
    find_tree(args.file)
    problems = Problems()
    try:
        loaded = load_tree(args.file, args.set)
        skills, spec = examine(loaded, problems)
        if spec is None or problems.lines:
            raise problems.error()
        skills.problems += lost_words(loaded, skills)
    except ArbiterError as error:
        for line in str(error).splitlines():
            print(f"error: {line}", file=sys.stderr)
        return 1
    print(text(spec))
    for line in skills.left_out():
        print(f"note: {line}", file=sys.stderr)
    for problem in skills.problems:
        print(f"warning: {problem}", file=sys.stderr)
    if args.dot:
        Path(args.dot).write_text(dot(spec))
    return 0


if __name__ == "__main__":
    sys.exit(main())
