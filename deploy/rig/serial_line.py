"""A serial line for the simulated IMU: a pseudo-terminal whose far end pyserial can open."""

from __future__ import annotations

import contextlib
import os
import pty
import tty


class PtyPort:
    """The rig's end. `path` is what the driver opens; unread bytes are discarded."""

    def __init__(self):
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)

    in_waiting = 4096

    def read(self, size: int) -> bytes:
        try:
            return os.read(self._master, size)
        except (BlockingIOError, OSError):
            return b""

    def write(self, data: bytes) -> int:
        with contextlib.suppress(BlockingIOError, OSError):
            return os.write(self._master, data)
        return 0

    def close(self) -> None:
        for descriptor in (self._master, self._slave):
            with contextlib.suppress(OSError):
                os.close(descriptor)
