"""The wall at the three doors: a plug-in call, a policy call, a driver call. Nothing else catches `Exception`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def walled(call: Callable[..., Any], *args: Any) -> tuple[Any, str]:
    """Calls it. Returns (value, "") or (None, what went wrong).

    SystemExit raised by a plug-in is stopped here too; KeyboardInterrupt is the operator's and passes.
    """
    try:
        return call(*args), ""
    except (Exception, SystemExit) as error:
        return None, f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
