"""Builds the observation vector of a locomotion policy out of named terms, without allocating.

Every term is a slice of one raw vector of measurements, so the newest values are one gather, one subtraction and one
product: (raw[index] - offset) * scale.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from arbiter.robot import RobotModel
from arbiter.types import Request, RobotState
from policies.locomotion.card import ObservationTerm, PolicyCard
from policies.locomotion.gait_clock import GRACE, NEVER, GaitClock, Scalars, advance, followed, hold_stance, idles, moves, slewed

REACH = 0.35  # [rad] of a joint that others drive: with the arms out a robot goes on stepping in place,
LONGEST = 4.0  # [s] at most: it drifts meanwhile, and a walk that was stopped has to come to rest


class ObservationBuilder:
    """The observation of one policy, updated once per step of the policy.

    Attributes:
        vector: What the network sees, float32, shape (1, size); always the same memory.
        clock: State of the gait clock; its phase goes from 0 to 1.
    """

    def __init__(self, card: PolicyCard, model: RobotModel) -> None:
        n, m = model.n, len(card.joints)
        self._pos, self._vel = slice(9, 9 + n), slice(9 + n, 9 + 2 * n)
        self._action, self._clock = slice(9 + 2 * n, 9 + 2 * n + m), slice(9 + 2 * n + m, 11 + 2 * n + m)
        self._raw = np.zeros(11 + 2 * n + m)
        self._gait = GaitClock(half=0.5, turn=0.0)  # one that does not turn
        self._stand_still, self._joint_error = False, NEVER
        self._idle, self._longest = 0, round(LONGEST * card.rate_hz)  # steps of the policy at zero command
        self._others = [i for i, joint in enumerate(model.joints) if joint not in card.joints]
        self._rest = model.default[self._others]
        self._driven, self._stance = [model.index(joint) for joint in card.joints], np.array(card.default_pos)
        low, high = model.lower[self._driven], model.upper[self._driven]
        reach = np.maximum(np.abs(high - self._stance), np.abs(low - self._stance))
        self._most_action = 1.5 * reach / np.abs(card.action_scale)  # a target well beyond the joint's end
        self._max_step: tuple[float, ...] = ()  # of the command, in a step of the policy
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
                self._max_step = tuple(slew / card.rate_hz for slew in term.slew)
            if term.term == "phase":
                self._gait = GaitClock(
                    half=0.5,
                    turn=1.0 / ((term.period or math.inf) * card.rate_hz),
                    settle=round((term.settle or 0.0) * card.rate_hz),
                    grace=round(GRACE * card.rate_hz),
                    tilt_rate=term.tip or NEVER,
                )
                self._stand_still, self._joint_error = bool(term.stand_still), term.wake or NEVER
        self._index, self._offset, self._scale = np.array(index), np.array(offset), np.array(scale)
        self._now = np.zeros(len(index))
        self.vector = np.zeros((1, card.observation_size), dtype=np.float32)
        self._slots = self._layout(card)
        self._plain = all(term.history == 1 for term in card.observations)
        self.clock = self._gait.start()

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
        self.clock, self._idle = self._gait.start(), 0
        self._measure(state, self._raw[:3])
        for _, block, newest in self._slots:
            block[:] = newest

    def step_in_place(self) -> None:
        """The robot may be in the middle of a step: a clock that may stand still does not yet."""
        self.clock.in_place = self._gait.settle

    def copy(self, other: ObservationBuilder) -> None:
        """Takes over the memory of another builder of the same card: phase, histories, command, last action. What is not
        finite, or an action that no joint could follow, is left out: the network behind `other` may have failed."""
        raw, action = other._raw, self._most_action
        self.clock, self._idle = replace(other.clock), other._idle
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
        target = asked.tolist()
        if not (self._max_step and all(map(math.isfinite, target))):
            return asked  # what is not finite is refused where the vector is looked at
        now = [value if math.isfinite(value) else 0.0 for value in self._raw[:3].tolist()]
        command = slewed(Scalars, now, target, self._max_step)
        idle = idles(Scalars, command, target)
        self._idle = self._idle + 1 if idle else 0
        if idle and self._stand_still:
            self._hold_stance(state)
            command = followed(Scalars, self._gait, self.clock, command, idle)
        elif idle:
            command = (0.0, 0.0, 0.0)
        else:  # all that hold_stance changes then
            self.clock.standing = -self._gait.grace
        self._command[:] = command
        return self._command

    def _hold_stance(self, state: RobotState) -> None:
        """A robot that is to stand steps in place again where it loses its stance, and goes on while its arms are out."""
        clock = self.clock
        busy = lost = False  # each is asked for only where it matters
        if clock.in_place > 0 and self._idle <= self._longest:
            busy = bool(np.abs(state.joint_pos[self._others] - self._rest).max(initial=0.0) > REACH)
        elif clock.standing >= 0:
            lost = bool(np.abs(state.joint_pos[self._driven] - self._stance).max() > self._joint_error)
        roll, pitch = float(state.base_ang_vel[0]), float(state.base_ang_vel[1])
        self.clock = hold_stance(Scalars, self._gait, clock, True, roll, pitch, lost, busy)

    def _measure(self, state: RobotState, command: np.ndarray) -> None:
        raw = self._raw
        raw[:3] = command
        raw[3:6] = state.base_ang_vel
        raw[6:9] = state.gravity
        raw[self._pos] = state.joint_pos
        raw[self._vel] = state.joint_vel
        if self._gait.turn:
            angle = 2.0 * math.pi * self.clock.phase
            raw[self._clock] = math.sin(angle), math.cos(angle)
        np.take(raw, self._index, out=self._now)
        np.subtract(self._now, self._offset, out=self._now)
        np.multiply(self._now, self._scale, out=self._now)

    def acted(self, action: np.ndarray) -> None:
        """The network answered: remembers the action, moves the clock on."""
        self._raw[self._action] = action
        if self._gait.turn:
            moving = not self._stand_still or moves(self._raw[:3].tolist())
            self.clock = advance(Scalars, self._gait, self.clock, moving)

    def not_finite(self) -> str:
        """Name of the first term that is not finite; "" if all are."""
        if np.count_nonzero(np.isfinite(self.vector)) == self.vector.size:
            return ""
        return next((name for name, block, _ in self._slots if not np.isfinite(block).all()), "")
