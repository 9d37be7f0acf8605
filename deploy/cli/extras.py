"""Imports of slow libraries and of extras: `--help` works without them, and a missing one ends the command in one line."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

from arbiter.extras import library_of, needed
from deploy.cli.command import in_one_line, interrupted, without


@contextmanager
def extra(module: str, parser: Callable[[], argparse.ArgumentParser], *libraries: str) -> Generator[None]:
    """Around the imports at the top of a command, after its `parser`.

    For the command itself (`module`, its `__name__`, is "__main__"), `--help` is answered at once, without them, and ends the
    process; a library of an extra that is missing ends it in one line. Who imports the module gets the error as it is.

    Args:
        module: `__name__` of the command.
        parser: Makes its command line.
        libraries: Libraries that the command needs; the help says whether they are installed.
    """
    command = module == "__main__"
    if command and not {"-h", "--help"}.isdisjoint(sys.argv[1:]):
        raise SystemExit(in_one_line(lambda: _help(parser(), libraries)))
    try:
        yield
    except KeyboardInterrupt:
        if not command:
            raise
        raise SystemExit(interrupted()) from None
    except ModuleNotFoundError as error:
        if not command or not library_of(error):
            raise
        raise SystemExit(without(error)) from None


def _help(parser: argparse.ArgumentParser, libraries: tuple[str, ...]) -> None:
    missing = next((library for library in libraries if importlib.util.find_spec(library) is None), None)
    if missing is not None:
        print(f"this command {needed(missing)}", file=sys.stderr)
    parser.parse_args(sys.argv[1:] if parser._subparsers else ["--help"])
