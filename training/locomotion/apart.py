"""How far the legs' posture keeps them apart from each other and from hanging arms, for many robots at once.

The shapes are those of the safety layer's collision check (the hulls of `model.xml`), taken as balls along capsules.
"""

from __future__ import annotations

import mujoco
import numpy as np
import torch

from arbiter.robot import RobotModel
from deploy.robots.description import description_dir

HULLS = 5  # geom group of the shapes that are kept apart
BALLS = 4  # along a capsule; between them it is up to 6 mm thinner


class Apart:
    """Distances between balls on both legs, and between each leg and the forearm beside it in its default posture.

    Forward kinematics as a product of exponentials: each joint turns what hangs from it about a fixed axis.

    Args:
        model: The robot; its legs' joints come as the left and the right chain, from hip to ankle.
    """

    def __init__(self, model: RobotModel, device: str = "cpu") -> None:
        plain = mujoco.MjModel.from_xml_path(str(description_dir(model.name) / "model.xml"))
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
        legs = [[self._balls(plain, data, body) for body in chain] for chain in bodies]
        # The links without a shape fall away; both legs have the same ones.
        self.links = [k for k in range(self.depth) if legs[0][k]]
        self.points = [tensor([[b[:3] for b in legs[s][k]] for s in (0, 1)]) for k in self.links]
        sizes = tensor([b[3] for k in self.links for b in legs[0][k]])
        arms = [
            [b for part in ("elbow_pitch", "elbow_roll") for b in self._balls(plain, data, plain.body(f"arm_{side}_{part}").id)]
            for side in ("left", "right")
        ]
        self.arms = tensor([[b[:3] for b in arm] for arm in arms])
        self.between_legs = sizes.unsqueeze(-1) + sizes
        self.to_arms = sizes.unsqueeze(-1) + tensor([b[3] for b in arms[0]])

    @staticmethod
    def _balls(plain: mujoco.MjModel, data: mujoco.MjData, body: int) -> list[tuple[float, float, float, float]]:
        found = []
        for g in range(plain.ngeom):
            if plain.geom_group[g] == HULLS and plain.geom_bodyid[g] == body:
                radius, half = plain.geom_size[g, :2]
                along = data.geom_xmat[g].reshape(3, 3)[:, 2] * half
                found += [(*(data.geom_xpos[g] + t * along), radius) for t in np.linspace(-1.0, 1.0, BALLS)]
        return found

    def __call__(self, legs: torch.Tensor) -> torch.Tensor:
        """The smallest distance [m] between shapes at joint positions `legs` [rad], shape (n, 12) -> (n,); negative
        where they overlap."""
        q = legs.view(-1, 2, self.depth)
        sin, cos = q.sin()[..., None, None], 1.0 - q.cos()[..., None, None]
        turns = torch.eye(3, device=legs.device) + sin * self.cross + cos * self.square
        turn, shift, parts = None, None, []
        for k in range(self.depth):
            own = self.anchor[:, k] - (turns[:, :, k] @ self.anchor[:, k].unsqueeze(-1)).squeeze(-1)
            if turn is None:
                turn, shift = turns[:, :, k], own
            else:
                shift, turn = (turn @ own.unsqueeze(-1)).squeeze(-1) + shift, turn @ turns[:, :, k]
            if k in self.links:
                points = self.points[self.links.index(k)]
                parts.append(points @ turn.transpose(-1, -2) + shift.unsqueeze(-2))
        balls = torch.cat(parts, -2)  # (n, 2, balls, 3)
        legs_apart = torch.cdist(balls[:, 0], balls[:, 1]) - self.between_legs
        arms_apart = torch.cdist(balls, self.arms.expand(len(balls), -1, -1, -1)) - self.to_arms
        return torch.minimum(legs_apart.flatten(1).min(-1).values, arms_apart.flatten(1).min(-1).values)
