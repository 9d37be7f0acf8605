"""Observation, reward and termination terms: pure functions of a BatchState. Shapes: n robots, m driven joints."""

from __future__ import annotations

import torch

from training.locomotion.gait import GaitConfig, moving, reference, swing
from training.locomotion.state import BatchState

CONTACT_FORCE = 5.0  # [N] vertical load above which a foot counts as in contact
NOMINAL_WEIGHT = 160.0  # [N] scale of the foot loads in the critic's observation


def contact(s: BatchState) -> torch.Tensor:
    """1.0 where a foot carries load, shape (n, 2)."""
    return (s.foot_force > CONTACT_FORCE).to(s.foot_force.dtype)


def clock(s: BatchState) -> torch.Tensor:
    """(sin, cos) of the gait phase, zero at zero command so that the observation is symmetric there. Shape (n, 2)."""
    return torch.stack((s.phase.sin(), s.phase.cos()), -1) * moving(s.command).unsqueeze(-1)


# --- observations -----------------------------------------------------------------------------------------------


def actor_observation(s: BatchState) -> torch.Tensor:
    """Observation of the actor, shape (n, 11 + 3 m): command, angular velocity, gravity, joint position and velocity, action,
    clock."""
    return torch.cat((s.command, s.ang_vel, s.gravity, s.joint_pos, s.joint_vel, s.action, clock(s)), -1)


def reference_gait(observation: torch.Tensor, legs: torch.Tensor, gait: GaitConfig) -> torch.Tensor:
    """The reference gait [rad], computed from the actor's observation as on the robot, shape (n, 12).

    Args:
        observation: Shape (n, 11 + 3 m).
        legs: Indices of the leg joints among the driven ones, shape (12,).
        gait: Parameters of the gait.
    """
    m = (observation.shape[-1] - 11) // 3
    command, spin, gravity, _, velocity, _, clock = observation.split((3, 3, 3, m, m, m, 2), -1)
    return reference(command, clock, gravity, spin, velocity[:, legs], gait)


def critic_observation(s: BatchState) -> torch.Tensor:
    """Observation of the critic, shape (n, 30 + 3 m): that of the actor without noise, and privileged simulator state."""
    return torch.cat(
        (
            actor_observation(s),
            s.lin_vel,
            s.mean_vel,
            s.height.unsqueeze(-1),
            s.foot_height * 10.0,
            s.foot_force / NOMINAL_WEIGHT,
            s.foot_gap,
            s.contact_time,
            s.dynamics,
        ),
        -1,
    )


# --- rewards: each of shape (n,), unweighted  -----------------------------------------------------------------


def velocity_error(s: BatchState) -> torch.Tensor:
    """Command minus filtered velocity: x, y [m/s] and yaw [rad/s], shape (n, 3)."""
    return s.command - s.mean_vel


def track_lin_vel_xy_exp(s: BatchState, width: float) -> torch.Tensor:
    """Exponential kernel of the x, y velocity error; `width`: squared width [m²/s²]."""
    return torch.exp(-velocity_error(s)[:, :2].square().sum(-1) / width)


def track_ang_vel_z_exp(s: BatchState, width: float) -> torch.Tensor:
    """Exponential kernel of the yaw rate error; `width`: squared width [rad²/s²]."""
    return torch.exp(-velocity_error(s)[:, 2].square() / width)


def lin_vel_xy_l1(s: BatchState) -> torch.Tensor:
    """Norm of the x, y velocity error [m/s]: has a gradient where the exponential kernel is flat."""
    return velocity_error(s)[:, :2].norm(dim=-1)


def ang_vel_z_l1(s: BatchState) -> torch.Tensor:
    """Absolute yaw rate error [rad/s]."""
    return velocity_error(s)[:, 2].abs()


def is_alive(s: BatchState) -> torch.Tensor:
    """1."""
    return torch.ones_like(s.height)


def swing_contact(s: BatchState) -> torch.Tensor:
    """Contact of a foot in its swing phase, weighted by the swing height of the reference; 0 at zero command."""
    return (contact(s) * swing(s.phase.sin())).sum(-1) * moving(s.command)


def stance_no_contact(s: BatchState) -> torch.Tensor:
    """No contact of the foot in its stance phase; at zero command, of either foot."""
    air = 1.0 - contact(s)
    walking = (air * swing(-s.phase.sin())).sum(-1)
    return torch.where(moving(s.command) > 0.0, walking, air.sum(-1))


def foot_clearance(s: BatchState, target: float = 0.04) -> torch.Tensor:
    """Height of the swing foot as a fraction of `target` [m], at most 1; 0 at zero command."""
    lift = (s.foot_height / target).clamp(0.0, 1.0)
    return (lift * swing(s.phase.sin())).sum(-1) * moving(s.command)


def flat_orientation_l2(s: BatchState) -> torch.Tensor:
    """Squared sine of the angle to the vertical."""
    return s.gravity[:, :2].square().sum(-1)


def ang_vel_xy_l2(s: BatchState) -> torch.Tensor:
    """Squared roll and pitch rate [rad²/s²]."""
    return s.ang_vel[:, :2].square().sum(-1)


def lin_vel_z_l2(s: BatchState) -> torch.Tensor:
    """Squared vertical velocity [m²/s²]."""
    return s.lin_vel[:, 2].square()


def base_height(s: BatchState) -> torch.Tensor:
    """Squared distance from the default height, below it [m²]."""
    return s.height.clamp(max=0.0).square()


def joint_pos_limits(
    s: BatchState, legs: torch.Tensor, lower: torch.Tensor, upper: torch.Tensor, band: float = 0.12
) -> torch.Tensor:
    """By how much joints of loaded legs come closer than `band` [rad] to their limits [rad], summed. An ankle at its stop carries
    the body but cannot correct its lean; a leg in the air is not penalised.

    Args:
        legs: Indices of the leg joints among the driven ones, left leg first.
        lower, upper: Joint limits minus the default posture [rad], shape (m,).
    """
    below, above = lower + band - s.joint_pos, s.joint_pos - upper + band
    near = (below.clamp(min=0.0) + above.clamp(min=0.0))[:, legs]
    return (near.unflatten(-1, (2, -1)).sum(-1) * contact(s)).sum(-1)


def action_rate_l2(s: BatchState) -> torch.Tensor:
    """Squared first difference of the action."""
    return (s.action - s.last_action).square().sum(-1)


def action_acc_l2(s: BatchState) -> torch.Tensor:
    """Squared second difference of the action."""
    return (s.action - 2.0 * s.last_action + s.last_last_action).square().sum(-1)


def joint_torques_l2(s: BatchState) -> torch.Tensor:
    """Squared torque [N²m²]."""
    return s.torque.square().sum(-1)


def torque_excess_l2(s: BatchState) -> torch.Tensor:
    """Squared PD torque beyond the motors' limit [N²m²]: targets far from their joints. They produce no more torque, but the
    safety layer checks the posture of the targets for collisions and would stop the legs."""
    return s.torque_excess.square().sum(-1)


def self_distance(s: BatchState, margin: float = 0.015) -> torch.Tensor:
    """By how much [m] the posture of the targets brings two parts closer than `margin`. Where they would touch, the safety layer
    stops the legs in the middle of a step."""
    return (margin - s.self_distance).clamp(min=0.0)


def joint_power(s: BatchState) -> torch.Tensor:
    """Positive mechanical power of the motors [W]."""
    return (s.torque * s.joint_vel).clamp(min=0.0).sum(-1)


def foot_slip(s: BatchState) -> torch.Tensor:
    """Squared speed of feet in contact [m²/s²]."""
    return (s.foot_vel.square() * contact(s)).sum(-1)


def stance_width(s: BatchState, least: float = 0.12, most: float = 0.16) -> torch.Tensor:
    """Lateral distance of the feet outside `least` to `most` [m].

    A foot is 0.072 m wide and must not meet the other. Far apart they stand firmly but cannot step: the hips' torque
    does not carry the body over one of them, so that the swing ends at once.
    """
    gap = s.foot_gap[:, 1]
    return (least - gap).clamp(min=0.0) + (gap - most).clamp(min=0.0)


def lateral_joint_deviation(s: BatchState, joints: torch.Tensor) -> torch.Tensor:
    """Squared distance of `joints` from their default [rad²]."""
    return s.joint_pos[:, joints].square().sum(-1)


def joint_vel_standing(s: BatchState) -> torch.Tensor:
    """Squared joint velocity at zero command [rad²/s²]."""
    return s.joint_vel.square().sum(-1) * (1.0 - moving(s.command))


def stand_ankle_torque(s: BatchState, ankles: torch.Tensor) -> torch.Tensor:
    """Squared torque [N²m²] of `ankles` at zero command. With the weight over the ankles their whole torque is available when
    the arms reach out."""
    return s.torque[:, ankles].square().sum(-1) * (1.0 - moving(s.command))


def joint_pos_standing(s: BatchState) -> torch.Tensor:
    """L1 distance from the default posture at zero command [rad]."""
    return s.joint_pos.abs().sum(-1) * (1.0 - moving(s.command))


# --- termination ------------------------------------------------------------------------------------------------


def has_fallen(s: BatchState, tilt_limit: float = 0.8, drop: float = 0.15) -> torch.Tensor:
    """True where the base tilts by more than `tilt_limit` [rad] or is lower than the default height by `drop` [m], shape (n,)."""
    upright = torch.cos(torch.tensor(tilt_limit, device=s.height.device))
    return (-s.gravity[:, 2] < upright) | (s.height < -drop)


def is_stuck(s: BatchState, patience: float = 1.0) -> torch.Tensor:
    """True where a foot stays in contact for `patience` [s] although a velocity is commanded, shape (n,).

    Standing still is a local optimum that the walking rewards alone do not leave, so such an episode is terminated.
    """
    return (s.contact_time > patience).any(-1)
