"""Which waits for a policy were in vain, for the trace; and the same again, without a clock, when it is replayed."""

from __future__ import annotations

from collections import Counter
from typing import Any

from arbiter.policy import Policy
from arbiter.wall import Called, walled
from policies.deadline import Deadline


class LateRecorder:
    """Gives policies their deadlines and notes each wait that was in vain."""

    def __init__(self) -> None:
        self._names, self._late = PolicyNames(), []

    def __call__(self, policy: Policy, tick: float) -> Deadline:
        """The policy with a deadline; `tick`: length of a tick [s]."""
        return _NotedDeadline(policy, tick, self._names, self._late)

    def take(self) -> list[tuple]:
        """("late", which policy, the number of the wait for it) since the last call."""
        taken = list(self._late)
        self._late.clear()
        return taken


class LateReplay:
    """Gives policies deadlines that are missed where a trace says so."""

    def __init__(self) -> None:
        self._names, self._late = PolicyNames(), set()

    def add(self, who: str, wait: int) -> None:
        """A wait that was in vain."""
        self._late.add((who, wait))

    def __call__(self, policy: Policy, tick: float) -> Policy:
        """The policy with such a deadline; as it is where none was missed in the whole run."""
        return _ReplayedDeadline(policy, tick, self._names, self._late) if self._late else policy


class PolicyNames(Counter[str]):
    """A name for each policy, the same in every run: a run makes its policies in the same order."""

    def of(self, policy: Policy) -> str:
        """A new name."""
        self[policy.name] += 1
        return f"{policy.name} {self[policy.name]}"


class _NotedDeadline(Deadline):
    def __init__(self, policy: Policy, tick: float, names: PolicyNames, late: list[tuple]) -> None:
        super().__init__(policy, tick)
        self._names, self._late, self._who, self._waits = names, late, names.of(policy), 0

    def _of(self, spare: Policy) -> Deadline:
        return _NotedDeadline(spare, self._tick, self._names, self._late)

    def _collect(self, patience: float) -> bool:
        self._waits += 1
        came = super()._collect(patience)
        if not came:
            self._late.append(("late", self._who, self._waits))
        return came


class _ReplayedDeadline(Deadline):
    """Calls at once, and hands the answer on when it was there then."""

    def __init__(self, policy: Policy, tick: float, names: PolicyNames, late: set[tuple[str, int]]) -> None:
        super().__init__(policy, tick)
        self._names, self._late, self._who, self._waits = names, late, names.of(policy), 0

    def _of(self, spare: Policy) -> Deadline:
        return _ReplayedDeadline(spare, self._tick, self._names, self._late)

    def _begin(self, name: str, *args: Any) -> None:
        self._asked, self._busy = name, True
        self._answer = walled(getattr(self.policy, name), *args)

    def _collect(self, patience: float) -> bool:
        self._waits += 1
        came = (self._who, self._waits) not in self._late
        self._busy = self._busy and not came
        return came

    def _interrupt(self) -> None:
        self._answer = Called(None, SystemExit.__name__)  # what the wall makes of it
