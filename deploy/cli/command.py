"""Shared by every command line: the name it was typed by, help with defaults, errors in one line, exit statuses."""

from __future__ import annotations

import argparse
import functools
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

from arbiter.errors import ArbiterError
from arbiter.extras import library_of, needed
from deploy.cli.subcommands import SCRIPT, SUBCOMMANDS

OK = 0
FAILED = 1  # it ran and found something wrong: a fault, a failed check, a refused instruction
WRONG = 2  # an option, a file, a missing extra: nothing was done
UNFINISHED = 3  # deploy.run --strict: nothing faulted, and an instruction did not succeed
INTERRUPTED = 130  # by Ctrl-C: 128 + SIGINT, the shells' convention
UNREAD = 141  # the reader of its output closed the pipe: 128 + SIGPIPE

# A number, and no option; argparse takes "-1e-3" for an option until Python 3.14.
NEGATIVE = re.compile(r"-(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$", re.IGNORECASE)

STATUSES = """\
exit status of every command: 0 success; 1 it ran and found something wrong (a fault, a failed check, a refused instruction);
2 a wrong option or file, or a missing extra: nothing was done; 3 `run --strict`: an instruction did not succeed;
130 interrupted or ended by force; 141 the reader of its output closed the pipe"""


def typed_as(module: str) -> str:
    """The command `module` as the user typed it: "python -m deploy.run", or "policy-arbiter run"."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if spec is not None and spec.name.startswith(("deploy.", "training.")):  # deploy.demo has the command line of deploy.run
        module = spec.name.removesuffix(".__main__")
    if len(sys.orig_argv) > 1 and Path(sys.orig_argv[1]).name == SCRIPT:
        return next((f"{SCRIPT} {name}" for name, (target, _) in SUBCOMMANDS.items() if target == module), SCRIPT)
    return f"python -m {module}"


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Help that shows the default of every option that has one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        text, value = action.help, action.default
        silent = value in (None, False, "", argparse.SUPPRESS) or value == [] or action.required or not action.option_strings
        if text is None or silent or "default" in text:
            return text
        return f"{text} (default: {' '.join(map(str, value)) if isinstance(value, list | tuple) else '%(default)s'})"


class CommandParser(argparse.ArgumentParser):
    """A command line.

    Args:
        module: The command's module; the usage names the command as it was typed.
        options: Of argparse.ArgumentParser.
    """

    def __init__(self, module: str, **options) -> None:
        options.setdefault("formatter_class", HelpFormatter)
        super().__init__(prog=options.pop("prog", None) or typed_as(module), **options)
        self._negative_number_matcher = NEGATIVE

    def add_subparsers(self, **options):
        """As argparse's. Each is a plain parser with the same form of help."""
        return super().add_subparsers(parser_class=_SubParser, **options)


class _SubParser(argparse.ArgumentParser):
    def __init__(self, **options) -> None:
        super().__init__(formatter_class=HelpFormatter, **options)
        self._negative_number_matcher = NEGATIVE


def in_one_line(main: Callable[[], object]) -> int:
    """Runs a command line's `main`: every foreseeable error becomes one line on the standard error. Returns the exit status:
    that of `main` if it gives one."""
    try:
        status = main()
        sys.stdout.flush()
        return status if isinstance(status, int) else OK
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is still to be written goes nowhere, quietly
        return UNREAD
    except (ArbiterError, OSError) as error:
        print(f"error: {_reason(error)}", file=sys.stderr)
        return WRONG
    except ModuleNotFoundError as error:
        if not library_of(error):
            raise
        return without(error)
    except KeyboardInterrupt:
        return interrupted()


def command[**P](main: Callable[P, object]) -> Callable[P, int]:
    """Decorates the `main` of a command line: errors are handled by `in_one_line`."""

    @functools.wraps(main)
    def run(*args: P.args, **options: P.kwargs) -> int:
        return in_one_line(lambda: main(*args, **options))

    return run


def without(error: ModuleNotFoundError) -> int:
    """Prints which extra is missing. Returns the exit status."""
    print(f"error: this command {needed(library_of(error))}", file=sys.stderr)
    return WRONG


def interrupted() -> int:
    """Prints that the command was interrupted. Returns the exit status."""
    print("interrupted", file=sys.stderr)
    return INTERRUPTED


def _reason(error: ArbiterError | OSError) -> str:
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else error.filename}: {error.strerror}"
    return str(error) or type(error).__name__
