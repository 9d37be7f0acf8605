"""Self-collision of the commanded posture: the step that would lead into one is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from arbiter.robot import RobotModel
from arbiter.safety.shaper import Shaper
from arbiter.wall import walled

Collision = Callable[[np.ndarray], Sequence[tuple]]


SHARES = (0.75, 0.5, 0.25)  # of the proposed step that a stopped joint may still take, the largest that stays clear
NEAR = 0.05  # [rad] a way to brake that no limb passes through another one on
SLACK = 1e-4  # [m] of depth that is rounding, not a deeper contact
MOVED = 1e-6  # [rad] a joint that comes to rest this much farther off has its part in a contact
Depths = dict[tuple[str, str], float]


class Contact:
    """Refuses steps that lead into a self-collision.

    What is checked is the posture that the step would come to rest in if braked from there: so a refused joint can
    always stop, within its acceleration, in a posture that was found free before. Pairs that touch already may go on
    touching as long as they do not sink deeper, so that a robot that starts in a collision can leave it.

    As little is stopped as keeps clear: an arm before a leg; of the legs one joint, where that is enough, and only as far
    as it has to be. To stop both legs in mid-step for a hip that swings out too far throws a walking robot.

    Args:
        find: Takes joint positions [rad], shape (n,); returns the pairs that touch: (a, b) or (a, b, depth [m]), where
            a and b are names of bodies or joints ("arm_left_elbow_pitch" is the body that
            "arm_left_elbow_pitch_joint" moves).
    """

    def __init__(self, model: RobotModel, find: Collision) -> None:
        self._model, self._find = model, find
        self._depth: Depths = {}
        self._legs = model.groups.get("legs", np.ones(model.n, bool))
        sizes = sorted(model.groups.values(), key=lambda mask: int(mask.sum()))
        self._group = {
            joint: next((mask for mask in sizes if mask[i]), np.ones(model.n, bool)) for i, joint in enumerate(model.joints)
        }
        self.error = ""

    def seed(self, posture: np.ndarray) -> None:
        """What touches already at the start is not held against the robot."""
        self.error = ""
        self._depth = self._touching(posture)

    def clear(self, shaper: Shaper) -> tuple[np.ndarray | None, str]:
        """Replaces the proposed step where it leads into a collision. Returns the stopped joints and the pair."""
        found = self._ahead(shaper)
        worse = self._worse(found)
        if not worse:
            self._depth = found
            return None, ""
        proposed, pair = shaper.proposal(), f"{worse[0][0]} and {worse[0][1]}"
        stopped = self._involved(worse)
        arms = np.zeros(self._model.n, bool) if (stopped & self._legs).any() else stopped
        if arms.any() and not self._excess(shaper, proposed, arms):
            return arms, pair
        legs = self._fewest(shaper, proposed, arms)
        if legs is not None:
            return legs, pair
        everything = np.ones(self._model.n, bool)
        self._excess(shaper, proposed, everything)  # at the latest the step that was left open by the last one
        return everything, pair

    def _fewest(self, shaper: Shaper, proposed: np.ndarray, arms: np.ndarray) -> np.ndarray | None:
        """Stops, besides `arms`, as few joints of the legs as keep clear: one, or those that help most by themselves.
        Returns those that are stopped, or None."""
        tried = []
        for i in self._moving(shaper, proposed):
            mask = arms.copy()
            mask[i] = True
            excess = self._excess(shaper, proposed, mask)
            if not excess:
                return self._as_far_as_it_may(shaper, proposed, mask)
            tried.append((excess, i))
        mask = arms.copy()
        for _, i in sorted(tried):
            mask[i] = True
            if not self._excess(shaper, proposed, mask):
                return self._as_far_as_it_may(shaper, proposed, mask)
        return None

    def _moving(self, shaper: Shaper, proposed: np.ndarray) -> list[int]:
        """Joints of the legs that would come to rest elsewhere than if they were stopped now, the farthest first."""
        shaper.ease(self._legs, proposed, 1.0)
        asked = shaper.rest()
        shaper.ease(self._legs, proposed)
        off = np.where(self._legs, np.abs(asked - shaper.rest()), 0.0)
        return [i for i in np.argsort(-off, kind="stable").tolist() if off[i] > MOVED]

    def _as_far_as_it_may(self, shaper: Shaper, proposed: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Lets the joints of `mask`, which keep clear when stopped, go as far as they still do."""
        for share in SHARES:
            if not self._excess(shaper, proposed, mask, share):
                return mask
        self._excess(shaper, proposed, mask)
        return mask

    def _excess(self, shaper: Shaper, proposed: np.ndarray, mask: np.ndarray, share: float = 0.0) -> float:
        """Stops the joints of `mask` but for `share` of their step. Returns the depth that is too much [m]; 0.0: none is,
        and the step is taken for the one that will be sent."""
        shaper.ease(mask, proposed, share)
        found = self._ahead(shaper)
        if self._worse(found):
            return self._sum(found)
        self._depth = found
        return 0.0

    def _ahead(self, shaper: Shaper) -> Depths:
        """What touches in the posture that is sent, and in the one that the step would come to rest in. A fast limb can be on
        its way through another one to a posture that is free, so that both are looked at where they are far apart."""
        rest = shaper.rest()
        found = self._touching(rest)
        if np.abs(rest - shaper.next).max() > NEAR:
            for pair, depth in self._touching(shaper.next).items():
                found[pair] = max(depth, found.get(pair, depth))
        return found

    def _sum(self, found: Depths) -> float:
        """Depths of the pairs that got worse [m], and a little, so that it is never zero."""
        return SLACK + sum(max(found[pair], 0.0) for pair in self._worse(found))

    def _touching(self, posture: np.ndarray) -> Depths:
        table, self.error = walled(self._table, posture)
        return table or {}

    def _table(self, posture: np.ndarray) -> Depths:
        return {(str(p[0]), str(p[1])): float(p[2]) if len(p) > 2 else 0.0 for p in self._find(posture)}

    def _worse(self, found: Depths) -> list[tuple[str, str]]:
        return [pair for pair, depth in found.items() if depth > self._depth.get(pair, -np.inf) + SLACK]

    def _involved(self, pairs: list[tuple[str, str]]) -> np.ndarray:
        """Joints to stop: the smallest groups of the pairs' joints; legs go on where stopping the others may do."""
        mask = np.zeros(self._model.n, bool)
        for pair in pairs:
            groups = [
                group for name in pair for group in (self._group.get(name), self._group.get(f"{name}_joint")) if group is not None
            ]
            others = [group for group in groups if not (group & self._legs).any()]
            for group in others or groups:
                mask |= group
        return mask if mask.any() else np.ones(self._model.n, bool)
