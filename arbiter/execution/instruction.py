"""One instruction from arrival to end: the one record of what became of it."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from arbiter.skill import Route, SkillCall, Verification

if TYPE_CHECKING:
    from arbiter.execution.run import Run


class InstructionState(enum.StrEnum):
    """Where an instruction stands; from SUCCEEDED on it is over."""

    SAID = "said"  # it is being routed
    ROUTED = "routed"  # accepted; it starts in the same tick, unless it waits
    WAITING = "waiting"  # for those before it
    RUNNING = "running"
    SUCCEEDED = "succeeded"  # every step's criterion was measured and met
    ENDED = "ended"  # carried out to its end; of a step at least there is no criterion
    FAILED = "failed"  # a criterion was not met, or it could not be carried out
    REFUSED = "refused"  # before anything moved: its words were not accepted, or more came at once than can wait
    ANSWERED = "answered"  # a question about what can be asked for; the reason is the answer
    CANCELLED = "cancelled"
    STOPPED = "stopped"


UNDER_WAY = (InstructionState.SAID, InstructionState.ROUTED, InstructionState.WAITING, InstructionState.RUNNING)
RESULTS = tuple(state for state in InstructionState if state not in UNDER_WAY)


@dataclass(slots=True, eq=False)
class Instruction:
    """An instruction in words, or a skill that the tree runs by itself. Times are those of the tick [s]; None: did not happen.

    Attributes:
        ticket: Number of the text; 0 for the tree's own.
        text: As it was said; of the tree's own the name of its node.
        how: What it does to those before it: "replace", "queue" or "together".
        by: Whose it is: "words" or "tree".
        at, routed, first_command, blend_end, finished: When it arrived, was routed, its first skill's policy first commanded its
            joints, that blend ended, and it was over.
        route: What the router made of it.
        state, reason: Where it stands, and why it is over.
        step: Index of the step that runs now; -1 before the first.
        runs: Of that step, one for each of its skills.
        measured: What was verified of each skill that was done, in order: (skill, verification or None).
    """

    ticket: int
    text: str
    how: str
    at: float = 0.0
    by: str = "words"
    route: Route | None = None
    routed: float | None = None
    first_command: float | None = None
    blend_end: float | None = None
    finished: float | None = None
    state: InstructionState = InstructionState.SAID
    reason: str = ""
    step: int = -1
    runs: list[Run] = field(default_factory=list, repr=False)
    measured: list[tuple[str, Verification | None]] = field(default_factory=list)

    @property
    def over(self) -> bool:
        """It came to its end, whichever."""
        return self.state not in UNDER_WAY

    @property
    def result(self) -> str:
        """What became of it, "" until it is over."""
        return self.state.value if self.over else ""

    @property
    def spoken(self) -> bool:
        """By words, not by the tree."""
        return self.by == "words"

    @property
    def label(self) -> str:
        """As lines for people name it."""
        return f'"{self.text}"' if self.spoken else f"the tree's {self.text}"

    @property
    def steps(self) -> tuple[tuple[SkillCall, ...], ...]:
        """Of its route; none before it is routed."""
        return self.route.steps if self.route is not None else ()

    def wants(self, joints: np.ndarray) -> bool:
        """Whether a run of the present step wants any of `joints`, bool, shape (n,)."""
        return any((run.joints & joints).any() for run in self.runs if not run.over)
