"""State of many robots at once, as torch tensors: what both engines hand to the terms."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch

LEFT, RIGHT = 0, 1


@dataclass(slots=True)
class BatchState:
    """State of n robots with m driven joints at one control step. SI units, radians.

    Attributes:
        command: Velocity command x, y [m/s] and yaw [rad/s], heading frame, shape (n, 3).
        phase: Phase of the gait clock [rad], 0 to 2 pi, shape (n,).
        gravity: Unit gravity vector in the body frame, shape (n, 3).
        ang_vel: Angular velocity of the base [rad/s], body frame, shape (n, 3).
        lin_vel: Linear velocity of the torso [m/s], heading frame (yaw only), shape (n, 3).
        mean_vel: x, y [m/s] and yaw rate [rad/s] low-passed over about a step, heading frame, shape (n, 3).
        height: Torso above the floor minus its height in the default posture [m], shape (n,).
        joint_pos: Position minus default [rad], shape (n, m).
        joint_vel: [rad/s], shape (n, m).
        torque: Torque at the motors [N·m], shape (n, m).
        torque_excess: PD torque beyond the motors' limit [N·m], shape (n, m).
        action: Action of this step, reference gait included, shape (n, m).
        last_action, last_last_action: The two before it, shape (n, m).
        foot_height: Soles above the floor [m], left and right, shape (n, 2).
        foot_vel: Speed of the soles along the floor [m/s], shape (n, 2).
        foot_force: Vertical load [N], shape (n, 2).
        self_distance: Smallest distance between parts of the body in the posture of the targets [m], shape (n,).
        foot_gap: Left foot minus right foot along the heading frame's x and y [m], shape (n, 2).
        contact_time: Time for which each foot has been in contact while a velocity was commanded [s], shape (n, 2).
        dynamics: Randomised parameters (friction, 10 x latency [s], mass ratio, kp ratio), shape (n, 4). Critic only.
    """

    command: torch.Tensor
    phase: torch.Tensor
    gravity: torch.Tensor
    ang_vel: torch.Tensor
    lin_vel: torch.Tensor
    mean_vel: torch.Tensor
    height: torch.Tensor
    joint_pos: torch.Tensor
    joint_vel: torch.Tensor
    torque: torch.Tensor
    torque_excess: torch.Tensor
    action: torch.Tensor
    last_action: torch.Tensor
    last_last_action: torch.Tensor
    foot_height: torch.Tensor
    foot_vel: torch.Tensor
    foot_force: torch.Tensor
    self_distance: torch.Tensor
    foot_gap: torch.Tensor
    contact_time: torch.Tensor
    dynamics: torch.Tensor

    @classmethod
    def zeros(cls, n: int, m: int, device: str = "cpu") -> BatchState:
        """A state of zeros, upright."""
        widths = {
            "command": (3,),
            "phase": (),
            "gravity": (3,),
            "ang_vel": (3,),
            "lin_vel": (3,),
            "mean_vel": (3,),
            "height": (),
            "self_distance": (),
            "foot_height": (2,),
            "foot_vel": (2,),
            "foot_force": (2,),
            "foot_gap": (2,),
            "contact_time": (2,),
            "dynamics": (4,),
        }
        state = cls(**{f.name: torch.zeros((n, *widths.get(f.name, (m,))), device=device) for f in fields(cls)})
        state.gravity[:, 2] = -1.0
        return state
