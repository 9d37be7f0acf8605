"""Distance between the legs, and between each leg and the forearm beside it, for many robots at once.

The shapes are the capsules of the safety layer's collision check (the hulls of `model.xml`), approximated by spheres.
"""

from __future__ import annotations

import mujoco
import numpy as np
import torch

from arbiter.robot import RobotModel
from deploy.robots.mjcf import open_spec

HULLS = 5  # geom group of the collision check's shapes
SPHERES = 4  # along a capsule; between two of them the approximation is up to 6 mm thinner


class SelfDistance:
    """Smallest distance between spheres on both legs, and between each leg and the forearm in its default posture.

    Forward kinematics as a product of exponentials about the joints' axes in the zero posture.

    Args:
        model: The robot; its legs' joints come as the left and the right chain, from hip to ankle.
    """

    def __init__(self, model: RobotModel, device: str = "cpu") -> None:
        plain = open_spec(model).compile()
        data = mujoco.MjData(plain)
        names = [model.joints[i] for i in np.flatnonzero(model.groups["legs"])]
        self.depth = len(names) // 2
        for i, name in enumerate(model.joints):
            data.qpos[plain.joint(name).qposadr[0]] = 0.0 if name in names else model.default[i]
        mujoco.mj_kinematics(plain, data)
        chains = [[plain.joint(name).id for name in names[k : k + self.depth]] for k in (0, self.depth)]
        bodies = [[plain.jnt_bodyid[j] for j in chain] for chain in chains]

        def tensor(values) -> torch.Tensor:
            return torch.tensor(np.array(values), dtype=torch.float32, device=device)

        self.anchor, axis = tensor([data.xanchor[c] for c in chains]), tensor([data.xaxis[c] for c in chains])
        x, y, z = axis.unbind(-1)
        zero = torch.zeros_like(x)
        self.cross = torch.stack((zero, -z, y, z, zero, -x, -y, x, zero), -1).view(2, self.depth, 3, 3)
        self.square = self.cross @ self.cross
        legs = [[self._spheres(plain, data, body) for body in chain] for chain in bodies]
        # Links without a shape are skipped; both legs have shapes on the same links.
        self.links = [k for k in range(self.depth) if legs[0][k]]
        self.points = [tensor([[b[:3] for b in legs[s][k]] for s in (0, 1)]) for k in self.links]
        sizes = tensor([b[3] for k in self.links for b in legs[0][k]])
        arms = [
            [b for part in ("elbow_pitch", "elbow_roll") for b in self._spheres(plain, data, plain.body(f"arm_{side}_{part}").id)]
            for side in ("left", "right")
        ]
        self.arms = tensor([[b[:3] for b in arm] for arm in arms])
        self.between_legs = sizes.unsqueeze(-1) + sizes
        self.to_arms = sizes.unsqueeze(-1) + tensor([b[3] for b in arms[0]])

    @staticmethod
    def _spheres(plain: mujoco.MjModel, data: mujoco.MjData, body: int) -> list[tuple[float, float, float, float]]:
        found = []
        for g in range(plain.ngeom):
            if plain.geom_group[g] == HULLS and plain.geom_bodyid[g] == body:
                radius, half = plain.geom_size[g, :2]
                along = data.geom_xmat[g].reshape(3, 3)[:, 2] * half
                found += [(*(data.geom_xpos[g] + t * along), radius) for t in np.linspace(-1.0, 1.0, SPHERES)]
        return found

    def __call__(self, legs: torch.Tensor) -> torch.Tensor:
        """The smallest distance [m] between shapes at joint positions `legs` [rad], shape (n, 12) -> (n,); negative
        where they overlap."""
        q = legs.view(-1, 2, self.depth)
        sin, cos = q.sin()[..., None, None], 1.0 - q.cos()[..., None, None]
        turns = torch.eye(3, device=legs.device) + sin * self.cross + cos * self.square
        turn, shift, parts = turns[:, :, 0], torch.zeros(len(q), 2, 3, device=legs.device), []
        for k in range(self.depth):
            own = self.anchor[:, k] - (turns[:, :, k] @ self.anchor[:, k].unsqueeze(-1)).squeeze(-1)
            if k == 0:
                shift = own
            else:
                shift, turn = (turn @ own.unsqueeze(-1)).squeeze(-1) + shift, turn @ turns[:, :, k]
            if k in self.links:
                points = self.points[self.links.index(k)]
                parts.append(points @ turn.transpose(-1, -2) + shift.unsqueeze(-2))
        spheres = torch.cat(parts, -2)  # (n, 2, spheres, 3)
        between_legs = torch.cdist(spheres[:, 0], spheres[:, 1]) - self.between_legs
        to_arms = torch.cdist(spheres, self.arms.expand(len(spheres), -1, -1, -1)) - self.to_arms
        return torch.minimum(between_legs.flatten(1).min(-1).values, to_arms.flatten(1).min(-1).values)
