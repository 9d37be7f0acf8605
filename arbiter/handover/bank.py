"""The policies of a run, by name, and which of them may be used."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence

from arbiter.errors import PolicyError
from arbiter.policy import Policy, Replaying, Resuming, Spared
from arbiter.wall import walled


class PolicyBank:
    """Policies by name.

    A name may stand for several players of one policy (a chunk policy has two over one backend), so that the next
    prompt can warm while the last one still drives.

    Args:
        policies: Players by policy name; "stand", "hold" and "rest" must be there: they are what is left when a
            policy fails.

    Attributes:
        spares: What brings a walk to rest when its policy fails, by the policy's name.
        replay: The spare of "stand": brings a walk to rest from what was sent, when no policy can; None: there is none.
        banned: Why a policy is out of use until `pardon`, by name.
    """

    def __init__(self, policies: Mapping[str, Sequence[Policy]]) -> None:
        missing = [name for name in ("stand", "hold", "rest") if not policies.get(name)]
        if missing:
            raise PolicyError(f"policies lack the fallback {', '.join(missing)}; the tree file may rename none of them")
        self._players = {name: tuple(players) for name, players in policies.items()}
        spares = {name: group[0].spare() for name, group in self._players.items() if group and isinstance(group[0], Spared)}
        self.spares = {name: spare for name, spare in spares.items() if spare is not None}
        last = self.spares.pop("stand", None)
        self.replay = last if isinstance(last, Replaying) else None
        self.banned: dict[str, str] = {}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._players)

    def players(self, name: str) -> tuple[Policy, ...]:
        """All players of a policy. Raises PolicyError listing the names."""
        try:
            return self._players[name]
        except KeyError:
            raise PolicyError(f"no policy {name!r}; there are: {', '.join(sorted(self._players))}") from None

    def fallback(self, name: str) -> Policy:
        """The first player of a policy that is known to be there."""
        return self._players[name][0]

    def spare(self, failed: Policy) -> Resuming | None:
        """What takes over when `failed` fails in mid-step: its own spare, else another policy's for the same joints, else
        `replay`. None: there is none, or it failed, too."""
        own = self.spares.get(failed.name)
        others = [spare for spare in self.spares.values() if spare is not own and not (failed.joints & ~spare.joints).any()]
        left = [spare for spare in (own, *others, self.replay) if spare is not None and spare.name not in self.banned]
        return left[0] if left else None

    def pick(self, name: str, driving: Iterable[Policy], warming: Iterable[Policy]) -> Policy | None:
        """A player for a hand-over: a free one; else the only one, which then just gets another request."""
        players = self.players(name)
        busy = [id(policy) for policy in (*driving, *warming)]
        free = next((player for player in players if id(player) not in busy), None)
        if len(players) == 1:
            return players[0]
        return free

    def ban(self, name: str, reason: str) -> None:
        """Refuses the policy until `pardon`."""
        self.banned.setdefault(name, reason)

    def pardon(self) -> None:
        """The operator reset: every policy may try again."""
        self.banned.clear()

    def close(self) -> None:
        """Frees all of them, whatever one of them raises."""
        for player in (*itertools.chain.from_iterable(self._players.values()), *self.spares.values()):
            walled(player.close)
