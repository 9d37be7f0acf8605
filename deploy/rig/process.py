"""Starts a rig as a child process and sends it commands: for tests and demonstrations."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import IO

from arbiter.errors import RobotError


def pipes[T: (str, bytes)](process: subprocess.Popen[T]) -> tuple[IO[T], IO[T]]:
    """(standard input, standard output) of a child. Raises RobotError where it was not started with them."""
    if process.stdin is None or process.stdout is None:
        raise RobotError(f"process {process.pid}: started without pipes")
    return process.stdin, process.stdout


class RigProcess:
    """`python -m deploy.rig` as a child. A context manager.

    Attributes:
        hardware_file: The hardware file with which a driver opens it.
        hello: Its first line: addresses of buses, IMU and camera.
    """

    def __init__(self, folder: str | Path, *options: str):
        self.hardware_file = Path(folder) / "rig.yaml"
        command = [sys.executable, "-m", "deploy.rig", "--hardware", str(self.hardware_file), *options]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._told, self._answers = pipes(self._process)
        self.hello = hello = self._answers.readline()
        if not hello.startswith("rig:"):
            self.close()
            raise RobotError("rig: did not start; see its message above")

    def ask(self, line: str) -> str:
        """One command (release, fault SPEC, status, ...); the rig's answer."""
        self._told.write(line + "\n")
        self._told.flush()
        return self._answers.readline().strip()

    def modes(self) -> list[tuple[int, int]]:
        """(mode, error bits) of every motor, robot order."""
        words = self.ask("status").split("modes ")[1].split()
        pairs = (word.split("/") for word in words)
        return [(int(mode, 16), int(errors, 16)) for mode, errors in pairs]

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait()
        self._told.close()
        self._answers.close()

    def __enter__(self) -> RigProcess:
        return self

    def __exit__(self, *_) -> None:
        self.close()
