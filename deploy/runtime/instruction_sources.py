"""Where instructions come from: `--say`, a script, or standard input. Each is polled between ticks."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TextIO

from arbiter.errors import ConfigError
from arbiter.execution.inbox import Orders
from arbiter.routing import stop_guard
from arbiter.skill import Skill
from arbiter.strict import Problems, build, parse
from arbiter.threads import start_thread
from deploy.cli.streams import forgive, warn
from deploy.operator.manual import ASKED, ENDS, meant, skills_text

if TYPE_CHECKING:
    from deploy.operator.terminal import Terminal

OPERATOR = ("arm", "go", "reset", "damp")  # typed alone, these are the operator's, not instructions
MOST_LINES = 1000  # of a pipe that wait for their turn


def order(text: str, inbox: Orders) -> bool:
    """Carries out a text that is one of the operator's commands. False if it is none."""
    word = text.strip().lower()
    if word not in OPERATOR:
        return False
    getattr(inbox, word)()
    return True


class Source(Protocol):
    """Feeds an inbox."""

    @property
    def done(self) -> bool:
        """Whether the source is exhausted."""

    def poll(self, elapsed: float, idle: bool, inbox: Orders) -> None:
        """`elapsed`: time since the run began [s]. `idle`: the robot is ready and has nothing to do."""


def unsaid(sources: Sequence[object]) -> list[str]:
    """Instructions of the sources that were never given to the inbox, in their order."""
    return [text for source in sources for text in getattr(source, "unsaid", ())]


class Answers:
    """A source that answers by itself who only asks what can be said: nothing moves for that, and nothing stops.

    Attributes:
        tell: Takes lines for the person. May be set later, like `skills`.
        skills: What can be asked for.
    """

    def __init__(self) -> None:
        self.tell: Callable[[str], None] = print
        self.skills: Mapping[str, Skill] = {}

    def answered(self, text: str) -> bool:
        """Lists the skills if the text asks for them, and for nothing else ("help me" and "help!" stop the robot)."""
        asked = text.strip().lower() in ASKED
        if asked:
            self.tell(skills_text(self.skills))
        return asked


class Sayings(Answers):
    """Texts one after the other: the next is said when the last one is finished."""

    def __init__(self, texts: Sequence[str]) -> None:
        super().__init__()
        self._texts = deque(texts)

    @property
    def done(self) -> bool:
        return not self._texts

    @property
    def unsaid(self) -> tuple[str, ...]:
        """Instructions that were not given yet."""
        return tuple(self._texts)

    def poll(self, elapsed: float, idle: bool, inbox: Orders) -> None:
        while idle and self._texts:
            text = self._texts.popleft()
            if not self.answered(text):
                inbox.say(text, "queue")
                break


@dataclass(frozen=True, slots=True)
class Cue:
    """One line of a script.

    Attributes:
        at: Time since the run began [s].
        say: An instruction.
        stop: True: stops at once.
        damp: True: damps at once.
    """

    at: float
    say: str | None = None
    stop: bool = False
    damp: bool = False

    def __post_init__(self) -> None:
        if self.at < 0.0:
            raise ConfigError(f"at is {self.at:g}; seconds since the start of the run are expected")
        if (self.say is not None) + self.stop + self.damp != 1:
            raise ConfigError("a cue needs either `say: text` or `stop: true` or `damp: true`")


class Script(Answers):
    """Cues at fixed times."""

    def __init__(self, cues: Sequence[Cue]) -> None:
        super().__init__()
        self._cues = deque(sorted(cues, key=lambda cue: cue.at))

    @classmethod
    def load(cls, path: str | Path) -> Script:
        """Reads a YAML list of `{at: seconds, say: text}`, `{at: seconds, stop: true}` and `{at: seconds, damp: true}`."""
        problems = Problems()
        cues = build(tuple[Cue, ...], parse(path), problems, "script")
        problems.raise_if_any()
        return cls(cues)

    @property
    def done(self) -> bool:
        return not self._cues

    @property
    def unsaid(self) -> tuple[str, ...]:
        """Instructions that were not given yet."""
        return tuple(cue.say for cue in self._cues if cue.say is not None)

    def poll(self, elapsed: float, idle: bool, inbox: Orders) -> None:
        while self._cues and self._cues[0].at <= elapsed + 1e-9:
            cue = self._cues.popleft()
            if cue.stop:
                inbox.stop("the script")
            elif cue.damp:
                inbox.damp("the script")
            elif cue.say is not None and not self.answered(cue.say):
                inbox.say(cue.say)


class StandardInput(Answers):
    """Lines from a terminal (said at once) or a pipe (one after the other). Read on a thread: the tick never waits.

    Each line is examined when it arrives: one that means stop, and `damp`, take effect in the next tick, whatever waits or
    runs. Lines that were waiting are cancelled, and reported so.

    Args:
        stream: Where lines come from; None: this process's standard input.
        terminal: Where a person types them; None: they are read from `stream` as they are.
        guard: Whether a line means stop.

    Attributes:
        lost: Called with the reason when the terminal or the connection is gone. May be set later.
    """

    def __init__(
        self, stream: TextIO | None = None, terminal: Terminal | None = None, guard: Callable[[str], bool] = stop_guard
    ) -> None:
        super().__init__()
        self._stream = stream or sys.stdin
        forgive(self._stream)
        self._by_hand, self.terminal = self._stream.isatty(), terminal
        self._guard = guard
        self._waiting: deque[str] = deque()
        self._urgent: deque[str] = deque()  # stops, behind the lines that they overtook
        self._dropped = 0
        self.lost: Callable[[str], None] = lambda why: None
        self._reads = self._ended = False

    # -- on the reader's thread -----------------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            if self.terminal is not None:
                self.terminal.run(self._line)
            else:
                for line in self._stream:
                    if not self._line(line):
                        break
        except (OSError, ValueError) as error:
            self._hung_up(f"standard input ended: {error}")
        if self._by_hand and not self._is_still_there():
            self._hung_up("the terminal is closed")
        self._ended = True

    def _line(self, line: str) -> bool:
        """Takes a line. False: it was the last one."""
        text = line.strip()
        if text.lower() in ENDS:
            return False
        if not text:
            return True
        if self.answered(text):
            return True
        if self._by_hand and (order := self._meant(text)):
            self.tell(f'"{text}" is nothing that it knows; did you mean {order}?')
        else:
            self._arrived(text)
        return True

    def _meant(self, text: str) -> str:
        if text.lower() in OPERATOR or self._guard(text):
            return ""
        known = {word for skill in self.skills.values() for phrase in skill.utterances for word in phrase.split()}
        return meant(text, known, (*OPERATOR, *ENDS, *ASKED, "stop"))

    def _arrived(self, text: str) -> None:
        if text.lower() == "damp" or self._guard(text):
            while self._waiting:
                try:
                    self._urgent.append(self._waiting.popleft())
                except IndexError:  # the tick took it meanwhile
                    break
            self._urgent.append(text)
        elif len(self._waiting) < MOST_LINES:
            self._waiting.append(text)
        else:  # read on, for a stop may come
            self._dropped += 1

    def _is_still_there(self) -> bool:
        """Whether the terminal still exists: the input of an open terminal can end too, by Ctrl-D."""
        try:
            return self._stream.isatty()
        except (OSError, ValueError):
            return False

    def _hung_up(self, why: str) -> None:
        warn(why)
        self.lost(why)

    # -- between ticks --------------------------------------------------------------------------------------------

    @property
    def done(self) -> bool:
        return self._ended and not self._waiting and not self._urgent

    @property
    def unsaid(self) -> tuple[str, ...]:
        """Lines that arrived and wait."""
        return (*self._urgent, *self._waiting)

    def poll(self, elapsed: float, idle: bool, inbox: Orders) -> None:
        """At the first poll reading begins."""
        if not self._reads:
            self._reads = True
            start_thread("stdin", self._read)
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            inbox.lose(dropped)
        if self._urgent:
            while self._urgent:
                self._say(self._urgent.popleft(), inbox)
            return  # what came after the stop comes after its tick
        try:
            if self._waiting and (self._by_hand or idle or self._waiting[0].lower() in OPERATOR):
                self._say(self._waiting.popleft(), inbox)
        except IndexError:
            return  # a stop has just taken it away

    def _say(self, text: str, inbox: Orders) -> None:
        if not order(text, inbox):
            inbox.say(text, "" if self._by_hand else "queue")
