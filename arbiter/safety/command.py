"""The one place where a SafeCommand that a robot accepts is made."""

from __future__ import annotations

import secrets

import numpy as np

from arbiter.errors import RobotError
from arbiter.types import Mode, SafeCommand, frozen

_TOKEN = object()
_NO_JOINTS = frozen(())
_SECRET = secrets.token_bytes(16)


class _Issued(SafeCommand):
    """A SafeCommand that went through the safety layer.

    `dataclasses.replace` and any other call without the token fail, so an issued command cannot be edited into another. What
    goes around the constructor (`object.__new__`, `object.__setattr__`, a restored state) does not match the seal.
    """

    __slots__ = ("seal",)

    def __init__(
        self,
        token: object = None,
        stamp: float = 0.0,
        q: np.ndarray = _NO_JOINTS,
        kp: np.ndarray = _NO_JOINTS,
        kd: np.ndarray = _NO_JOINTS,
        mode: Mode = Mode.PASSIVE,
    ) -> None:
        if token is not _TOKEN:
            raise RobotError("a command for motors was built outside arbiter.safety; only Safety.filter makes one")
        SafeCommand.__init__(self, stamp, q, kp, kd, mode)
        object.__setattr__(self, "seal", _seal(self))


def issue(stamp: float, block: np.ndarray, mode: Mode) -> SafeCommand:
    """Seals a command. `block` holds q, kp, kd, shape (3, n); they are copied into memory that nobody can make writable."""
    whole, n = np.frombuffer(block.tobytes()), block.shape[1]
    return _Issued(_TOKEN, stamp, whole[:n], whole[n : 2 * n], whole[2 * n :], mode)


def is_safe(command: object) -> bool:
    """Whether `command` came out of the safety layer: what a robot asks before it takes one."""
    if type(command) is not _Issued:
        return False
    try:
        return command.seal == _seal(command)
    except (AttributeError, TypeError):  # made around the constructor: something is missing, or of another type
        return False


def _seal(command: SafeCommand) -> int:
    """What only this process makes of these values."""
    return hash((_SECRET, command.stamp, command.q.tobytes(), command.kp.tobytes(), command.kd.tobytes(), command.mode))
