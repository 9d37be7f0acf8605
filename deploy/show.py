"""Pictures of a run: the film, the web page, MuJoCo's own window. Each lives on a thread of its own."""

from __future__ import annotations

import os
import sys


def has_display() -> bool:
    """Whether a window can be opened here."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
