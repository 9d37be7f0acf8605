"""A prompt on a terminal: line editing, history, and messages of the run printed above the line that is typed."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import os
import sys
import termios
import threading
from collections.abc import Callable

from prompt_toolkit import PromptSession
from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input.vt100 import Vt100Input, raw_mode
from prompt_toolkit.output.vt100 import Vt100_Output

PROMPT = "> "
DRAWN = 2.0  # [s] within which the prompt makes way for a line


class _KeepsSignals(raw_mode):
    """Keeps Ctrl-C a signal, so that it works even when no key is read any more."""

    @classmethod
    def _patch_lflag(cls, attrs: int) -> int:
        return super()._patch_lflag(attrs) | termios.ISIG


class _Keys(Vt100Input):
    def raw_mode(self) -> contextlib.AbstractContextManager[None]:
        return _KeepsSignals(self.stdin.fileno())


class Terminal:
    """One prompt for the whole run, on the thread that calls `run`. For other threads it is a file to print to: the text
    appears above the prompt, and a half-typed line stays.

    Attributes:
        encoding: Of the terminal.
    """

    def __init__(self) -> None:
        self._before = termios.tcgetattr(sys.stdin.fileno())
        self._screen, self.encoding = sys.stdout, sys.stdout.encoding
        output = Vt100_Output.from_pty(sys.stdout, term=os.environ.get("TERM"))
        output.enable_cpr = False  # no questions to the terminal: the answers come as keys, and over a slow line too late
        self._session: PromptSession[str] = PromptSession(history=InMemoryHistory(), input=_Keys(sys.stdin), output=output)
        self._ended = threading.Event()
        self._ended.set()
        self._text = ""

    def run(self, take: Callable[[str], bool]) -> None:
        """Passes each typed line to `take`, until `take` returns False, Ctrl-D, or `close`."""

        def accept(buffer: Buffer) -> bool:
            line = buffer.text
            run_in_terminal(lambda: self._print(f"{PROMPT}{line}\n"))
            if not take(line):
                self._leave()
            return False  # into the history, and an empty line again

        self._ended.clear()
        self._session.default_buffer.accept_handler = accept
        try:
            self._session.prompt(PROMPT, set_exception_handler=False, handle_sigint=False)
        except EOFError:
            return
        finally:
            self._ended.set()

    # -- a file to print to ---------------------------------------------------------------------------------------

    def write(self, text: str) -> int:
        """Keeps it until the line is whole. Raises OSError when the terminal is gone."""
        self._text += text
        whole, newline, rest = self._text.rpartition("\n")
        if newline:
            self._text = rest
            self._above(whole + newline)
        return len(text)

    def flush(self) -> None:
        """Whole lines are written at once."""

    def fileno(self) -> int:
        """Of the screen."""
        return self._screen.fileno()

    def _above(self, text: str) -> None:
        async def draw() -> None:
            await run_in_terminal(lambda: self._print(text))

        app = self._session.app
        if app.is_running and app.loop is not None:
            drawing = draw()
            try:
                asyncio.run_coroutine_threadsafe(drawing, app.loop).result(DRAWN)
                return
            except (RuntimeError, concurrent.futures.TimeoutError, concurrent.futures.CancelledError):
                drawing.close()  # the prompt has just ended
        self._print(text)

    def _print(self, text: str) -> None:
        self._screen.write(text)
        self._screen.flush()

    # -- its end --------------------------------------------------------------------------------------------------

    def _leave(self) -> None:
        if self._session.app.is_running:
            self._session.app.exit(exception=EOFError)

    def close(self) -> None:
        """Ends the prompt and restores the terminal's settings."""
        loop = self._session.app.loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # it has just ended
                loop.call_soon_threadsafe(self._leave)
        self._ended.wait(DRAWN)
        self.restore()

    def restore(self) -> None:
        """The terminal's own settings, whatever is open."""
        with contextlib.suppress(termios.error, OSError):
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, self._before)


def open_terminal() -> Terminal | None:
    """The terminal of this process; None where its input or its output is something else."""
    with contextlib.suppress(OSError, ValueError, termios.error):
        if sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb":
            return Terminal()
    return None
