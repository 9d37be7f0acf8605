"""Left and right of a robot exchanged, found in its kinematics: which joint is the other one's image, and with which sign."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from arbiter.body import Limb
from arbiter.robot import RobotModel
from arbiter.types import RobotState, frozen

PLANE = np.array((1.0, -1.0, 1.0))  # the mirror: x and z stay, y changes its sign
PLACE = 0.03  # [m] between the image of a joint's axis and the axis of its partner
ALONG = 0.9  # share of the axis that has to agree


@dataclass(frozen=True, slots=True)
class JointMirror:
    """A mirrored posture is joint_pos[partner] * sign.

    Attributes:
        partner: Index of the joint on the other side, robot order, shape (n,); of a joint in the middle: its own.
        sign: 1 where both turn alike, -1 where they turn against each other, shape (n,); 0 where no partner was found.
    """

    partner: np.ndarray
    sign: np.ndarray

    @property
    def known(self) -> np.ndarray:
        """Mask of the joints that have an image, shape (n,)."""
        return self.sign != 0.0

    def posture(self, values: np.ndarray) -> np.ndarray:
        """Joint values of the mirrored robot, shape (..., n)."""
        return values[..., self.partner] * self.sign

    def state(self, state: RobotState) -> RobotState:
        """What the mirrored robot would read."""
        w, x, y, z = state.base_quat
        return replace(
            state,
            joint_pos=frozen(self.posture(state.joint_pos)),
            joint_vel=frozen(self.posture(state.joint_vel)),
            base_quat=frozen((w, -x, y, -z)),
            base_ang_vel=frozen(-PLANE * state.base_ang_vel),
        )

    def side(self, model: RobotModel) -> np.ndarray:
        """1 for joints on the left, -1 on the right, 0 in the middle or unknown, shape (n,)."""
        side = np.zeros(model.n)
        for joint, _, anchor in _axes(model):
            side[joint] = np.sign(anchor[1]) if self.partner[joint] != joint else 0.0
        return side


def mirror_of(model: RobotModel) -> JointMirror:
    """The mirror of a robot; joints without an image keep their place and get the sign 0."""
    axes = list(_axes(model))
    partner, sign = np.arange(model.n), np.zeros(model.n)
    for joint, axis, anchor in axes:
        image, turn = PLANE * anchor, -PLANE * axis
        others = [(_apart(image, a, p), other, float(turn @ a)) for other, a, p in axes if abs(turn @ a) > ALONG]
        distance, other, along = min(others, default=(np.inf, joint, 0.0))
        if distance < PLACE:
            partner[joint], sign[joint] = other, np.sign(along)
    mutual = partner[partner] == np.arange(model.n)
    return JointMirror(frozen(np.where(mutual, partner, np.arange(model.n)), int), frozen(np.where(mutual, sign, 0.0)))


def _apart(point: np.ndarray, axis: np.ndarray, anchor: np.ndarray) -> float:
    """Distance [m] of a point from an axis, with a little of the way along it: joints on one axis are told apart."""
    way = point - anchor
    along = float(way @ axis)
    return float(np.linalg.norm(way - along * axis)) + 0.2 * abs(along)


def _axes(model: RobotModel) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """(joint, axis, point on it [m]) of every joint of a leg or an arm and of the trunk before it, all joints at zero."""
    seen: set[int] = set()
    if model.body is None:
        return
    for limb in (*model.body.feet, *model.body.hands.values()):
        for at, joint in enumerate(limb.joints.tolist()):
            if joint not in seen:
                seen.add(joint)
                yield joint, _axis(limb, at), np.asarray(limb.chain.anchors[at])


def _axis(limb: Limb, at: int) -> np.ndarray:
    cross = limb.chain.cross[at]
    return np.array((cross[1, 2], cross[2, 0], cross[0, 1]))
