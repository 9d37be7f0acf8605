"""Events for users and reports: the arbiter collects them, one list each tick."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a run.

    Attributes:
        at: Time of the tick [s].
        kind: "said", "routed", "rejected", "stopped", "answered", "started", "finished", "handover", "refused",
            "mode", "reset", "fault", "skill", "policy", "reading".
        text: The event as one line of text.
        data: The same as values, for programs.
    """

    at: float
    kind: str
    text: str
    data: dict[str, Any] = field(default_factory=dict)
