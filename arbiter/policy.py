"""The protocol of policies, which drive joints."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from arbiter.types import JointTarget, Request, RobotState


class Policy(Protocol):
    """Drives some joints. Called by the tick only, on one thread; must return within a fraction of the tick.

    Life of a hand-over: `reset` once, `warm` every tick while another policy still drives, then `act` every tick,
    then `release`. A policy that needs slow work (inference of a large model, a network) does it on a worker of its
    own and meets these calls through latest-value slots: none of them waits.

    Attributes:
        name: Unique in a run; interventions and faults are reported under it.
        kind: "locomotion", "chunk" or "fallback".
        joints: Mask of the joints it drives, bool, shape (n,), robot order.

    Five more are optional. `rate_hz`: how often it decides, where less often than the tick; one that walks may repeat
    its targets so long. `commands`: the largest |x|, |y| [m/s] and |yaw| [rad/s] that it was made for, three numbers; a skill
    that asks for more fails. `carries`: False where the robot falls if this policy gets its legs. `chunks`: how many it has
    played since `reset`; skills are told. `takes`: what a skill may ask for beside a velocity, "height" [m] or "heading" [rad],
    with lowest and highest; a skill that asks for more, or of a policy that does not take it, fails.
    """

    name: str
    kind: str
    joints: np.ndarray

    def reset(self, state: RobotState, now: float) -> None:
        """Clears all memory and initialises histories from `state`."""

    def warm(self, state: RobotState, request: Request, now: float) -> bool:
        """Prepares (history, first chunk) while another policy drives. True when `act` may be called now: what was ready may
        not be in the next tick."""

    def act(self, state: RobotState, request: Request, now: float) -> JointTarget:
        """The target of this tick. Raises PolicyError when it cannot continue: a fallback policy then takes over."""

    def release(self) -> None:
        """Another policy drives now: stop background work for this run of the skill."""

    def close(self) -> None:
        """Frees everything. May be called twice."""


@runtime_checkable
class Resuming(Policy, Protocol):
    """A policy that can continue where another one failed."""

    def resume(self, failed: Policy, state: RobotState, now: float) -> None:
        """Takes over in the middle of a motion: `reset`, then the memory of `failed` as far as it is valid."""


@runtime_checkable
class Spared(Protocol):
    """A walking policy with a spare, which brings the walk to rest when the policy itself fails."""

    def spare(self) -> Resuming | None:
        """Another policy for the same joints, None: it has none. Called once, when all is loaded."""


@runtime_checkable
class Replaying(Resuming, Protocol):
    """A spare that continues a walk from the targets that were sent, without any network."""

    def note(self, block: np.ndarray, now: float) -> None:
        """Records a walking policy's targets of this tick: q, kp, kd, shape (3, n)."""


@runtime_checkable
class Recomputing(Protocol):
    """A spare that can check, while another session of the same weights drives, that session's targets."""

    name: str

    def recompute(self, policy: Policy) -> JointTarget | None:
        """The target that this session computes from the last observation of `policy`; None: not available now. Changes
        neither of the two."""
