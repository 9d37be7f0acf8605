"""Contains errors at three places: a call of a plug-in, of a policy, of a driver. Nothing else catches `Exception`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Called[T](NamedTuple):
    """The result of a call: (value, "") or (None, the error in one line)."""

    value: T | None
    error: str


def walled[T](call: Callable[..., T], *args: Any) -> Called[T]:
    """Calls `call` and catches what it raises.

    SystemExit, asyncio's CancelledError and the panic of a library in Rust, which are no Exception, are caught too. Only
    KeyboardInterrupt, the operator's, passes.
    """
    try:
        return Called(call(*args), "")
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return Called(None, named(error))


def named(error: BaseException | None, kind: type[BaseException] | None = None) -> str:
    """Type and text of an error, even if its own __str__ raises."""
    name = (kind or type(error)).__name__
    try:
        text = str(error) if error is not None else ""
    except Exception as broken:
        text = f"its text cannot be read ({type(broken).__name__})"
    return f"{name}: {text}" if text else name
