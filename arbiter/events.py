"""What happened, for people and reports: the arbiter collects events, one list a tick."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """Something worth telling.

    Attributes:
        at: Time of the tick [s].
        kind: "said", "routed", "rejected", "stopped", "started", "finished", "handover", "refused", "mode", "reset",
            "fault", "skill", "policy", "reading".
        text: One line for a person.
        data: The same for a program.
    """

    at: float
    kind: str
    text: str
    data: dict[str, Any] = field(default_factory=dict)
