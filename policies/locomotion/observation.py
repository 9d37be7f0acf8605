"""Builds the observation vector of a locomotion policy out of named terms, without allocating.

Every term is a slice of one raw vector of measurements, so the newest values are one gather, one subtraction and one
product: (raw[index] - offset) * scale.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from arbiter.robot import RobotModel
from arbiter.types import Request, RobotState
from policies.locomotion.card import ObservationTerm, PolicyCard

REST = 1e-4  # turns
STILL = 0.022  # a velocity command below this [m/s, rad/s] asks to stand: it stops a phase clock that may stand still
REACH = 0.35  # [rad] of a joint that others drive; with the arms out a robot goes on stepping in place
GRACE = 0.2  # [s] after its last step a robot is given to find its stance
LINGER = (0.021, 0.0, 0.0)  # what a network sees that is to stand but is in the middle of a step; it still steps at 0.02


class ObservationBuilder:
    """The observation of one policy, updated once per step of the policy.

    Attributes:
        vector: What the network sees, float32, shape (1, size); always the same memory.
        phase: Of the clock, 0 to 1.
    """

    def __init__(self, card: PolicyCard, model: RobotModel) -> None:
        n, m = model.n, len(card.joints)
        self._pos, self._vel = slice(9, 9 + n), slice(9 + n, 9 + 2 * n)
        self._action, self._clock = slice(9 + 2 * n, 9 + 2 * n + m), slice(9 + 2 * n + m, 11 + 2 * n + m)
        self._raw = np.zeros(11 + 2 * n + m)
        self._clock_step, self._stand_still = 0.0, False
        self._settle = self._left = 0  # steps of the policy in place before it stands, and how many of them are left
        self._wake, self._tip, self._grace, self._stood = math.inf, math.inf, round(GRACE * card.rate_hz), 0
        self._others = [i for i, joint in enumerate(model.joints) if joint not in card.joints]
        self._rest = model.default[self._others]
        self._driven, self._stance = [model.index(joint) for joint in card.joints], np.array(card.default_pos)
        low, high = model.lower[self._driven], model.upper[self._driven]
        reach = np.maximum(np.abs(high - self._stance), np.abs(low - self._stance))
        self._most_action = 1.5 * reach / np.abs(card.action_scale)  # a target well beyond the joint's end
        self._change: list[float] = []  # of the command, in a step of the policy
        self._command = np.zeros(3)
        default = np.array(model.default)
        default[[model.index(joint) for joint in card.joints]] = card.default_pos
        index, offset, scale = [], [], []
        for term in card.observations:
            where = self._where(term, model)
            index += where
            offset += [default[i - 9] if term.term == "joint_pos_rel" else 0.0 for i in where]
            scale += list(np.broadcast_to(term.scale, len(where)))
            if term.slew is not None:
                self._change = [slew / card.rate_hz for slew in term.slew]
            if term.term == "phase":
                self._clock_step = 1.0 / (term.period * card.rate_hz)
                self._stand_still = bool(term.stand_still)
                self._settle = round((term.settle or 0.0) * card.rate_hz)
                self._wake, self._tip = term.wake or math.inf, term.tip or math.inf
        self._index, self._offset, self._scale = np.array(index), np.array(offset), np.array(scale)
        self._now = np.zeros(len(index))
        self.vector = np.zeros((1, card.observation_size), dtype=np.float32)
        self._slots = self._layout(card)
        self._plain = all(term.history == 1 for term in card.observations)
        self.phase = 0.0

    def _where(self, term: ObservationTerm, model: RobotModel) -> list[int]:
        """Places of the term's values in the raw vector."""
        starts = {
            "velocity_command": 0,
            "base_ang_vel": 3,
            "projected_gravity": 6,
            "previous_action": self._action.start,
            "phase": self._clock.start,
        }
        if term.term in starts:
            return [starts[term.term] + i for i in range(term.size(self._action.stop - self._action.start))]
        start = (self._pos if term.term == "joint_pos_rel" else self._vel).start
        return [start + model.index(joint) for joint in term.joints]

    def _layout(self, card: PolicyCard) -> list[tuple[str, np.ndarray, np.ndarray]]:
        """(name, view of the vector (history, size), view of the newest values (size,)) of each term."""
        slots, at, new = [], 0, 0
        for term in card.observations:
            size = term.size(len(card.joints))
            block = self.vector[0, at : at + size * term.history].reshape(term.history, size)
            slots.append((term.term, block, self._now[new : new + size]))
            at, new = at + size * term.history, new + size
        return slots

    def reset(self, state: RobotState) -> None:
        """Fills every history with `state`, no command, no action."""
        self._raw[:] = 0.0
        self.phase, self._left, self._stood = 0.0, 0, 0
        self._measure(state, self._raw[:3])
        for _, block, newest in self._slots:
            block[:] = newest

    def step_in_place(self) -> None:
        """The robot may be in the middle of a step: a clock that may stand still does not yet."""
        self._left = self._settle

    def copy(self, other: ObservationBuilder) -> None:
        """Takes over the memory of another builder of the same card: phase, histories, command, last action. What is not
        finite, or an action that no joint could follow, is left out: the network behind `other` may have failed."""
        raw, action = other._raw, self._most_action
        self.phase, self._left, self._stood = other.phase, other._left, other._stood
        np.copyto(self._raw, raw, where=np.isfinite(raw))
        np.clip(self._raw[self._action], -action, action, out=self._raw[self._action])
        at = 0
        for (name, block, newest), (_, theirs, _) in zip(self._slots, other._slots, strict=True):
            limit = np.abs(self._scale[at : at + newest.size]) * action if name == "previous_action" else np.inf
            np.copyto(block, np.clip(theirs, -limit, limit), where=np.isfinite(theirs))
            at += newest.size

    def update(self, state: RobotState, request: Request) -> None:
        """One step of the policy: the newest values in, the oldest out."""
        self._measure(state, self._followed(request.velocity, state))
        if self._plain:
            self.vector[0] = self._now
            return
        for _, block, newest in self._slots:
            block[:-1] = block[1:]
            block[-1] = newest

    def _followed(self, asked: np.ndarray, state: RobotState) -> np.ndarray:
        """The command that the network sees: on its way to what is asked for, where the card says how fast."""
        wanted = asked.tolist()
        if not (self._change and all(map(math.isfinite, wanted))):
            return asked  # what is not finite is refused where the vector is looked at
        ahead = []
        for want, now, most in zip(wanted, self._raw[:3].tolist(), self._change, strict=True):
            now = now if math.isfinite(now) else 0.0
            ahead.append(now + min(max(want - now, -most), most))
        if _still(wanted) and _still(ahead):
            ahead = LINGER if self._stand_still and self._steps(state) else (0.0, 0.0, 0.0)
        self._command[:] = ahead
        return self._command

    def _steps(self, state: RobotState) -> bool:
        """Whether a robot that is to stand steps in place: until it has settled, and again where it loses its stance."""
        if self._left or not at_rest(self.phase):
            self._stood = 0
            if self._left and np.abs(state.joint_pos[self._others] - self._rest).max(initial=0.0) > REACH:
                self._left = max(self._left, 2)
            return True
        self._stood += 1
        if self._stood <= self._grace:
            return False
        roll, pitch = state.base_ang_vel[0], state.base_ang_vel[1]
        if math.hypot(roll, pitch) > self._tip:  # the leg that it does not fall towards carries less, and steps first
            self.phase = 0.5 if roll < 0.0 else 0.0
        elif np.abs(state.joint_pos[self._driven] - self._stance).max() <= self._wake:
            return False
        self._left = self._settle
        return True

    def _measure(self, state: RobotState, command: np.ndarray) -> None:
        raw = self._raw
        raw[:3] = command
        raw[3:6] = state.base_ang_vel
        raw[6:9] = state.gravity
        raw[self._pos] = state.joint_pos
        raw[self._vel] = state.joint_vel
        if self._clock_step:
            angle = 2.0 * math.pi * self.phase
            raw[self._clock] = math.sin(angle), math.cos(angle)
        np.take(raw, self._index, out=self._now)
        np.subtract(self._now, self._offset, out=self._now)
        np.multiply(self._now, self._scale, out=self._now)

    def acted(self, action: np.ndarray) -> None:
        """The network answered: remembers the action, moves the clock on."""
        self._raw[self._action] = action
        if self._clock_step:
            still = self._stand_still and _still(self._raw[:3].tolist())
            ends = still and not self._left
            self.phase = finished_half_turn(self.phase, self._clock_step) if ends else (self.phase + self._clock_step) % 1.0
            self._left = max(self._left - 1, 0) if still else self._settle

    def not_finite(self) -> str:
        """Name of the first term that is not finite; "" if all are."""
        if np.count_nonzero(np.isfinite(self.vector)) == self.vector.size:
            return ""
        return next((name for name, block, _ in self._slots if not np.isfinite(block).all()), "")


def _still(command: Sequence[float]) -> bool:
    x, y, yaw = command
    return x * x + y * y + yaw * yaw <= STILL * STILL


def at_rest(phase: float) -> bool:
    """Between two steps: both feet down."""
    return abs(phase - round(2.0 * phase) / 2.0) < REST


def finished_half_turn(phase: float, step: float) -> float:
    """The next phase of a clock that is to stand: it finishes its half turn, the step under way, and rests there."""
    if at_rest(phase):
        return round(2.0 * phase) / 2.0 % 1.0
    ahead = math.floor(2.0 * (phase + step)) / 2.0
    return (ahead if ahead > phase else phase + step) % 1.0
