"""What a command reads lines from."""

from __future__ import annotations

import io
from typing import TextIO


def forgive(stream: TextIO) -> None:
    """From now on a byte that is no text spoils a word of the stream, not the rest."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")
