"""Where instructions come from: `--say`, a script, or standard input. Each is polled between ticks."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TextIO

from arbiter.errors import ConfigError
from arbiter.inbox import Inbox
from arbiter.strict import Problems, build, parse

OPERATOR = ("arm", "go", "reset")  # typed alone, these are the operator's, not instructions


class Source(Protocol):
    """Feeds an inbox."""

    @property
    def done(self) -> bool:
        """Nothing more will come."""

    def poll(self, elapsed: float, idle: bool, inbox: Inbox) -> None:
        """`elapsed`: time since the run began [s]. `idle`: the robot is ready and has nothing to do."""


class Sayings:
    """Texts one after the other: the next is said when the last one is finished."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = deque(texts)

    @property
    def done(self) -> bool:
        return not self._texts

    def poll(self, elapsed: float, idle: bool, inbox: Inbox) -> None:
        if idle and self._texts:
            inbox.say(self._texts.popleft(), "queue")


@dataclass(frozen=True, slots=True)
class Cue:
    """One line of a script.

    Attributes:
        at: Time since the run began [s].
        say: An instruction.
        stop: True: stops at once.
    """

    at: float
    say: str | None = None
    stop: bool = False

    def __post_init__(self) -> None:
        if self.at < 0.0:
            raise ConfigError(f"at is {self.at:g}; seconds since the start of the run are expected")
        if (self.say is None) is not self.stop:
            raise ConfigError("a cue needs either `say: text` or `stop: true`")


class Script:
    """Cues at fixed times."""

    def __init__(self, cues: Sequence[Cue]) -> None:
        self._cues = deque(sorted(cues, key=lambda cue: cue.at))

    @classmethod
    def load(cls, path: str | Path) -> Script:
        """Reads a YAML list of `{at: seconds, say: text}` and `{at: seconds, stop: true}`."""
        problems = Problems()
        cues = build(tuple[Cue, ...], parse(path), problems, "script")
        problems.raise_if_any()
        return cls(cues)

    @property
    def done(self) -> bool:
        return not self._cues

    def poll(self, elapsed: float, idle: bool, inbox: Inbox) -> None:
        while self._cues and self._cues[0].at <= elapsed + 1e-9:
            cue = self._cues.popleft()
            if cue.stop:
                inbox.stop("the script")
            else:
                inbox.say(cue.say)


class StandardInput:
    """Lines from a terminal (said at once) or a pipe (one after the other). Read on a thread: the tick never waits."""

    PROMPT = "> "

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdin
        self._terminal = self._stream.isatty()
        self._lines: deque[str] = deque()
        self._ended = False
        threading.Thread(target=self._read, name="stdin", daemon=True).start()

    def _read(self) -> None:
        self._prompt()
        try:
            for line in self._stream:
                text = line.strip()
                if text in ("quit", "exit"):
                    break
                if text:
                    self._lines.append(text)
                self._prompt()
        except (OSError, ValueError, UnicodeDecodeError) as error:
            print(f"standard input ended: {error}", file=sys.stderr)
        self._ended = True

    def _prompt(self) -> None:
        if self._terminal:
            print(self.PROMPT, end="", flush=True)

    @property
    def done(self) -> bool:
        return self._ended and not self._lines

    def poll(self, elapsed: float, idle: bool, inbox: Inbox) -> None:
        if self._lines and self._lines[0] in OPERATOR:
            getattr(inbox, self._lines.popleft())()
        elif self._lines and (self._terminal or idle or _stops(self._lines[0])):
            inbox.say(self._lines.popleft(), "" if self._terminal else "queue")


def _stops(text: str) -> bool:
    return text.strip().lower().rstrip("!.") in ("stop", "halt")
