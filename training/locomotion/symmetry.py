"""Left and right exchanged: signed permutations of joints, actions and observations."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from rsl_rl.extensions import Symmetry


@dataclass(frozen=True)
class Mirror:
    """A signed permutation: mirrored = x[..., index] * sign."""

    index: torch.Tensor
    sign: torch.Tensor

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return x[..., self.index.to(x.device)] * self.sign.to(x)


def joint_mirror(joints: tuple[str, ...]) -> Mirror:
    """Mirror of quantities per joint, in the order of `joints` (both sides of a joint must be among them).

    The arms' joint axes are mirrored themselves, so that left and right differ in sign.
    """
    signs = {"hip_roll": -1.0, "hip_yaw": -1.0, "hip_pitch": 1.0, "knee_pitch": 1.0, "ankle_pitch": 1.0, "ankle_roll": -1.0}
    index, sign = [], []
    for name in joints:
        here, there = ("left", "right") if "_left_" in name else ("right", "left")
        index.append(joints.index(name.replace(f"_{here}_", f"_{there}_")))
        part = name.split(f"_{here}_")[1].removesuffix("_joint")
        sign.append(-1.0 if name.startswith("arm_") else signs[part])
    return Mirror(torch.tensor(index), torch.tensor(sign))


def _stack(parts: list[Mirror]) -> Mirror:
    offset, index = 0, []
    for part in parts:
        index.append(part.index + offset)
        offset += len(part.index)
    return Mirror(torch.cat(index), torch.cat([part.sign for part in parts]))


def _signs(*signs: float) -> Mirror:
    return Mirror(torch.arange(len(signs)), torch.tensor(signs))


SWAP = Mirror(torch.tensor([1, 0]), torch.ones(2))
POLAR, AXIAL = (1.0, -1.0, 1.0), (-1.0, 1.0, -1.0)  # vectors; rotations
PLANAR = (1.0, -1.0, -1.0)  # x, y, yaw


def actor_mirror(joints: tuple[str, ...]) -> Mirror:
    """Mirror of terms.actor_observation. Half a turn of the clock exchanges the legs' roles."""
    j = joint_mirror(joints)
    return _stack([_signs(*PLANAR), _signs(*AXIAL), _signs(*POLAR), j, j, j, _signs(-1.0, -1.0)])


def critic_mirror(joints: tuple[str, ...]) -> Mirror:
    """Mirror of terms.critic_observation."""
    # The gap left minus right changes its sign in x (the feet exchange roles) and keeps it in y (so does the axis).
    return _stack(
        [
            actor_mirror(joints),
            _signs(*POLAR),
            _signs(*PLANAR),
            _signs(1.0),
            SWAP,
            SWAP,
            _signs(-1.0, 1.0),
            SWAP,
            _signs(1.0, 1.0, 1.0, 1.0),
        ]
    )


class HalfMirrored(Symmetry):
    """rsl_rl's symmetry at half its price: of every mini-batch a random half is mirrored in place, instead of adding
    a mirrored copy; over the epochs each sample is seen both ways."""

    def __init__(self, env, actor) -> None:
        self.env, self.actor, self.use_mirror_loss = env, actor, False
        joints = env.task.joints
        self.mirrors = {"actor": actor_mirror(joints), "critic": critic_mirror(joints)}
        self.action = joint_mirror(joints)

    def augment_batch(self, batch, original_batch_size: int) -> None:
        """Mirrors a random half of the batch: observations, actions and the distribution they were drawn from."""
        half = torch.rand(original_batch_size, 1, device=batch.actions.device) < 0.5
        for group, mirror in self.mirrors.items():
            batch.observations[group] = torch.where(half, mirror(batch.observations[group]), batch.observations[group])
        batch.actions = torch.where(half, self.action(batch.actions), batch.actions)
        # Only rows left as they were tell how far the policy moved: the others get the current distribution, a
        # divergence of nothing, and the wanted divergence is set for half the rows.
        with torch.no_grad():
            self.actor(batch.observations, stochastic_output=True)
            batch.old_distribution_params = tuple(
                torch.where(half, now, old)
                for now, old in zip(self.actor.output_distribution_params, batch.old_distribution_params, strict=True)
            )

    def compute_loss(self, actor, batch, original_batch_size: int) -> torch.Tensor:
        """Nothing to add: the samples themselves are mirrored."""
        return torch.zeros(())
