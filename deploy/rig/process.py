"""Starts a rig in a process of its own and talks to it: for tests and demonstrations."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from arbiter.errors import RobotError


class RigProcess:
    """`python -m deploy.rig` as a child. A context manager.

    Attributes:
        hardware_file: What the other side opens it with.
        hello: Its first line: where buses, IMU and camera are.
    """

    def __init__(self, folder: str | Path, *options: str):
        self.hardware_file = Path(folder) / "rig.yaml"
        command = [sys.executable, "-m", "deploy.rig", "--hardware", str(self.hardware_file), *options]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.hello = hello = self._process.stdout.readline()
        if not hello.startswith("rig:"):
            self.close()
            raise RobotError("rig: did not start; see its message above")

    def ask(self, line: str) -> str:
        """One command (release, fault SPEC, status, ...); the rig's answer."""
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def modes(self) -> list[tuple[int, int]]:
        """(mode, error bits) of every motor, robot order."""
        words = self.ask("status").split("modes ")[1].split()
        return [tuple(int(part, 16) for part in word.split("/")) for word in words]

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()

    def __enter__(self) -> RigProcess:
        return self

    def __exit__(self, *_) -> None:
        self.close()
