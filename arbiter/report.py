"""The record of one tick."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arbiter.events import Event
from arbiter.types import RobotState, SafeCommand, Verdict

STAGES = ("read", "inbox", "tree", "act", "blend", "safety", "write")


@dataclass(frozen=True, slots=True)
class TickReport:
    """One tick, whole: what a trace records and a console shows.

    Attributes:
        index: Number of the tick, from 0.
        now: Its time by the clock [s].
        state: What was believed of what was read.
        reading: What was read; None where the driver failed or told what is no reading.
        command: What was sent.
        verdict: What the safety layer made of it.
        owners: Policy name of each joint, robot order.
        branch: Path through the tree to the leaf that runs.
        events: What happened.
        inputs: What came from outside, for a replay: ("say", text, how, ticket), ("stop", why), ("damp", why), ("reset",),
            ("alarm", fault), ("go",), ("halt",), ("arm", time, RobotState), ("route", ticket, Route), ("safety", level, reason)
            for `Safety.stop`, and whatever `taps` bring.
        asked: Position targets before the safety layer [rad], shape (n,).
        stage_ns: Time spent in each of `STAGES` [ns].
    """

    index: int
    now: float
    state: RobotState
    command: SafeCommand
    verdict: Verdict
    owners: tuple[str, ...]
    branch: str
    events: tuple[Event, ...]
    inputs: tuple[tuple, ...]
    asked: np.ndarray
    stage_ns: tuple[int, ...]
    reading: RobotState | None = None
