"""Checks at the start of a command that its output files can be written, so that no work is lost at the end."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from arbiter.errors import ConfigError


def writable(what: str, path: str | Path) -> Path:
    """Checks that a file can be written to `path` and returns the path; makes its folder. An existing file is not changed.

    Args:
        what: The option, for the message.
        path: The file.

    Raises:
        ConfigError: It cannot be written.
    """
    path = Path(path)
    try:
        if os.path.isdir(path):
            raise ConfigError(f"{what} {path}: is a folder; the name of a file is expected")
        probe = path.with_name(path.name + ".part")  # files are written beside their place and moved there whole
        path.parent.mkdir(parents=True, exist_ok=True)
        there = path.exists()
        with path.open("ab"):
            pass
        if not there:
            path.unlink()
        probe.touch()
        probe.unlink()
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise ConfigError(f"{what} {path}: cannot be written: {reason(error)}; name another file") from error
    return path


def reason(error: Exception) -> str:
    """The error as a few words."""
    if isinstance(error, FileExistsError):
        return f"{error.filename} is no folder"
    return getattr(error, "strerror", None) or str(error)


def output_file(text: str) -> Path:
    """The same as a `type` of argparse."""
    try:
        return writable("file", text)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
