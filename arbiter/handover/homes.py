"""Which policy has which joints at home: those that no skill wants."""

from __future__ import annotations

from collections.abc import Container, Iterator

import numpy as np

from arbiter.robot import RobotModel


class Homes:
    """Every joint has one: those that no group of `home` covers stand or rest.

    Args:
        model: The robot.
        home: Policy name by joint group.
    """

    def __init__(self, model: RobotModel, home: dict[str, str]) -> None:
        groups, left = model.groups, np.ones(model.n, bool)
        self._legs = groups["legs"]
        self._found: list[tuple[np.ndarray, str]] = []
        named = [(groups[group], name) for group, name in home.items()]
        for mask, name in (*named, (self._legs, "stand"), (model.others, "rest")):
            if (mask & left).any():
                self._found.append((mask & left, name))
            left = left & ~mask

    def of(self, joints: np.ndarray, banned: Container[str]) -> Iterator[tuple[np.ndarray, str]]:
        """Of those of `joints`, bool, shape (n,), that share a home: their mask and its policy, a fallback where that is out of
        use."""
        for own, name in self._found:
            mask = own & joints
            if mask.any():
                spare = "stand" if (mask & self._legs).any() else "rest"
                yield mask, spare if name in banned else name
