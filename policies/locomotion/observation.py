"""Builds the observation vector of a locomotion policy out of named terms, without allocating.

The newest values are one gather out of the measurements, one subtraction, one product, (raw[places] - offset) * scale, and a clip
where the card has one. Where there is a history they are the first of the last frames, of which the network sees a gather.
"""

from __future__ import annotations

import numpy as np

from arbiter.robot import RobotModel
from arbiter.types import Request, RobotState
from policies.locomotion.card import PolicyCard
from policies.locomotion.gait_command import GaitCommand
from policies.locomotion.measurements import COMMAND, Measurements
from policies.locomotion.observation_terms import clip_bounds


def default_posture(card: PolicyCard, model: RobotModel) -> np.ndarray:
    """What joint_pos_rel is measured from [rad], shape (n,), robot order."""
    default = np.array(model.default)
    default[[model.index(joint) for joint in card.joints]] = card.default_pos
    return default


def seen_frames(card: PolicyCard) -> np.ndarray | None:
    """Which values of the last frames, newest frame first and flat, the network sees; None: those of the newest, as they are."""
    sizes = [term.size(len(card.joints)) for term in card.observations]
    width, blocks = sum(sizes), []
    for term, size, start in zip(card.observations, sizes, np.cumsum([0, *sizes]), strict=False):
        rows = term.lag + np.arange(term.history)
        rows = rows if card.history_order == "newest_first" else rows[::-1]
        blocks.append(rows[:, None] * width + start + np.arange(size))
    if card.history_layout == "by_frame":
        seen = np.concatenate(blocks, axis=1).ravel()
    else:
        seen = np.concatenate([block.ravel() for block in blocks])
    return None if np.array_equal(seen, np.arange(width)) else seen


class ScaledValues:
    """The newest values of all terms: offset, clip and scale in the order of Isaac Lab, the card's observation_clip last.

    Attributes:
        values: Of all terms, shape (width,).
    """

    def __init__(self, card: PolicyCard, model: RobotModel, places: list[int]) -> None:
        sizes, actions = [], len(card.joints)
        offset, scale, low, high = [], [], [], []
        default = default_posture(card, model)
        for term in card.observations:
            size = term.size(actions)
            sizes.append(size)
            base = default[[model.index(joint) for joint in term.joints]] if term.term == "joint_pos_rel" else 0.0
            offset.append(np.broadcast_to(term.offset, size) + base)
            scale.append(np.broadcast_to(np.array(term.scale, float), size))
            ends = clip_bounds(term.clip, size)
            scaled = ends if term.clip is None else [end * scale[-1] for end in ends]
            low.append(np.minimum(*scaled))
            high.append(np.maximum(*scaled))
        ends = clip_bounds(card.observation_clip, sum(sizes))
        self._low, self._high = (np.clip(np.concatenate(each), *ends) for each in (low, high))
        self._clips = bool(np.isfinite((self._low, self._high)).any())
        self._places, self._offset, self._scale = np.array(places), np.concatenate(offset), np.concatenate(scale)
        self.values = np.zeros(len(places))

    def update(self, raw: np.ndarray) -> None:
        """Takes the newest values out of the raw vector. What is not finite stays so."""
        values = self.values
        np.take(raw, self._places, out=values)
        np.subtract(values, self._offset, out=values)
        np.multiply(values, self._scale, out=values)
        if self._clips:
            np.clip(values, self._low, self._high, out=values, where=np.isfinite(values))

    def largest(self, at: slice, most: np.ndarray) -> np.ndarray:
        """Largest size of the values `at`, if what they are taken from is at most `most`."""
        return np.abs(self._scale[at]) * (most + np.abs(self._offset[at]))


class ObservationBuilder:
    """The observation of one policy, updated once per step of the policy.

    Attributes:
        vector: What the network sees, float32, shape (1, size); always the same memory.
        gait: The command as the network sees it, and the gait clock.
    """

    def __init__(self, card: PolicyCard, model: RobotModel) -> None:
        self._card, self._measured = card, Measurements(card, model)
        self.gait = GaitCommand(card, model, self._measured.raw[COMMAND])
        self._newest = ScaledValues(card, model, self._measured.places)
        self._seen = seen_frames(card)
        depth = max(term.history + term.lag for term in card.observations)
        self.vector = np.zeros((1, card.observation_size), dtype=np.float32)
        self._frames = (
            self.vector if self._seen is None else np.zeros((depth, self._newest.values.size), dtype=np.float32)
        )  # newest first
        self._most_action = largest_action(card, model)
        self._sane = np.full(self._newest.values.size, np.inf)  # largest size of each value that is taken over
        at = 0
        for term in card.observations:
            here = slice(at, at := at + term.size(len(card.joints)))
            if term.term == "previous_action":
                self._sane[here] = self._newest.largest(here, self._most_action)

    def reset(self, state: RobotState) -> None:
        """Fills every history with `state`, no command, no action."""
        self._measured.reset()
        self.gait.reset()
        self._measured.update(state, Request(), self.gait)
        self._newest.update(self._measured.raw)
        self._frames[:] = self._newest.values
        self._show()

    def step_in_place(self) -> None:
        """The robot may be in the middle of a step: see `GaitCommand.step_in_place`."""
        self.gait.step_in_place()

    def copy(self, other: ObservationBuilder) -> None:
        """Takes over the memory of another builder of the same card: phase, histories, command, last action. What is not
        finite, or an action that no joint could follow, is left out: the network behind `other` may have failed."""
        self.gait.copy(other.gait)
        self._measured.copy(other._measured, self._most_action)
        theirs = other._frames
        np.copyto(self._frames, np.clip(theirs, -self._sane, self._sane), where=np.isfinite(theirs), casting="same_kind")
        self._show()

    def update(self, state: RobotState, request: Request) -> None:
        """One step of the policy: the newest values in, the oldest out."""
        self.gait.follow(request.velocity, state)
        self._measured.update(state, request, self.gait)
        self._newest.update(self._measured.raw)
        frames = self._frames
        if frames is not self.vector:
            frames[1:] = frames[:-1]
        frames[0] = self._newest.values
        self._show()

    def _show(self) -> None:
        if self._seen is not None:
            np.take(self._frames, self._seen, out=self.vector[0], mode="clip")

    def remember(self, action: np.ndarray) -> None:
        """The network answered: the term previous_action sees this."""
        self._measured.raw[self._measured.action] = action

    def acted(self, action: np.ndarray) -> None:
        """The robot does what the network answered: remembers the action, moves the clock on."""
        self.remember(action)
        self.gait.advance()

    def not_finite(self) -> str:
        """Name of the first term that is not finite; "" if all are."""
        if np.count_nonzero(np.isfinite(self.vector)) == self.vector.size:
            return ""
        wide = self._newest.values.size
        place = int(np.argmin(np.isfinite(self.vector[0])))
        place = place if self._seen is None else int(self._seen[place]) % wide
        ends = np.cumsum([term.size(len(self._card.joints)) for term in self._card.observations])
        return self._card.observations[int(np.searchsorted(ends, place, side="right"))].term


def largest_action(card: PolicyCard, model: RobotModel) -> np.ndarray:
    """Size of each action that asks for a target well beyond the joint's end, shape (m,)."""
    driven = [model.index(joint) for joint in card.joints]
    low, high, stance = model.lower[driven], model.upper[driven], np.array(card.default_pos)
    reach = {
        "default_offset": np.maximum(np.abs(high - stance), np.abs(low - stance)),
        "absolute": np.maximum(np.abs(high), np.abs(low)),
        "residual": high - low,
    }[card.action_mode]
    with np.errstate(divide="ignore"):  # an action of scale 0 moves nothing, and has no bound
        return 1.5 * reach / np.abs(card.action_scale)
