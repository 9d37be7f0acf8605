"""What the safety layer does to position targets, for many robots at once: a policy that trains with it does not miss it.

The limits are those of `arbiter.safety.limits`, in the order of `arbiter.safety.shaper`: range, velocity, acceleration,
torque; then the collision check of `arbiter.safety.contact`, for the legs. With their limits a target can stop within one
tick, so that braking before a joint's end and looking ahead are left out.
"""

from __future__ import annotations

import torch

from arbiter.robot import RobotModel
from arbiter.safety.limits import SafetyLimits
from training.locomotion.apart import Apart

DEEPER = 1e-4  # [m] parts that touch already may go on touching, as long as they do not sink in by more


class Shaping:
    """Moves position targets [rad] as the safety layer lets them move.

    Attributes:
        target: Last target [rad], shape (n, m).
        step: The last change of it [rad], shape (n, m).
        asked: Distance between parts [m] in the posture that was asked for last, shape (n,).
        sent: The same in the posture that went out, shape (n,).
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
        self.apart = Apart(model, device)
        self.legs = torch.tensor([k for k, i in enumerate(joints.tolist()) if model.groups["legs"][i]], device=device)
        self.asked, self.sent = torch.ones(n, device=device), torch.ones(n, device=device)

    def start(self, ids: torch.Tensor, joints: torch.Tensor) -> None:
        """Robots `ids` start at rest at `joints` [rad]."""
        self.target[ids] = joints.clamp(self.lower, self.upper)
        self.step[ids] = 0.0
        self.asked[ids] = self.sent[ids] = self.apart(self.target[ids][:, self.legs])

    def move(self, wanted: torch.Tensor, joint_pos: torch.Tensor, joint_vel: torch.Tensor, *, brake: bool = True) -> torch.Tensor:
        """The target of this tick [rad] on the way to `wanted`.

        Args:
            wanted: What the policy asks for [rad], shape (n, m).
            joint_pos, joint_vel: Measured [rad], [rad/s], shape (n, m).
            brake: Legs stop where parts would touch.
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
        self.asked = self.apart(new[:, self.legs])
        touching = (self.asked < 0.0) & (self.asked < self.sent - DEEPER)
        self.sent = torch.where(touching, self.sent, self.asked) if brake else self.asked
        if brake:
            slowed = self.target + torch.copysign((self.step.abs() - self.change).clamp(min=0.0), self.step)
            stopped = torch.zeros_like(new, dtype=torch.bool).index_fill(1, self.legs, True) & touching.unsqueeze(-1)
            new = torch.where(stopped, slowed, new)
        self.step, self.target = new - self.target, new
        return new

    def _window(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Least and largest step that velocity and acceleration allow."""
        least = torch.maximum(-self.reach, self.step - self.change)
        return least, torch.maximum(least, torch.minimum(self.reach, self.step + self.change))
