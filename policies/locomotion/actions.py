"""What the actions of a network mean: from its output to joint targets, as its card says."""

from __future__ import annotations

import numpy as np

from arbiter.robot import RobotModel
from arbiter.types import frozen
from policies.locomotion.card import PolicyCard
from policies.locomotion.observation_terms import clip_bounds

ROUNDING = 1e-6  # [rad]


class ActionMeaning:
    """Actions of one card. All arrays are in the order of its joints, shape (m,)."""

    def __init__(self, card: PolicyCard, model: RobotModel) -> None:
        m = len(card.joints)
        self._driven = np.array([model.index(joint) for joint in card.joints])
        self._lower, self._upper = model.lower[self._driven], model.upper[self._driven]
        self._scale = frozen(card.action_scale)
        self._base = frozen(card.default_pos if card.action_mode == "default_offset" else np.zeros(m))
        self._residual, self._sees_raw = card.action_mode == "residual", card.previous_action == "raw"
        self._action_clip = None if card.action_clip is None else clip_bounds(card.action_clip, m)
        self._target_clip = None if card.target_clip is None else clip_bounds(card.target_clip, m)

    def base(self, joint_pos: np.ndarray) -> np.ndarray:
        """What an action of zero asks for [rad]; `joint_pos` as measured [rad], shape (n,), robot order."""
        return joint_pos[self._driven] if self._residual else self._base

    def seen(self, action: np.ndarray) -> np.ndarray:
        """What the term previous_action sees of the network's output."""
        return action if self._sees_raw else self._clipped(action)

    def target(self, action: np.ndarray, base: np.ndarray) -> np.ndarray:
        """Targets [rad] that the network's output asks for, from `base` on."""
        asked = base + self._scale * self._clipped(action)
        if self._target_clip is not None:
            asked = np.clip(asked, *self._target_clip)
        return self._within(asked)

    def _clipped(self, action: np.ndarray) -> np.ndarray:
        return action if self._action_clip is None else np.clip(action, *self._action_clip)

    def _within(self, asked: np.ndarray) -> np.ndarray:
        """A network that keeps to a joint's range misses its end by a rounding of its 32 bits: the end itself is meant."""
        ends = np.minimum(np.maximum(asked, self._lower), self._upper)
        beyond = ends - asked
        return np.where(np.abs(beyond) <= ROUNDING, ends, asked) if np.count_nonzero(beyond) else asked
