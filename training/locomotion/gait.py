"""Clock and reference gait. The policy's action is this plus what the network adds; both end up in the exported graph."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

TWO_PI = 2.0 * math.pi
DEAD_BAND = 0.02  # a command below it asks to stand; it only keeps rounding from starting a walk


@dataclass(frozen=True, slots=True)
class GaitConfig:
    """Shape of the reference gait. The angles per speed are those that let the stance foot stand still on the floor.

    The robot's hip roll and hip yaw axes lie at 45 degrees: turned alike they abduct the leg, turned against each
    other they yaw it.

    Attributes:
        period: A step of each leg [s].
        lift: Knee bend at the top of the swing [rad]; hip and ankle pitch take half of it back.
        stride: Hip pitch per m/s of forward command [rad].
        side: Hip roll and yaw per m/s of lateral command [rad].
        turn: Hip roll and yaw, opposed, per rad/s of yaw command [rad].
    """

    period: float = 0.64
    lift: float = 0.7
    stride: float = 0.42
    side: float = 0.26
    turn: float = 0.113


ANKLE_PER_ABDUCTION = 1.42  # keeps the sole level: hip roll and yaw together tilt it by sqrt(2) of either


def moving(command: torch.Tensor) -> torch.Tensor:
    """1.0 where the command asks for motion, else 0.0, shape (n,)."""
    return (command.square().sum(-1) > DEAD_BAND**2).to(command.dtype)


def swing(sin_phase: torch.Tensor) -> torch.Tensor:
    """How far left and right leg are through the air, 0 (stance) to 1 (mid-swing), shape (n, 2)."""
    return torch.stack((sin_phase, -sin_phase), -1).clamp(min=0.0)


def reference(command: torch.Tensor, sin_phase: torch.Tensor, cos_phase: torch.Tensor, gait: GaitConfig) -> torch.Tensor:
    """Offset of the twelve leg joints [rad] from the default posture, left then right leg, shape (n, 12).

    The swing leg shortens; hips carry the body over the stance leg as fast as the command asks. Zero when standing.
    """
    lift = gait.lift * swing(sin_phase)
    legs = []
    for leg, side in ((0, 1.0), (1, -1.0)):
        back = side * cos_phase  # +1: the leg is as far behind as it gets, about to lift
        pitch = gait.stride * command[:, 0] * back
        abduct = -gait.side * command[:, 1] * back
        twist = gait.turn * command[:, 2] * back
        bend = lift[:, leg]
        legs += [
            abduct - twist,
            abduct + twist,
            pitch - 0.5 * bend,
            bend,
            -0.5 * bend - pitch,
            -ANKLE_PER_ABDUCTION * abduct,
        ]
    return torch.stack(legs, -1) * moving(command).unsqueeze(-1)
