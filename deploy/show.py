"""Pictures of a run: the film, the web page, MuJoCo's own window. Each lives on a thread of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from arbiter.arbiter import TickReport
from arbiter.errors import ConfigError
from deploy.assemble import Assembly
from deploy.video import Caption, Film


def has_display() -> bool:
    """Whether a window can be opened here."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


class FilmObserver:
    """Films a run: one moment after each tick.

    Args:
        path: MP4 file.
        assembly: The run; its body must be simulated.
    """

    def __init__(self, path: Path, assembly: Assembly) -> None:
        body = assembly.robot
        if not hasattr(body, "mj_model"):
            raise ConfigError("--video films a simulated body; the real robot's camera is recorded by the demonstrations' recorder")
        self._body, self._arbiter = body, assembly.arbiter
        self._film = Film(path, body.mj_model)

    def __call__(self, report: TickReport) -> None:
        active = self._arbiter.errands.active
        said = active[0].instruction.text if active else self._arbiter.world.stopped and "stopped"
        skills = [run.skill.name for errand in active for run in errand.runs if not run.over]
        self._film.add(self._body.pose, Caption(said or "", " + ".join(skills) or report.owners[-1]))

    def close(self) -> None:
        """Draws what is left and ends the file."""
        self._film.close()
