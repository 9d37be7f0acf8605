"""The wall at the three doors: a plug-in call, a policy call, a driver call. Nothing else catches `Exception`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def walled(call: Callable[..., Any], *args: Any) -> tuple[Any, str]:
    """Calls it. Returns (value, "") or (None, what went wrong).

    What is no Exception is stopped here too: SystemExit, asyncio's CancelledError, the panic of a library in Rust. Only
    KeyboardInterrupt is the operator's and passes.
    """
    try:
        return call(*args), ""
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return None, named(error)


def named(error: BaseException | None, kind: type[BaseException] | None = None) -> str:
    """Type and text of an error, whatever its own __str__ does."""
    name = (kind or type(error)).__name__
    try:
        text = str(error) if error is not None else ""
    except Exception as broken:
        text = f"its text cannot be read ({type(broken).__name__})"
    return f"{name}: {text}" if text else name
