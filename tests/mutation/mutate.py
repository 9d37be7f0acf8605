"""Mutation check of the safety layer: breaks its code in one place at a time and looks whether a test notices.

    python -m tests.mutation.mutate                    every mutant (a quarter of an hour on a core)
    python -m tests.mutation.mutate --sample 40        some of them
    python -m tests.mutation.mutate --module shaper    one file's

A mutant that no test notices is a hole in the tests, or one that changes nothing: the cheap check before an exact one,
a tolerance. Those are listed in equivalent.txt, each with its reason, and left out.
Each mutant lives in a fork of this process, in the functions that the tests have imported: nothing on the disk changes.
What a test file computes when it is imported, the code as it is has computed.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import os
import random
import re
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "arbiter.safety"
EQUIVALENT = Path(__file__).parent / "equivalent.txt"  # mutants that change nothing that anybody could notice
MODULES = (
    "ages",
    "belief_memory",
    "command",
    "contact",
    "crosscheck",
    "encoder_reading",
    "encoders",
    "inertial",
    "intake",
    "joints",
    "ladder",
    "layer",
    "limits",
    "notes",
    "rates",
    "shaper",
    "stamps",
    "tick_state",
    "watch",
)
TESTS = ("limits", "command", "layer", "readings", "ladder", "collision", "garbage", "shaper")  # quick ones first
SLOW = re.compile("random|raises|exactly|distance|pushes")  # asked last
TIME_LIMIT = 60.0  # [s] of computing: a mutant that loops for ever is noticed, too

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

    def _condition(self, node: ast.If | ast.IfExp) -> ast.AST:
        if isinstance(node.test, (ast.Name, ast.Attribute, ast.Call)) and self._here(node.test, "with Not"):
            node.test = ast.copy_location(ast.UnaryOp(ast.Not(), node.test), node.test)
        return self.generic_visit(node)

    visit_If = visit_IfExp = _condition

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
        seen: Counter[tuple[int, str]] = Counter()
        for index, (line, text) in enumerate(walk.found):
            seen[line, text] += 1
            number = seen[line, text]
            yield Mutant(module, index, line, text if number == 1 else f"{text} #{number}")


def functions(module: ModuleType) -> Iterator[FunctionType]:
    """Every function and method that a module defines."""
    kinds = [thing for thing in vars(module).values() if isinstance(thing, type) and thing.__module__ == module.__name__]
    for owner in (module, *kinds):
        for thing in vars(owner).values():
            for part in (thing, *(getattr(thing, name, None) for name in ("__func__", "fget"))):
                if isinstance(part, FunctionType) and part.__module__ == module.__name__:
                    yield part


def codes(code: CodeType) -> Iterator[CodeType]:
    """`code`, and whatever is defined in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes(constant)


def plant(mutant: Mutant) -> bool:
    """Puts the mutant's code into the module that is in use. Returns whether there was anything to change."""
    path, module = source_of(mutant.module), importlib.import_module(f"{PACKAGE}.{mutant.module}")
    tree = ast.fix_missing_locations(Mutator(mutant.index).visit(ast.parse(path.read_text())))
    whole = compile(tree, str(path), "exec", dont_inherit=True)
    new = {code.co_qualname: code for code in codes(whole)}
    changed = False
    for function in set(functions(module)):
        code = new.get(function.__code__.co_qualname)
        if code is not None and code != function.__code__:
            function.__code__, changed = code, True
    return changed or _plant_constants(module, whole)


def _plant_constants(module: ModuleType, whole: CodeType) -> bool:
    """The same for the numbers of a module, which others may have imported from it."""
    values = {"__name__": module.__name__}
    exec(whole, values)
    numbers = {
        name: value for name, value in values.items() if isinstance(value, (int, float)) and value != getattr(module, name)
    }
    users = [module for name, module in sys.modules.items() if name.startswith(PACKAGE)]
    for user in users:
        vars(user).update({name: value for name, value in numbers.items() if name in vars(user)})
    return bool(numbers)


class Runner:
    """Takes the place of pytest's loop: for each mutant a fork, in which the tests run until the first one fails."""

    def __init__(self, chosen: list[Mutant]) -> None:
        self._chosen = chosen
        self._kills: Counter[tuple[str, str]] = Counter()  # (module, test): what noticed others is asked first
        self.survivors: list[Mutant] = []

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed or not session.items:
            raise session.Failed("the tests cannot be collected")
        for count, mutant in enumerate(self._chosen, 1):
            killer = self._killer(mutant, session)
            self._kills[mutant.module, killer] += 1
            self.survivors += [mutant] * (not killer)
            print(f"{count}/{len(self._chosen)} {'noticed ' if killer else 'SURVIVED'} {mutant}  {killer}", flush=True)
        return True

    def _killer(self, mutant: Mutant, session: pytest.Session) -> str:
        """The test that notices the mutant, "" if none does."""
        items = sorted(session.items, key=lambda item: (-self._kills[mutant.module, item.name], bool(SLOW.search(item.name))))
        ours, theirs = os.pipe()
        child = os.fork()
        if child == 0:
            sink = os.open(os.devnull, os.O_WRONLY)
            os.dup2(sink, 1)
            os.dup2(sink, 2)
            signal.signal(signal.SIGVTALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_VIRTUAL, TIME_LIMIT)
            os.write(theirs, _first_failure(mutant, session, items).encode())
            os._exit(0)
        os.close(theirs)
        with os.fdopen(ours) as pipe:
            killer = pipe.read()
        _, status = os.waitpid(child, 0)
        return killer if status == 0 else f"(ended by {status})"


def _first_failure(mutant: Mutant, session: pytest.Session, items: list[pytest.Item]) -> str:
    try:
        if not plant(mutant):
            return ""
        for item in items:
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            if session.testsfailed:
                return item.name
    except BaseException as error:  # whatever happens in a mutant: it was noticed
        return f"({type(error).__name__})"
    return ""


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
    files = [str(ROOT / f"tests/arbiter/test_safety_{name}.py") for name in TESTS]
    plain = ["-qs", "-c", os.devnull, "--rootdir", str(ROOT), "--import-mode", "importlib", "--assert", "plain"]
    without = [word for name in ("cacheprovider", "benchmark", "timeout") for word in ("-p", f"no:{name}")]
    runner = Runner(chosen)
    if pytest.main([*plain, *without, *files], plugins=[runner]):
        raise RuntimeError("pytest could not run")
    return runner.survivors


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--module", choices=MODULES, action="append", help="only this file (may be given again)")
    parser.add_argument("--sample", type=int, help="only so many, drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    options = parser.parse_args()
    known, chosen = equivalents(), list(mutants(tuple(options.module or MODULES)))
    chosen = [mutant for mutant in chosen if (mutant.module, mutant.text, line_of(mutant)) not in known]
    if options.sample:
        chosen = sorted(random.Random(options.seed).sample(chosen, min(options.sample, len(chosen))), key=str)
    survivors = check(chosen)
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} mutants noticed")
    for mutant in survivors:
        print(f"  survived: {mutant}    {line_of(mutant)}")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
