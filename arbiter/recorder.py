"""What happened in a tick, and the report of it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from py_trees.behaviour import Behaviour

from arbiter.events import Event
from arbiter.handover.authority import Authority
from arbiter.reader import Reader
from arbiter.report import TickReport
from arbiter.tree.build import branch
from arbiter.types import JointTarget, Mode, SafeCommand, Verdict


class Recorder:
    """Collects events and inputs of a tick; says what has changed since the last one only where it has.

    Args:
        authority: Who drives what.

    Attributes:
        events, inputs: Of this tick, see TickReport.
        taps: Asked every tick for further inputs: what workers delivered.
        mode: The safety layer's, as it was last told.
    """

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self.events: list[Event] = []
        self.inputs: list[tuple] = []
        self.taps: list[Callable[[], list[tuple]]] = []
        self.mode = Mode.PASSIVE
        self._index = 0
        self._tip: Behaviour | None = None
        self._branch, self._owners, self._version = "", (), -1

    def emit(self, event: Event) -> None:
        """Something happened."""
        self.events.append(event)

    def follow(self, verdict: Verdict, fault: str, now: float) -> None:
        """The safety layer's verdict of this tick; `fault`: what it has latched."""
        mode = verdict.mode
        if mode is self.mode:
            return
        change = f"{self.mode.value} -> {mode.value}" + (f": {verdict.reason}" if verdict.reason else "")
        data = {"from": self.mode.value, "to": mode.value, "reason": verdict.reason}
        self.events.append(Event(now, "fault" if fault else "mode", change, data))
        self.mode = mode

    def report(
        self, reader: Reader, root: Behaviour, target: JointTarget, command: SafeCommand, verdict: Verdict, marks: list[int]
    ) -> TickReport:
        """The tick that ends now; `root`: of the tree; `marks`: when each stage began, and when the last one ended [ns]."""
        for tap in self.taps:
            self.inputs += tap()
        tip, version = root.tip(), self._authority.version
        if tip is not self._tip:
            self._tip, self._branch = tip, branch(root)
        if version != self._version:
            self._version, self._owners = version, tuple(self._authority.names)
        assert reader.state is not None  # it was read in this tick
        report = TickReport(
            self._index,
            reader.at,
            reader.state,
            command,
            verdict,
            self._owners,
            self._branch,
            tuple(self.events),
            tuple(self.inputs),
            target.q,
            tuple(b - a for a, b in pairwise(marks)),
            reader.reading,
        )
        self.events.clear()
        self.inputs.clear()
        self._index += 1
        return report
