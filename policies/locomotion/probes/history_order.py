"""A network that sees past values answers most to the newest: else their order is another one than its card says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from arbiter.types import RobotState, frozen
from policies.locomotion.probes.probe_finding import ProbeFinding, judged
from policies.locomotion.probes.responses import STEP_POS, STEP_TILT
from policies.locomotion.probes.subject import Stimulus, Subject, turned

NEWEST = 1.0  # least response to the newest value over that to the oldest


def probe_history(subject: Subject, stimuli: Sequence[Stimulus]) -> Iterator[ProbeFinding]:
    """Nothing for a network that sees the present only."""
    oldest = min((term.history for term in subject.card.observations if term.history > 1), default=1) - 1
    if oldest < 1:
        return
    new, old = (_size(subject, stimuli, age) for age in (0, oldest))
    other = "newest_first" if subject.card.history_order == "oldest_first" else "oldest_first"
    value = new / max(old, 1e-9)
    yield judged(
        "history",
        f"it answers {value:.2f} times as much to the newest joint positions and tilt as to those {oldest} steps before",
        value,
        NEWEST,
        None,
        f"the history fits better the other way round: history_order: {other}; or another history_layout",
    )


def _size(subject: Subject, stimuli: Sequence[Stimulus], age: int) -> float:
    """Of the response to a joint that is displaced, or a base that is tilted, for one step only."""
    found = 0.0
    for stimulus in stimuli[: len(stimuli) // 2]:
        for ways in zip(_changed(subject, stimulus, 1.0), _changed(subject, stimulus, -1.0), strict=True):
            plus, minus = (subject.act(stimulus, once, age) for once in ways)
            found += float(np.sum((plus - minus) ** 2))
    return float(np.sqrt(found))


def _changed(subject: Subject, stimulus: Stimulus, sign: float) -> Iterator[RobotState]:
    state = stimulus.state
    for joint in subject.driven:
        moved = state.joint_pos + sign * STEP_POS * np.eye(subject.model.n)[joint]
        yield replace(state, joint_pos=frozen(moved))
    for axis in range(2):
        yield turned(state, axis, sign * STEP_TILT)
