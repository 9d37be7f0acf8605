"""The loop's heartbeat in shared memory: a few words in a file that both processes have mapped.

The writer is the control loop, the reader the supervisor. Neither waits for the other; each word has one writer.
"""

from __future__ import annotations

import mmap
import os
import struct
import tempfile
from pathlib import Path

WORDS = ("beats", "watching", "pid", "tripped", "supervisor_beats")
_WORD = struct.Struct("<Q")
SIZE = _WORD.size * len(WORDS)


def heartbeat_path() -> Path:
    """A new file for a heartbeat, in shared memory where there is such a thing."""
    folder = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    descriptor, name = tempfile.mkstemp(prefix="policy-arbiter-heartbeat-", dir=folder)
    os.ftruncate(descriptor, SIZE)
    os.close(descriptor)
    return Path(name)


class Heartbeat:
    """The shared words.

    beats: counts ticks. watching: 1 while a missing beat is a fault. pid: of the loop. tripped: 1 once the supervisor has
    damped the motors. supervisor_beats: counts the supervisor's polls.
    """

    def __init__(self, path: Path):
        self.path = path
        with open(path, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), SIZE)

    def get(self, word: str) -> int:
        return _WORD.unpack_from(self._map, _WORD.size * WORDS.index(word))[0]

    def set(self, word: str, value: int) -> None:
        _WORD.pack_into(self._map, _WORD.size * WORDS.index(word), value)

    def beat(self) -> None:
        """Called by the loop once a tick."""
        self.set("beats", self.get("beats") + 1)

    def close(self) -> None:
        self._map.close()
