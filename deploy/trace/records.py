"""Traces that the operator starts and ends with a key: FOLDER/record_001, FOLDER/record_002, ..."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from arbiter.errors import ConfigError
from arbiter.threads import our_thread
from arbiter.tick import TickReport
from deploy.trace.writer import TraceWriter


class Records:
    """Called with True and False between ticks; files are written on other threads.

    Args:
        folder: Where the records go; made when the first begins.
        header, config: As of a TraceWriter.
        say: Tells the user.
    """

    def __init__(self, folder: Path, header: dict[str, Any], config: str, say: Callable[[str], None] = print) -> None:
        self._folder, self._header, self._config, self._say = folder, header, config, say
        self._wanted = False
        self._trace: TraceWriter | None = None
        self._threads: list[threading.Thread] = []

    def switch(self, on: bool) -> None:
        """Begins a record, or ends the one that runs."""
        self._wanted = on
        trace, self._trace = self._trace, None
        work = self._begin if on else lambda: self._end(trace)
        self._threads.append(our_thread("record", work))
        self._threads[-1].start()

    def observe(self, report: TickReport) -> None:
        """A tick, for the record that runs."""
        trace = self._trace
        if trace is not None and self._wanted:
            trace(report)

    def close(self) -> None:
        """Ends the record that runs."""
        if self._wanted:
            for thread in self._threads:
                thread.join(10.0)
            self.switch(False)
        for thread in self._threads:
            thread.join(10.0)

    def _begin(self) -> None:
        number = 1 + max((int(path.name[7:]) for path in self._folder.glob("record_*") if path.name[7:].isdigit()), default=0)
        folder = self._folder / f"record_{number:03}"
        try:
            trace = TraceWriter(folder, self._header, self._config)
        except ConfigError as error:
            self._say(f"not recorded: {error}")
            return
        self._say(f"recording into {folder}")
        if self._wanted:
            self._trace = trace
        else:  # ended before it had begun
            self._end(trace)

    def _end(self, trace: TraceWriter | None) -> None:
        if trace is not None:
            trace.close()
            self._say("recorded")
