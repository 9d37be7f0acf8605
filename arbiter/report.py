"""The record of one tick."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arbiter.events import Event
from arbiter.types import RobotState, SafeCommand, Verdict

STAGES = ("read", "inbox", "tree", "act", "blend", "safety", "write")


@dataclass(frozen=True, slots=True)
class TickReport:
    """Everything about one tick: what a trace records and a console shows.

    Attributes:
        index: Number of the tick, from 0.
        now: Its time by the clock [s].
        state: The reading as the safety layer believed it.
        reading: The driver's reading; None if the driver failed or returned no valid reading.
        command: The command that was sent.
        verdict: The safety layer's verdict on it.
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
