"""Reading and writing lines of text on streams that may hold invalid bytes or be closed by others."""

from __future__ import annotations

import contextlib
import io
import os
import select
import sys
from typing import TextIO

LONGEST, HEAD, TAIL = 500, 200, 150  # characters of a line for people; of a longer one what is kept of its ends


def forgive(stream: TextIO) -> None:
    """Replaces invalid bytes of the stream from now on, instead of raising."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")


def write_line(line: str, stream: TextIO) -> bool:
    """Writes a line; characters that the encoding lacks are escaped. False if the stream is closed; it is then redirected to
    the null device, because the interpreter flushes it at exit and would fail."""
    try:
        encoding = stream.encoding or "utf-8"
        line = "\n".join(one if len(one) <= LONGEST else clipped(one) for one in line.split("\n"))
        print(line.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)
        return True
    except (OSError, ValueError):  # ValueError: closed by somebody else
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
        return False


def gone(stream: TextIO) -> bool:
    """Whether the other end of the stream's pipe or terminal is closed."""
    try:
        look = select.poll()
        look.register(stream.fileno(), 0)
        return bool(look.poll(0))
    except (OSError, ValueError, AttributeError):  # no file behind it
        return False


def warn(text: str) -> None:
    """Prints a line on the standard error, if that is open."""
    write_line(text, sys.stderr)


def clipped(text: str) -> str:
    """The text as one line; a very long one is shortened in the middle. The trace keeps it whole."""
    if len(text) > LONGEST:
        text = f"{text[:HEAD]} ... ({len(text)} characters) ... {text[-TAIL:]}"
    return text if text.isprintable() else " ".join("".join(char if char.isprintable() else " " for char in text).split())
