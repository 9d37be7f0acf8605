"""Types of option values, checked before anything is opened."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from arbiter.errors import ArbiterError


def seed(text: str) -> int:
    """A seed: a whole number from 0 on. For `type` of an argument."""
    try:
        value = int(text)
    except ValueError:
        value = -1
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no seed; a whole number from 0 on is expected")
    return value


def robot_name(text: str) -> str:
    """What `--robot` names; "bench" is the earlier name of the rig. For `type` of an argument."""
    return "rig" if text == "bench" else text


def named(args: argparse.Namespace, options: Iterable[str]) -> None:
    """Raises ArbiterError for an option that was given without a name: from a shell, mostly an empty variable."""
    for option in options:
        if getattr(args, option) is not None and not getattr(args, option).strip():
            raise ArbiterError(f"--{option} is given without a value; name one, or leave the option out")
