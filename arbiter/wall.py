"""The wall at the three doors: a plug-in call, a policy call, a driver call. Nothing else catches `Exception`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Called[T](NamedTuple):
    """What came of a call: (value, "") or (None, what went wrong, in one line)."""

    value: T | None
    error: str


def walled[T](call: Callable[..., T], *args: Any) -> Called[T]:
    """Calls it.

    What is no Exception is stopped here too: SystemExit, asyncio's CancelledError, the panic of a library in Rust. Only
    KeyboardInterrupt is the operator's and passes.
    """
    try:
        return Called(call(*args), "")
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return Called(None, named(error))


def named(error: BaseException | None, kind: type[BaseException] | None = None) -> str:
    """Type and text of an error, whatever its own __str__ does."""
    name = (kind or type(error)).__name__
    try:
        text = str(error) if error is not None else ""
    except Exception as broken:
        text = f"its text cannot be read ({type(broken).__name__})"
    return f"{name}: {text}" if text else name
