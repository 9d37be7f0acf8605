"""Contains errors at three places: a call of a plug-in, of a policy, of a driver. Nothing else catches `Exception`."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

INTERRUPTING = (signal.SIGINT, signal.SIGTERM)  # those that a program of ours lets Python's own handler take


class Called[T](NamedTuple):
    """The result of a call: (value, "") or (None, the error in one line)."""

    value: T | None
    error: str


def walled[T](call: Callable[..., T], *args: Any) -> Called[T]:
    """Calls `call` and catches what it raises.

    SystemExit, asyncio's CancelledError and the panic of a library in Rust, which are no Exception, are caught too. Only a
    KeyboardInterrupt that can be the operator's passes.
    """
    try:
        return Called(call(*args), "")
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and _interruptible():
            raise
        return Called(None, named(error))


def _interruptible() -> bool:
    """Whether a signal can raise KeyboardInterrupt here: by Python's own handler, which runs on the main thread only.

    A run handles its signals itself, and without raising: there, whoever raises it is the plug-in.
    """
    if threading.current_thread() is not threading.main_thread():
        return False
    return any(signal.getsignal(number) is signal.default_int_handler for number in INTERRUPTING)


def named(error: BaseException | None, kind: type[BaseException] | None = None) -> str:
    """Type and text of an error, even if its own __str__ raises."""
    name = (kind or type(error)).__name__
    try:
        text = str(error) if error is not None else ""
    except Exception as broken:
        text = f"its text cannot be read ({type(broken).__name__})"
    return f"{name}: {text}" if text else name
