"""Self-collision of the commanded posture: the step that would lead into one is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from arbiter.robot import RobotModel
from arbiter.safety.shaper import Shaper
from arbiter.wall import walled

Collision = Callable[[np.ndarray], Sequence[tuple]]


class Contact:
    """Refuses steps that lead into a self-collision.

    What is checked is the posture that the step would come to rest in if braked from there: so a refused joint can
    always stop, within its acceleration, in a posture that was found free before. Pairs that touch already may go on
    touching as long as they do not sink deeper, so that a robot that starts in a collision can leave it.

    Args:
        find: Takes joint positions [rad], shape (n,); returns the pairs that touch: (a, b) or (a, b, depth [m]), where
            a and b are names of bodies or joints ("arm_left_elbow_pitch" is the body that
            "arm_left_elbow_pitch_joint" moves).
    """

    def __init__(self, model: RobotModel, find: Collision) -> None:
        self._model, self._find = model, find
        self._depth: dict[tuple[str, str], float] = {}
        self._legs = model.groups.get("legs", np.ones(model.n, bool))
        sizes = sorted(model.groups.values(), key=lambda mask: int(mask.sum()))
        self._group = {joint: next((mask for mask in sizes if mask[i]), np.ones(model.n, bool))
                       for i, joint in enumerate(model.joints)}
        self.error = ""

    def seed(self, posture: np.ndarray) -> None:
        """What touches already at the start is not held against the robot."""
        self.error = ""
        self._depth = self._touching(posture)

    def clear(self, shaper: Shaper) -> tuple[np.ndarray | None, str]:
        """Replaces the proposed step where it leads into a collision. Returns the stopped joints and the pair."""
        found = self._touching(shaper.rest())
        worse = self._worse(found)
        if not worse:
            self._depth = found
            return None, ""
        stopped, pair = self._involved(worse), f"{worse[0][0]} and {worse[0][1]}"
        shaper.brake(stopped)
        found = self._touching(shaper.rest())
        if self._worse(found):
            stopped = np.ones(self._model.n, bool)
            shaper.brake(stopped)
        else:
            self._depth = found
        return stopped, pair

    def _touching(self, posture: np.ndarray) -> dict[tuple[str, str], float]:
        pairs, self.error = walled(self._find, posture)
        if self.error:
            return {}
        table, self.error = walled(lambda: {(str(p[0]), str(p[1])): float(p[2]) if len(p) > 2 else 0.0 for p in pairs})
        return table or {}

    def _worse(self, found: dict[tuple[str, str], float]) -> list[tuple[str, str]]:
        return [pair for pair, depth in found.items() if depth > self._depth.get(pair, -np.inf) + 1e-4]

    def _involved(self, pairs: list[tuple[str, str]]) -> np.ndarray:
        """Joints to stop: the smallest groups of the pairs' joints; legs go on where stopping the others may do."""
        mask = np.zeros(self._model.n, bool)
        for pair in pairs:
            groups = [group for name in pair for group in (self._group.get(name), self._group.get(f"{name}_joint"))
                      if group is not None]
            others = [group for group in groups if not (group & self._legs).any()]
            for group in others or groups:
                mask |= group
        return mask if mask.any() else np.ones(self._model.n, bool)
