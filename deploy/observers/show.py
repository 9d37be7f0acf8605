"""Pictures of a run: the film, the web page, MuJoCo's own window. Each lives on a thread of its own."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import numpy as np

from arbiter.errors import ConfigError
from arbiter.execution.inbox import Orders
from arbiter.extras import advice
from arbiter.tick import TickReport
from deploy.cli.streams import clipped
from deploy.console import Snapshot
from deploy.drivers.door import Depicted
from deploy.observers.narrate import line_of
from deploy.observers.video import Caption, Film
from deploy.observers.whereabouts import where
from deploy.operator.manual import ASKED, skills_text
from deploy.runtime.assemble import Assembly
from deploy.runtime.instruction_sources import order

LOG_LINES = 12


def depicted(assembly: Assembly) -> Depicted:
    """The run's body, which can be filmed. Raises ConfigError where it cannot."""
    if not isinstance(assembly.robot, Depicted):
        raise ConfigError("--video films a simulated body; training.pi0.data records the real robot's camera")
    return assembly.robot


class FilmObserver:
    """Films a run: one moment after each tick.

    Args:
        path: MP4 file.
        assembly: The run; its body must be simulated.
    """

    def __init__(self, path: Path, assembly: Assembly) -> None:
        body, shape = depicted(assembly), assembly.robot.model.body
        self._film = Film(path, body.mj_model) if shape is None else Film(path, body.mj_model, tall=shape.tall)
        self.follow(assembly)

    def follow(self, assembly: Assembly) -> None:
        """Films another run from now on, of a robot of the same model."""
        self._body, self._arbiter = depicted(assembly), assembly.arbiter

    def __call__(self, report: TickReport) -> None:
        active = self._arbiter.executor.active
        said = active[0].text if active else self._arbiter.world.stopped and "stopped"
        skills = [run.skill.name for instruction in active for run in instruction.runs if not run.over]
        self._film.add(self._body.pose, Caption(said or "", " + ".join(skills) or report.owners[-1]))

    def close(self) -> None:
        """Draws the remaining pictures and finishes the file."""
        self._film.close()


class Screen:
    """A console as an observer of the run and a source of instructions.

    Args:
        kind: "web" or "native".
        assembly: The run.
        port: Of the web page.
    """

    done = False  # a person may always say more

    def __init__(self, kind: str, assembly: Assembly, port: int = 8080) -> None:
        model = assembly.robot.model
        if kind == "web":
            try:
                from deploy.console.web import WebConsole
            except ImportError as error:
                raise ConfigError(f"--viewer web needs {advice('viewer')} ({error})") from error
            self._console = WebConsole(model, port=port)
            self.address = f"watch and command it at {self._console.address}"
        else:
            from deploy.console.native import NativeViewer

            self._console = NativeViewer(model)
            self.address = "a window shows the robot"
        self._assembly = assembly
        self._log: deque[str] = deque(maxlen=LOG_LINES)
        self._started: float | None = None
        self._manual = ""

    def __call__(self, report: TickReport) -> None:
        """Publishes a snapshot of the tick."""
        self._started = report.now if self._started is None else self._started
        self._log.extend(line_of(event, self._started) for event in report.events)
        arbiter, body = self._assembly.arbiter, self._assembly.robot
        active, log = arbiter.executor.active, arbiter.executor.log
        pose, balls = None, {}
        if isinstance(body, Depicted):
            pose = body.pose
            balls = dict(zip(body.scene.balls, pose.mocap_pos.tolist(), strict=True))
        self._console.publish(
            Snapshot(
                time=report.now - self._started,
                joint_pos=report.state.joint_pos,
                base_pos=np.zeros(3) if pose is None else pose.qpos[:3],
                base_quat=report.state.base_quat,
                mode=report.verdict.mode.value,
                reason=clipped(report.verdict.reason),
                stopped=clipped(arbiter.world.stopped),
                fault=clipped(arbiter.safety.fault),
                branch=tuple(report.branch.split(" > ")),
                owners=tuple(arbiter.authority.describe().items()),
                instruction=clipped(active[0].text) if active else "",
                route=next((item.route for item in reversed(log) if item.route is not None), None),
                log=tuple(self._log),
                balls=balls,
                battery=report.state.battery,
                place=where(report.state.estimate),
                manual=self._manual,
            )
        )

    def poll(self, elapsed: float, idle: bool, inbox: Orders) -> None:
        """Takes the user's inputs on the console."""
        for event in self._console.poll():
            if event[0] == "say":
                self._say(event[1], inbox)
            elif event[0] == "stop":
                inbox.stop("the console")
            elif event[0] == "damp":
                inbox.damp("the console")
            else:
                inbox.reset()

    def _say(self, text: str, inbox: Orders) -> None:
        """As on a terminal: `help` alone shows the list of skills, an operator's command alone is carried out."""
        if text.strip().lower() in ASKED:
            self._manual = skills_text(self._assembly.arbiter.executor.skills)
        elif not order(text, inbox):
            inbox.say(text)

    def close(self) -> None:
        """Closes the window or the page."""
        self._console.close()
