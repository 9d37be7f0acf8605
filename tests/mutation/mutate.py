"""Mutation check of the safety layer: breaks its code in one place at a time and looks whether a test notices.

    python -m tests.mutation.mutate                    every mutant (an hour or so on one core)
    python -m tests.mutation.mutate --sample 40        some of them
    python -m tests.mutation.mutate --module shaper    one file's

A mutant that no test notices is a hole in the tests, or one that changes nothing: the cheap check before an exact one,
a tolerance. Those are listed in equivalent.txt, each with its reason, and left out.
Each mutant lives in a fork of this process: nothing on the disk changes.
"""

from __future__ import annotations

import argparse
import ast
import importlib.abc
import importlib.machinery
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "arbiter.safety"
EQUIVALENT = Path(__file__).parent / "equivalent.txt"  # mutants that change nothing that anybody could notice
MODULES = ("command", "contact", "inertial", "intake", "joints", "ladder", "layer", "limits", "shaper", "watch")
TESTS = ("limits", "command", "readings", "ladder", "collision", "garbage", "shaper")  # quick ones first
OWN = {"inertial": ("readings",), "joints": ("readings",), "watch": ("readings", "ladder"), "ladder": ("ladder",)}  # asked first
SLOW = "random or raises or exactly or distance or pushes"
TIME_LIMIT = 180.0  # [s] a mutant that loops for ever is noticed, too

COMPARE = {
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
ARITHMETIC = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
CALLS = {
    "minimum": "maximum",
    "maximum": "minimum",
    "greater_equal": "less_equal",
    "less_equal": "greater_equal",
    "add": "subtract",
    "subtract": "add",
    "floor": "ceil",
    "ceil": "floor",
}


@dataclass(frozen=True)
class Mutant:
    """One change: the `index`-th place of `module` where one is possible."""

    module: str
    index: int
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.module}.py:{self.line}: {self.text}"


class Mutator(ast.NodeTransformer):
    """Walks a module and changes the `wanted`-th place; with None it lists all places."""

    def __init__(self, wanted: int | None = None) -> None:
        self.wanted = wanted
        self.found: list[tuple[int, str]] = []

    def _here(self, node: ast.AST, text: str) -> bool:
        self.found.append((node.lineno, text))
        return len(self.found) - 1 == self.wanted

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is not None:
            node.value = self.visit(node.value)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.body = [self.visit(child) for child in node.body]
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return node  # texts are not logic

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        for i, op in enumerate(node.ops):
            other = COMPARE[type(op)]
            if self._here(node, f"{type(op).__name__} -> {other.__name__}"):
                node.ops[i] = other()
        for i, side in enumerate((node.left, *node.comparators)):
            if isinstance(side, ast.Constant) and type(side.value) in (int, float):
                value = side.value + 1 if isinstance(side.value, int) else side.value * 1.5 + 0.1
                if self._here(node, f"{side.value} -> {value}"):
                    new = ast.copy_location(ast.Constant(value), side)
                    node.left, node.comparators = (new, node.comparators) if i == 0 else (node.left, [new])
        return self.generic_visit(node)

    def _operator(self, node: ast.BinOp | ast.AugAssign) -> ast.AST:
        other = ARITHMETIC.get(type(node.op))
        if other and self._here(node, f"{type(node.op).__name__} -> {other.__name__}"):
            node.op = other()
        return self.generic_visit(node)

    visit_BinOp = visit_AugAssign = _operator

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        other = ast.Or if isinstance(node.op, ast.And) else ast.And
        if self._here(node, f"{type(node.op).__name__} -> {other.__name__}"):
            node.op = other()
        return self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        change = self._here(node, f"without {type(node.op).__name__}")
        self.generic_visit(node)
        return node.operand if change else node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.value, ast.Name) and node.value.id == "np" and node.attr in CALLS:
            if self._here(node, f"{node.attr} -> {CALLS[node.attr]}"):
                node.attr = CALLS[node.attr]
        return self.generic_visit(node)


def source_of(module: str) -> Path:
    return ROOT / PACKAGE.replace(".", "/") / f"{module}.py"


def mutants(modules: tuple[str, ...] = MODULES) -> Iterator[Mutant]:
    """Every mutant of the modules."""
    for module in modules:
        walk = Mutator()
        walk.visit(ast.parse(source_of(module).read_text()))
        for index, (line, text) in enumerate(walk.found):
            yield Mutant(module, index, line, text)


class Planted(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports the mutant in the place of its module."""

    def __init__(self, mutant: Mutant) -> None:
        self._name, path = f"{PACKAGE}.{mutant.module}", source_of(mutant.module)
        tree = Mutator(mutant.index).visit(ast.parse(path.read_text()))
        self._code = compile(ast.fix_missing_locations(tree), str(path), "exec")

    def find_spec(self, fullname, path, target=None):
        return importlib.machinery.ModuleSpec(fullname, self) if fullname == self._name else None

    def exec_module(self, module) -> None:
        exec(self._code, module.__dict__)


def noticed(mutant: Mutant) -> bool:
    """Runs the tests against a mutant, in a fork."""
    child = os.fork()
    if child == 0:
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, 1)
        os.dup2(sink, 2)
        sys.meta_path.insert(0, Planted(mutant))
        os._exit(_test(mutant.module))
    end = time.monotonic() + TIME_LIMIT
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status != 0
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def _test(module: str) -> int:
    """Exit status of the tests: the module's own first, then the quick ones, the random ones only if those pass."""
    import pytest

    own, files = (
        [str(ROOT / f"tests/arbiter/test_safety_{name}.py") for name in names] for names in (OWN.get(module, ()), TESTS)
    )
    bare = [
        "-x",
        "-q",
        "-c",
        os.devnull,
        "--rootdir",
        str(ROOT),
        "--import-mode",
        "importlib",
        "--assert",
        "plain",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:benchmark",
        "-p",
        "no:timeout",
    ]
    for choice, chosen in ((f"not ({SLOW})", own), (f"not ({SLOW})", files), (SLOW, files)):
        if chosen and pytest.main([*bare, "-k", choice, *chosen]) != 0:
            return 1
    return 0


def line_of(mutant: Mutant) -> str:
    return source_of(mutant.module).read_text().splitlines()[mutant.line - 1].strip()


def equivalents(path: Path = EQUIVALENT) -> dict[tuple[str, str, str], str]:
    """Why a mutant changes nothing that anybody could notice, by (module, change, line of code).

    Raises ValueError for an entry that fits no mutant any more: it has to go, or to be looked at again.
    """
    found = {}
    for entry in path.read_text().splitlines():
        if entry and not entry.startswith("#"):
            module, change, code, why = (part.strip() for part in entry.split(" | "))
            found[module, change, code] = why
    stale = found.keys() - {(mutant.module, mutant.text, line_of(mutant)) for mutant in mutants()}
    if stale:
        raise ValueError(f"{path.name}: no such place: {sorted(stale)[0]}")
    return found


def check(chosen: list[Mutant]) -> list[Mutant]:
    """Mutants that no test noticed; tells each as it goes."""
    import hypothesis  # noqa: F401  imported before the forks, which then need not
    import numpy  # noqa: F401
    import pytest  # noqa: F401

    import arbiter.robot  # noqa: F401

    survivors = []
    for count, mutant in enumerate(chosen, 1):
        alive = not noticed(mutant)
        survivors += [mutant] * alive
        print(f"{count}/{len(chosen)} {'SURVIVED' if alive else 'noticed '} {mutant}", flush=True)
    return survivors


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--module", choices=MODULES, action="append", help="only this file (may be given again)")
    parser.add_argument("--sample", type=int, help="only so many, drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    options = parser.parse_args()
    chosen = list(mutants(tuple(options.module or MODULES)))
    if options.sample:
        chosen = sorted(random.Random(options.seed).sample(chosen, min(options.sample, len(chosen))), key=str)
    known = equivalents()
    chosen = [mutant for mutant in chosen if (mutant.module, mutant.text, line_of(mutant)) not in known]
    survivors = check(chosen)
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} mutants noticed")
    for mutant in survivors:
        print(f"  survived: {mutant}    {line_of(mutant)}")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
