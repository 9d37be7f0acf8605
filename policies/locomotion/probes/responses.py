"""How the actions of a network answer to each thing it observes: central differences about states of a robot that walks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from arbiter.types import RobotState, frozen
from policies.locomotion.probes.subject import Stimulus, Subject, turned

STEP_POS, STEP_VEL, STEP_TILT, STEP_RATE, STEP_ACTION = 0.05, 0.3, 0.05, 0.2, 0.3  # [rad], [rad/s], [rad], [rad/s], [action]


@dataclass(frozen=True, slots=True)
class Responses:
    """By how much the targets move [rad], for each of `k` states; m actions, order of the card.

    Attributes:
        pos: Per joint displaced [rad/rad], shape (k, m, m).
        vel: Per joint moving [s], shape (k, m, m).
        tilt: Per tilt about x and y [rad/rad], shape (k, m, 2).
        rate: Per angular velocity about x and y [s], shape (k, m, 2).
        action: Per previous action [rad/rad], shape (k, m, m).
    """

    pos: np.ndarray
    vel: np.ndarray
    tilt: np.ndarray
    rate: np.ndarray
    action: np.ndarray


def responses(subject: Subject, stimuli: Sequence[Stimulus]) -> Responses:
    """Those of a network; finite differences, so that any network can be asked."""
    m, n, scale = len(subject.driven), subject.model.n, np.array(subject.card.action_scale)

    def joint(key: str, j: int) -> Callable[[RobotState, float], RobotState]:
        unit = np.eye(n)[j]
        return lambda state, step: replace(state, **{key: frozen(getattr(state, key) + step * unit)})

    def rate(state: RobotState, axis: int, step: float) -> RobotState:
        return replace(state, base_ang_vel=frozen(state.base_ang_vel + step * np.eye(3)[axis]))

    def of(change: Callable[[RobotState, float], RobotState], step: float) -> np.ndarray:
        return _slope(subject, stimuli, lambda s, e: replace(s, state=change(s.state, e)), step)

    def acted(j: int) -> np.ndarray:
        unit = np.eye(m)[j] / scale[j]
        step = STEP_ACTION * abs(scale[j])
        return _slope(subject, stimuli, lambda s, e: replace(s, action=s.action + e * unit), step)

    return Responses(
        np.stack([of(joint("joint_pos", j), STEP_POS) for j in subject.driven], -1),
        np.stack([of(joint("joint_vel", j), STEP_VEL) for j in subject.driven], -1),
        np.stack([of(lambda state, e, a=axis: turned(state, a, e), STEP_TILT) for axis in range(2)], -1),
        np.stack([of(lambda state, e, a=axis: rate(state, a, e), STEP_RATE) for axis in range(2)], -1),
        np.stack([acted(j) for j in range(m)], -1),
    )


def _slope(
    subject: Subject, stimuli: Sequence[Stimulus], change: Callable[[Stimulus, float], Stimulus], step: float
) -> np.ndarray:
    """Central difference for each stimulus, shape (k, m)."""
    return np.array([subject.act(change(s, step)) - subject.act(change(s, -step)) for s in stimuli]) / (2.0 * step)
