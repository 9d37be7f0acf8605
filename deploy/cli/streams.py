"""Reading lines of text from a stream that may hold invalid bytes."""

from __future__ import annotations

import io
from typing import TextIO


def forgive(stream: TextIO) -> None:
    """Replaces invalid bytes of the stream from now on, instead of raising."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")
