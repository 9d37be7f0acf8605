"""A picture of the rooms: packages and which of them import which, from the imports in the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("deploy", "training", "skills", "policies", "arbiter")
INSIDE = ("arbiter", "policies", "deploy", "training")


def modules(package: str) -> dict[str, Path]:
    """Files of a package by module name."""
    files = sorted((ROOT / package).rglob("*.py"))
    return {".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file for file in files}


def imported(file: Path) -> set[str]:
    """Modules that a file names in its imports, those for a type checker left out; of `from a import b` also `a.b`."""
    found: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(file.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        waiting += ast.iter_child_nodes(node)
    return found


def room(module: str, inside: str = "") -> str:
    """The room of a module: its top-level package, or of one inside a package the sub-package; "" for other modules."""
    parts = module.split(".")
    if not inside:
        return parts[0] if parts[0] in PACKAGES else ""
    known = (ROOT / inside / parts[1]).is_dir() if len(parts) > 1 else False
    return parts[1] if parts[0] == inside and known else ""


def arrows(inside: str = "") -> list[tuple[str, str]]:
    """Pairs (room, room it imports from), sorted."""
    found = set()
    for package in (inside,) if inside else PACKAGES:
        for module, file in modules(package).items():
            found |= {(room(module, inside), room(name, inside)) for name in imported(file)}
    return sorted((one, other) for one, other in found if one and other and one != other)


def rooms(package: str) -> list[str]:
    """Sub-packages of a package that hold modules."""
    return sorted(folder.name for folder in (ROOT / package).iterdir() if (folder / "__init__.py").is_file())


def about(package: str) -> str:
    """The first sentence of a package's docstring, without its full stop."""
    text = ast.get_docstring(ast.parse((ROOT / package.replace(".", "/") / "__init__.py").read_text(encoding="utf-8")))
    return re.split(r"\.(?:\s|$)", " ".join((text or "").split("\n\n")[0].split()))[0]


def drawing(names: list[str], pairs: list[tuple[str, str]]) -> str:
    """A Mermaid flow chart."""
    lines = ["```mermaid", "flowchart TD"]
    lines += [f"    {name}[{name}]" for name in names]
    lines += [f"    {one} --> {other}" for one, other in pairs]
    return "\n".join([*lines, "```"])


def section() -> str:
    """The pictures: the five packages, then the rooms inside them."""
    parts = ["An arrow points from a package to one that it imports.", drawing(list(PACKAGES), arrows())]
    for package in INSIDE:
        pairs = arrows(package)
        linked = {name for pair in pairs for name in pair}
        rows = [f"| `{package}/{name}` | {about(f'{package}.{name}')} |" for name in rooms(package)]
        table = "\n".join(["| room | what |", "|---|---|", *rows])
        parts += [f"### Inside {package}", table, drawing([name for name in rooms(package) if name in linked], pairs)]
    return "\n\n".join(parts)
