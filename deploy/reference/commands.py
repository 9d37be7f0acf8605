"""The command lines of this project, as their own parsers describe them."""

from __future__ import annotations

import argparse
import contextlib
import io
import runpy
import sys
from pathlib import Path

from deploy.cli.command import STATUSES
from deploy.cli.subcommands import SCRIPT, SUBCOMMANDS
from deploy.reference.keys import table

ROOT = Path(__file__).parents[2]
FOLDERS = ("deploy", "training", "tests/faults", "tests/mutation")
EXITS = "exit status:"


class _Captured(Exception):
    """Carries a parser out of the command that made it."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self.parser = parser


def modules() -> list[str]:
    """Modules that can be run: those that say so in their last lines and have a command line."""
    found = []
    for folder in FOLDERS:
        for file in sorted((ROOT / folder).rglob("*.py")):
            text = file.read_text(encoding="utf-8")
            if ".parse_args(" in text and '\nif __name__ == "__main__":' in text:
                name = ".".join(file.relative_to(ROOT).with_suffix("").parts)
                found.append(name.removesuffix(".__main__"))
    return found


def parser_of(module: str) -> argparse.ArgumentParser:
    """The parser of a command, without running it: it is started with `--help` and stopped where it would print that."""

    def captured(self, args=None, namespace=None):
        raise _Captured(self)

    original, argv = argparse.ArgumentParser.parse_args, sys.argv
    argparse.ArgumentParser.parse_args, sys.argv = captured, [module, "--help"]
    try:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            runpy.run_module(module, run_name="__main__")
    except _Captured as found:
        return found.parser
    finally:
        argparse.ArgumentParser.parse_args, sys.argv = original, argv
    raise LookupError(f"{module}: made no parser")


def option(action: argparse.Action, parser: argparse.ArgumentParser) -> tuple[str, str, str]:
    """An option or argument: how it is written, its default, what it does."""
    placeholder = action.metavar or ("{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.dest.upper())
    value = "" if action.nargs == 0 else f" {' '.join(placeholder) if isinstance(placeholder, tuple) else placeholder}"
    names = ", ".join(action.option_strings)
    written = f"`{names}{value}`" if names else f"`{action.metavar or action.dest}`"
    default = action.default
    nothing = default is None or default is False or default in ([], "", argparse.SUPPRESS)
    shown = (
        "" if nothing else f"`{default.relative_to(ROOT) if isinstance(default, Path) and ROOT in default.parents else default}`"
    )
    plain = argparse.HelpFormatter(parser.prog)  # a parser's own may repeat the default
    return written, shown, plain._expand_help(action) if action.help else ""


def options(parser: argparse.ArgumentParser) -> str:
    """The table of a parser's options, then those of its sub-commands."""
    rows, parts = [], []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, child in action.choices.items():
                parts.append(f"**{name}**: {helps.get(name, '')}\n\n{options(child)}".rstrip())
        elif not isinstance(action, argparse._HelpAction) and action.help != argparse.SUPPRESS:
            rows.append(option(action, parser))
    return "\n\n".join(([table(("option", "default", "what"), rows)] if rows else []) + parts)


def exits(parser: argparse.ArgumentParser) -> str:
    """What a command says of its exit status."""
    _, mark, text = (parser.epilog or "").partition(EXITS)
    return f"Exit status: {' '.join(text.split())}" if mark else ""


def section(module: str) -> str:
    """One command."""
    parser = parser_of(module)
    about = (parser.description or "").strip().splitlines()
    scripts = [f", `{SCRIPT} {name}`" for name, (target, _) in SUBCOMMANDS.items() if target == module]
    run = f"`python -m {module}`{''.join(scripts)}: {about[0] if about else ''}"
    parts = [f"## {module}", run, options(parser), exits(parser)]
    return "\n\n".join(part for part in parts if part)


def page() -> str:
    """The page of all commands."""
    intro = (
        "Every command is run as `python -m NAME` (with uv: `uv run --no-dev python -m NAME`), or as a sub-command of the "
        "console script: `policy-arbiter run`, `policy-arbiter train locomotion`; `policy-arbiter --help` lists them. "
        f"{STATUSES[0].upper()}{' '.join(STATUSES[1:].split())}. Errors are one line on standard error."
    )
    return "\n\n".join([intro, *map(section, modules())])
