"""Errors of the runtime core. Each names the thing, the value, what is allowed and the way out."""

from __future__ import annotations

import sys
from collections.abc import Callable

from arbiter.extras import library_of, needed


class ArbiterError(Exception):
    """Base of every error that this package raises on purpose."""


class ConfigError(ArbiterError):
    """A file or an option is wrong. Nothing has moved."""


class MisfitError(ConfigError):
    """A policy is made for another robot."""


class PolicyError(ArbiterError):
    """A policy cannot be used, or did not keep its contract."""


class SkillError(ArbiterError):
    """A skill cannot be used, or did not keep its contract."""


class RobotError(ArbiterError):
    """A robot cannot be reached, or did not keep its contract."""


def in_one_line(main: Callable[[], object]) -> int:
    """Runs a command line's `main`: errors raised on purpose, the system's about files and ports, and a missing library of an
    extra become one line on the standard error. Returns the exit status: that of `main` if it gives one."""
    try:
        status = main()
    except (ArbiterError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if not library_of(error):
            raise
        print(f"error: this command {needed(library_of(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return status if isinstance(status, int) else 0
