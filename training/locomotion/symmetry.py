"""Left and right exchanged: signed permutations of joints, actions and observations, and networks that respect them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from rsl_rl.models import MLPModel
from tensordict import TensorDict


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


class SymmetricModel(MLPModel):
    """An RSL-RL network that is symmetric by construction: the mean of its answers to the state and to the mirrored
    state, mirrored back. Mirrored samples as data would need importance ratios that an asymmetric policy does not have.

    Args:
        joints: Names of the driven joints.
    """

    def __init__(self, obs: TensorDict, obs_groups: dict, obs_set: str, output_dim: int, *, joints: list[str], **config) -> None:
        super().__init__(obs, obs_groups, obs_set, output_dim, **config)
        actor = obs_set == "actor"
        self.mirror = actor_mirror(tuple(joints)) if actor else critic_mirror(tuple(joints))
        self.answer = joint_mirror(tuple(joints)) if actor else _signs(1.0)

    def forward(self, obs: TensorDict, masks=None, hidden_state=None, stochastic_output: bool = False) -> torch.Tensor:
        """As MLPModel's."""
        seen = torch.cat([obs[group] for group in self.obs_groups], dim=-1)
        output = symmetric(lambda x: self.mlp(self.obs_normalizer(x)), self.mirror, self.answer, seen)
        if self.distribution is None:
            return output
        if stochastic_output:
            self.distribution.update(output)
            return self.distribution.sample()
        return self.distribution.deterministic_output(output)


def symmetric(network: Callable, mirror: Mirror, answer: Mirror, seen: torch.Tensor) -> torch.Tensor:
    """Mean of the network's answers to `seen`, shape (n, o), and to its mirror image, mirrored back."""
    here, there = network(torch.cat((seen, mirror(seen)))).chunk(2)
    return 0.5 * (here + answer(there))
