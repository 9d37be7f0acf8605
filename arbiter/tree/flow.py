"""Nodes around other nodes: how often, how long, how many at once. Time is the tick's, not the wall clock's."""

from __future__ import annotations

from dataclasses import dataclass

import py_trees
from py_trees.common import ParallelPolicy, Status

from arbiter.strict.fields import limited
from arbiter.tree.leaves import LONGEST, Leaf
from arbiter.tree.world import World

MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class TimeoutConfig:
    """Attributes:
    seconds: Longest time its child may run [s].
    """

    seconds: float = limited(low=0.0, high=LONGEST, unit="s")


class Timeout(py_trees.decorators.Decorator):
    """FAILURE, and its child is interrupted, once it ran longer than `seconds` (py_trees' own uses the wall clock)."""

    def __init__(self, name: str, world: World, config: TimeoutConfig, child) -> None:
        super().__init__(name=name, child=child)
        self._world, self._seconds, self._since = world, config.seconds, 0.0

    def initialise(self) -> None:
        """Starts the clock."""
        self._since = self._world.now

    def update(self) -> Status:
        late = self._world.now - self._since > self._seconds + 1e-9
        if late and self.decorated.status is Status.RUNNING:
            self.decorated.stop(Status.INVALID)
            return Status.FAILURE
        return self.decorated.status


@dataclass(frozen=True, slots=True)
class CountConfig:
    """Attributes:
    times: Rounds at most.
    """

    times: int = limited(low=1, high=MOST)


class _Rounds(py_trees.decorators.Decorator):
    """Ticks its child again, up to `times` rounds of it, for as long as it ends in `again`."""

    again = Status.SUCCESS

    def __init__(self, name: str, world: World, config: CountConfig, child) -> None:
        super().__init__(name=name, child=child)
        self._times, self._rounds = config.times, 0

    def initialise(self) -> None:
        """Counts from the start."""
        self._rounds = 0

    def update(self) -> Status:
        status = self.decorated.status
        if status is not self.again:
            return status
        self._rounds += 1
        if self._rounds >= self._times:
            return status
        for node in self.decorated.iterate():
            if isinstance(node, Leaf):
                node.renew()
        return Status.RUNNING


class Repeat(_Rounds):
    """Runs its child again after a success; SUCCESS after so many, FAILURE at the first failure."""


class Retry(_Rounds):
    """Tries again after a failure; FAILURE after so many, SUCCESS at the first success."""

    again = Status.FAILURE


@dataclass(frozen=True, slots=True)
class ParallelConfig:
    """Attributes:
    until: "all": succeeds when all children have. "one": succeeds with the first, the others are interrupted.
    """

    until: str = "all"


def parallel(name: str, config: ParallelConfig) -> py_trees.composites.Parallel:
    """FAILURE as soon as one child fails. With "all" a child that succeeded waits for the others: it is not run again."""
    policy = ParallelPolicy.SuccessOnAll(synchronise=True) if config.until == "all" else ParallelPolicy.SuccessOnOne()
    return py_trees.composites.Parallel(name=name, policy=policy)
