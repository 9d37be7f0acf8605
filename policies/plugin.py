"""Kinds of policies and of chunk backends that users bring: an entry point in the group `arbiter.policies` or
`arbiter.backends`, or a file that a tree file names.

@dataclass(frozen=True)
class SwayConfig:
    height: float = limited(0.05, 0.0, 0.2, "m")

class Sway(PolicyKind):
    name, help, Config = "sway", "moves the arms up and down", SwayConfig

    def open(self, name, settings, context):
        return SwayPolicy(name, context.model, settings.height)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from arbiter.kinds import Kind
from arbiter.policy import Policy
from policies.chunk.protocol import ChunkBackend
from policies.context import PolicyContext


class PolicyKind(Kind):
    """What stands behind `kind` of a policy in a tree file."""

    def open(self, name: str, settings: Any, context: PolicyContext) -> Policy | Sequence[Policy]:
        """The policy, or its players: two of them can hand over to each other. Raises an error that says what is wrong.

        Args:
            name: In the tree file.
            settings: An instance of `Config`, or None.
            context: The robot, the folder that files are named from, the camera, the seed.
        """
        raise NotImplementedError


class BackendKind(Kind):
    """What stands behind `backend` of a policy of kind chunk."""

    def open(self, settings: Any, context: PolicyContext) -> ChunkBackend:
        """The backend. Raises an error that says what is wrong.

        Args:
            settings: An instance of `Config` from `options` of the tree file, or None.
            context: See PolicyKind.
        """
        raise NotImplementedError
