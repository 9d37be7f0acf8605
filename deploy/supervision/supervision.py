"""The loop's side of the supervisor (`deploy.supervisor`): starts its process, feeds it, hears what it did.

with Supervision(robot, hardware_file) as supervision:
    robot = open_robot(..., supervisor=supervision.word)
    ...
    supervision.beat()                              # every tick
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time

from arbiter.errors import RobotError
from deploy.supervision.heartbeat import Heartbeat, heartbeat_path

STARTING = 120.0  # [s] for the supervisor's process to come up
ALIVE = 0.5  # [s] without a look until the supervisor counts as gone


class Supervision:
    """The loop's side: starts the supervisor and feeds it. A context manager; `start` and `close` by hand do the same.

    Args:
        robot: Name of the robot description.
        hardware_file: Another hardware file than the robot's own, such as the rig's.
        timeout: Longest time without a beat [s].
    """

    def __init__(self, robot: str = "berkeley_humanoid_lite", hardware_file: str | None = None, timeout: float = 0.1):
        self._arguments = ["--robot", robot, "--timeout", str(timeout)]
        if hardware_file:
            self._arguments += ["--hardware", str(hardware_file)]
        self._process: subprocess.Popen | None = None
        self._beat: Heartbeat | None = None
        self._looks, self._looked_at = -1, 0.0

    def start(self) -> Supervision:
        """Starts the process and waits until it watches. Raises RobotError if it does not start."""
        self._beat = Heartbeat(heartbeat_path())
        self._beat.set("pid", os.getpid())
        command = [sys.executable, "-m", "deploy.supervisor", "--heartbeat", str(self._beat.path), *self._arguments]
        # A session of its own: what a closed terminal, or Ctrl-C, sends to the loop's group is not meant for it.
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        deadline = time.monotonic() + STARTING
        while not self._beat.get("supervisor_beats"):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.close()
                raise RobotError("supervisor: did not come up; see its message above")
            time.sleep(0.01)
        self._beat.path.unlink()  # both have it mapped: a loop that is killed leaves nothing behind
        return self

    def beat(self) -> None:
        """A heartbeat, once a tick. The first one begins the supervision. No effect after `close`."""
        if self._beat is not None:
            self._beat.beat()
            self._beat.set("watching", 1)

    def pause(self) -> None:
        """No beats are expected until the next one: before slow work while the motors are damped."""
        if self._beat is not None:
            self._beat.set("watching", 0)

    def word(self, now: float) -> str:
        """ "" in normal operation, "supervisor damped" once it has tripped, "supervisor gone" if its process has stopped.

        Cheap: the 250 Hz thread asks at each `now` [s].
        """
        beat = self._beat
        if beat is None:
            return ""
        looks = beat.get("supervisor_beats")
        if looks != self._looks:
            self._looks, self._looked_at = looks, now
        if beat.get("tripped"):
            return "supervisor damped"
        return "supervisor gone" if now - self._looked_at > ALIVE else ""

    def close(self) -> None:
        if self._beat is not None:
            self._beat.set("watching", 0)
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout=2.0)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._beat is not None:
            beat, self._beat = self._beat, None  # the 250 Hz thread may still ask
            with contextlib.suppress(FileNotFoundError):  # it did not come up
                beat.path.unlink()

    __enter__ = start

    def __exit__(self, *_) -> None:
        self.close()
