"""The safety layer's limits on position targets, for many robots at once, so that a policy is trained with them.

The limits are those of `arbiter.safety.limits`, applied in the order of `arbiter.safety.shaper`: range, velocity, acceleration,
torque; then the collision check of `arbiter.safety.contact`, for the legs. Acceleration limits let a target stop within one
tick, so the braking distance before a joint limit is left out.
"""

from __future__ import annotations

import torch

from arbiter.robot import RobotModel
from arbiter.safety.limits import SafetyLimits
from training.locomotion.self_distance import SelfDistance

PENETRATION_TOLERANCE = 1e-4  # [m] increase of an existing overlap that is allowed


class CommandLimiter:
    """Limits position targets [rad] of n robots as the safety layer does.

    Attributes:
        target: Last target [rad], shape (n, m).
        step: Its last change [rad], shape (n, m).
        requested_distance: Self-distance [m] of the posture before the collision check, shape (n,).
        sent_distance: Self-distance [m] of the last posture that passed it, shape (n,).
    """

    def __init__(self, model: RobotModel, joints: torch.Tensor, n: int, dt: float, device: str = "cpu") -> None:
        """`joints`: indices of the driven joints in robot order, shape (m,)."""
        limits = SafetyLimits.from_model(model)

        def column(values) -> torch.Tensor:
            return torch.tensor(values[joints.cpu().numpy()], dtype=torch.float32, device=device)

        self.lower, self.upper = column(limits.lower), column(limits.upper)
        self.max_step, self.max_step_change = column(limits.velocity) * dt, column(limits.acceleration) * dt**2
        self.kp, self.kd = column(model.kp), column(model.kd)
        self.torque = column(limits.effort) * limits.torque_factor
        self.target, self.step = column(model.default).repeat(n, 1), torch.zeros(n, len(joints), device=device)
        self.self_distance = SelfDistance(model, device)
        self.legs = torch.tensor([k for k, i in enumerate(joints.tolist()) if model.groups["legs"][i]], device=device)
        self.requested_distance, self.sent_distance = torch.ones(n, device=device), torch.ones(n, device=device)

    def reset(self, ids: torch.Tensor, joints: torch.Tensor) -> None:
        """Robots `ids` start at rest at `joints` [rad], shape (len(ids), m)."""
        self.target[ids] = joints.clamp(self.lower, self.upper)
        self.step[ids] = 0.0
        self.requested_distance[ids] = self.sent_distance[ids] = self.self_distance(self.target[ids][:, self.legs])

    def limit(
        self, wanted: torch.Tensor, joint_pos: torch.Tensor, joint_vel: torch.Tensor, *, brake: bool = True
    ) -> torch.Tensor:
        """The limited target of this tick [rad], shape (n, m).

        Args:
            wanted: Target of the policy [rad], shape (n, m).
            joint_pos, joint_vel: Measured [rad], [rad/s], shape (n, m).
            brake: Legs stop where parts would collide.
        """
        least, most = self._window()
        new = (self.target + (wanted.clamp(self.lower, self.upper) - self.target).clamp(least, most)).clamp(
            self.lower, self.upper
        )
        pull, damping = new - joint_pos, self.kd * joint_vel
        torque = self.kp * pull - damping
        over = (torque.abs() > self.torque) & (torque * pull > 0.0)
        high = ((self.torque + damping) / self.kp).clamp(min=0.0)
        low = ((damping - self.torque) / self.kp).clamp(max=0.0)
        nearer = (joint_pos + pull.clamp(low, high)).clamp(self.lower, self.upper)
        eased = self.target + (nearer - self.target).clamp(least, most)
        new = torch.where(over, eased, new)
        self.requested_distance = self.self_distance(new[:, self.legs])
        touching = (self.requested_distance < 0.0) & (self.requested_distance < self.sent_distance - PENETRATION_TOLERANCE)
        self.sent_distance = (
            torch.where(touching, self.sent_distance, self.requested_distance) if brake else self.requested_distance
        )
        if brake:
            slowed = self.target + torch.copysign((self.step.abs() - self.max_step_change).clamp(min=0.0), self.step)
            stopped = torch.zeros_like(new, dtype=torch.bool).index_fill(1, self.legs, True) & touching.unsqueeze(-1)
            new = torch.where(stopped, slowed, new)
        self.step, self.target = new - self.target, new
        return new

    def _window(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Smallest and largest step that velocity and acceleration limits allow [rad], each of shape (n, m)."""
        least = torch.maximum(-self.max_step, self.step - self.max_step_change)
        return least, torch.maximum(least, torch.minimum(self.max_step, self.step + self.max_step_change))
