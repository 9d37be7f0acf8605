"""Observation, reward and termination terms: pure functions of a BatchState. Shapes: n robots, m driven joints."""

from __future__ import annotations

import torch

from training.locomotion.gait import GaitConfig, moving, reference, swing
from training.locomotion.state import BatchState

CONTACT_FORCE = 5.0  # [N] a foot that carries more stands
NOMINAL_WEIGHT = 160.0  # [N] scales the critic's view of the loads


def contact(s: BatchState) -> torch.Tensor:
    """1.0 where a foot carries load, shape (n, 2)."""
    return (s.foot_force > CONTACT_FORCE).to(s.foot_force.dtype)


def clock(s: BatchState) -> torch.Tensor:
    """(sin, cos) of the phase, 0 while no motion is asked for: a phase has a left and a right. Shape (n, 2)."""
    return torch.stack((s.phase.sin(), s.phase.cos()), -1) * moving(s.command).unsqueeze(-1)


# --- observations -----------------------------------------------------------------------------------------------


def actor_observation(s: BatchState) -> torch.Tensor:
    """What the robot can measure, shape (n, 11 + 3 m): command, angular velocity, gravity, joints, action, clock."""
    return torch.cat((s.command, s.ang_vel, s.gravity, s.joint_pos, s.joint_vel, s.action, clock(s)), -1)


def reference_gait(observation: torch.Tensor, legs: torch.Tensor, gait: GaitConfig) -> torch.Tensor:
    """The reference gait [rad] as the robot computes it, from what actor_observation shows, shape (n, 12).

    Args:
        observation: Shape (n, 11 + 3 m).
        legs: Indices of the leg joints among the driven ones, shape (12,).
        gait: Its shape.
    """
    m = (observation.shape[-1] - 11) // 3
    command, spin, gravity, _, velocity, _, clock = observation.split((3, 3, 3, m, m, m, 2), -1)
    return reference(command, clock, gravity, spin, velocity[:, legs], gait)


def critic_observation(s: BatchState) -> torch.Tensor:
    """The actor's view without noise, and what only a simulator knows, shape (n, 30 + 3 m)."""
    return torch.cat(
        (
            actor_observation(s),
            s.lin_vel,
            s.mean_vel,
            s.height.unsqueeze(-1),
            s.foot_height * 10.0,
            s.foot_force / NOMINAL_WEIGHT,
            s.foot_gap,
            s.grounded,
            s.dynamics,
        ),
        -1,
    )


# --- rewards: each of shape (n,), before its weight -----------------------------------------------------------------


def velocity_error(s: BatchState) -> torch.Tensor:
    """x, y [m/s] and yaw [rad/s] still missing, shape (n, 3)."""
    return s.command - s.mean_vel


def track_linear(s: BatchState, width: float) -> torch.Tensor:
    """1 at the commanded velocity, falling off over sqrt(width) [m/s]."""
    return torch.exp(-velocity_error(s)[:, :2].square().sum(-1) / width)


def track_yaw(s: BatchState, width: float) -> torch.Tensor:
    """1 at the commanded yaw rate, falling off over sqrt(width) [rad/s]."""
    return torch.exp(-velocity_error(s)[:, 2].square() / width)


def miss_linear(s: BatchState) -> torch.Tensor:
    """Distance from the commanded velocity [m/s]: a slope where the bell of track_linear is flat."""
    return velocity_error(s)[:, :2].norm(dim=-1)


def miss_yaw(s: BatchState) -> torch.Tensor:
    """Distance from the commanded yaw rate [rad/s]."""
    return velocity_error(s)[:, 2].abs()


def alive(s: BatchState) -> torch.Tensor:
    """1."""
    return torch.ones_like(s.height)


def swing_contact(s: BatchState) -> torch.Tensor:
    """Load on a foot that should be in the air, weighed by how far into the swing it is; 0 when standing."""
    return (contact(s) * swing(s.phase.sin())).sum(-1) * moving(s.command)


def stance_lift(s: BatchState) -> torch.Tensor:
    """No load on the foot that should carry; when standing, on either."""
    air = 1.0 - contact(s)
    walking = (air * swing(-s.phase.sin())).sum(-1)
    return torch.where(moving(s.command) > 0.0, walking, air.sum(-1))


def clearance(s: BatchState, target: float = 0.04) -> torch.Tensor:
    """How high the swing foot is, up to `target` [m]; 0 when standing."""
    lift = (s.foot_height / target).clamp(0.0, 1.0)
    return (lift * swing(s.phase.sin())).sum(-1) * moving(s.command)


def tilt(s: BatchState) -> torch.Tensor:
    """Squared sine of the angle to the vertical."""
    return s.gravity[:, :2].square().sum(-1)


def wobble(s: BatchState) -> torch.Tensor:
    """Squared roll and pitch rate [rad²/s²]."""
    return s.ang_vel[:, :2].square().sum(-1)


def bounce(s: BatchState) -> torch.Tensor:
    """Squared vertical velocity [m²/s²]."""
    return s.lin_vel[:, 2].square()


def sink(s: BatchState) -> torch.Tensor:
    """Squared distance from the default height, below it [m²]."""
    return s.height.clamp(max=0.0).square()


def ends(s: BatchState, legs: torch.Tensor, lower: torch.Tensor, upper: torch.Tensor, band: float = 0.12) -> torch.Tensor:
    """How far joints of legs that carry are within `band` [rad] of the ends of their ranges, minus default, or beyond [rad]. An
    ankle that leans on its stop carries the body, but cannot bring it back; in the air it may go where it likes."""
    below, above = lower + band - s.joint_pos, s.joint_pos - upper + band
    near = (below.clamp(min=0.0) + above.clamp(min=0.0))[:, legs]
    return (near.unflatten(-1, (2, -1)).sum(-1) * contact(s)).sum(-1)


def action_rate(s: BatchState) -> torch.Tensor:
    """Squared change of the action."""
    return (s.action - s.last_action).square().sum(-1)


def action_bend(s: BatchState) -> torch.Tensor:
    """Squared change of the change of the action."""
    return (s.action - 2.0 * s.last_action + s.last_last_action).square().sum(-1)


def torque(s: BatchState) -> torch.Tensor:
    """Squared torque [N²m²]."""
    return s.torque.square().sum(-1)


def overreach(s: BatchState) -> torch.Tensor:
    """Squared torque asked for beyond what the motors give [N²m²]: targets that run away from their joints. They pull no
    harder, and the safety layer, which must take them at their word, finds legs that cross and arms in the way."""
    return s.excess.square().sum(-1)


def crossing(s: BatchState, margin: float = 0.015) -> torch.Tensor:
    """By how much [m] the targets bring parts closer than `margin`. Where they would touch, the safety layer stops the legs
    in the middle of a step."""
    return (margin - s.clearance).clamp(min=0.0)


def power(s: BatchState) -> torch.Tensor:
    """Mechanical power that the motors give [W]."""
    return (s.torque * s.joint_vel).clamp(min=0.0).sum(-1)


def slip(s: BatchState) -> torch.Tensor:
    """Squared speed of feet that carry load [m²/s²]."""
    return (s.foot_vel.square() * contact(s)).sum(-1)


def stance_width(s: BatchState, least: float = 0.12, most: float = 0.16) -> torch.Tensor:
    """Lateral distance of the feet outside `least` to `most` [m].

    A foot is 0.072 m wide and must not meet the other. Far apart they stand firmly but cannot step: the hips' torque
    does not carry the body over one of them, so that the swing ends at once.
    """
    gap = s.foot_gap[:, 1]
    return (least - gap).clamp(min=0.0) + (gap - most).clamp(min=0.0)


def sideways_joints(s: BatchState, joints: torch.Tensor) -> torch.Tensor:
    """Squared distance of `joints` from their default [rad²]."""
    return s.joint_pos[:, joints].square().sum(-1)


def fidget(s: BatchState) -> torch.Tensor:
    """Squared joint velocity while no motion is asked for [rad²/s²]."""
    return s.joint_vel.square().sum(-1) * (1.0 - moving(s.command))


def brace(s: BatchState, ankles: torch.Tensor) -> torch.Tensor:
    """Squared torque [N²m²] of `ankles` while no motion is asked for: who stands with the weight over the ankles has all of
    their torque left for arms that reach out."""
    return s.torque[:, ankles].square().sum(-1) * (1.0 - moving(s.command))


def posture(s: BatchState) -> torch.Tensor:
    """Distance from the default posture while no motion is asked for [rad]."""
    return s.joint_pos.abs().sum(-1) * (1.0 - moving(s.command))


# --- termination ------------------------------------------------------------------------------------------------


def fallen(s: BatchState, tilt_limit: float = 0.8, drop: float = 0.15) -> torch.Tensor:
    """True where the base leans beyond `tilt_limit` [rad] or sank by `drop` [m], shape (n,)."""
    upright = torch.cos(torch.tensor(tilt_limit, device=s.height.device))
    return (-s.gravity[:, 2] < upright) | (s.height < -drop)


def stuck(s: BatchState, patience: float = 1.0) -> torch.Tensor:
    """True where a foot never left the floor for `patience` [s] although motion is asked for, shape (n,).

    Standing is a deep optimum that a walking reward alone does not leave: an episode that only stands ends instead.
    """
    return (s.grounded > patience).any(-1)
