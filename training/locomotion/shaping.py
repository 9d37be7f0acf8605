"""What the safety layer does to position targets, for many robots at once: a policy that trains with it does not miss it.

The limits are those of `arbiter.safety.limits`, in the order of `arbiter.safety.shaper`: range, velocity, acceleration,
torque. With the legs' limits a target can stop within one tick, so that the braking before a joint's end is left out.
"""

from __future__ import annotations

import torch

from arbiter.robot import RobotModel
from arbiter.safety.limits import SafetyLimits


class Shaping:
    """Moves position targets [rad] as the safety layer lets them move.

    Attributes:
        target: Last target [rad], shape (n, m).
        step: The last change of it [rad], shape (n, m).
    """

    def __init__(self, model: RobotModel, joints: torch.Tensor, n: int, dt: float, device: str = "cpu") -> None:
        """`joints`: indices of the driven joints in robot order, shape (m,)."""
        limits = SafetyLimits.from_model(model)

        def column(values) -> torch.Tensor:
            return torch.tensor(values[joints.cpu().numpy()], dtype=torch.float32, device=device)

        self.lower, self.upper = column(limits.lower), column(limits.upper)
        self.reach, self.change = column(limits.velocity) * dt, column(limits.acceleration) * dt**2
        self.kp, self.kd = column(model.kp), column(model.kd)
        self.torque = column(limits.effort) * limits.torque_factor
        self.target, self.step = column(model.default).repeat(n, 1), torch.zeros(n, len(joints), device=device)

    def start(self, ids: torch.Tensor, joints: torch.Tensor) -> None:
        """Robots `ids` start at rest at `joints` [rad]."""
        self.target[ids] = joints.clamp(self.lower, self.upper)
        self.step[ids] = 0.0

    def move(self, wanted: torch.Tensor, joint_pos: torch.Tensor, joint_vel: torch.Tensor) -> torch.Tensor:
        """The target of this tick [rad] on the way to `wanted`; joint_pos [rad], joint_vel [rad/s]: measured, shape (n, m)."""
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
        self.step, self.target = new - self.target, new
        return new

    def _window(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Least and largest step that velocity and acceleration allow."""
        least = torch.maximum(-self.reach, self.step - self.change)
        return least, torch.maximum(least, torch.minimum(self.reach, self.step + self.change))
