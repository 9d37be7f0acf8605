"""The deployed graph in few large operations: the tick waits for it, and small operations cost it most.

The same numbers as network, symmetry and reference gait apart (export compares them): the first layer answers to an
observation and its mirror image at once, and everything in the gait that is linear in the observation is one product.
"""

from __future__ import annotations

import torch
from torch import nn

from training.locomotion import gait
from training.locomotion.checkpoint import Normalizer
from training.locomotion.gait import ANKLE_PER_ABDUCTION, TWO_PI, GaitConfig
from training.locomotion.symmetry import Mirror, actor_mirror, joint_mirror
from training.locomotion.task import Task


class Fused(nn.Module):
    """Observation in, action out, shapes (n, 11 + 3 m) and (n, m).

    Args:
        actor: Normaliser (if any) and layers, as checkpoint.load_actor gives them.
        task: What it was trained on.
    """

    def __init__(self, actor: nn.Sequential, task: Task) -> None:
        super().__init__()
        layers = list(actor)
        norm = layers.pop(0) if isinstance(layers[0], Normalizer) else None
        first, *rest = layers
        weight, bias = first.weight.detach(), first.bias.detach()
        if norm is not None:
            weight = weight / norm.std
            bias = bias - weight @ norm.mean[0]
        turn = matrix(actor_mirror(task.joints))
        self.first = linear(torch.cat((weight, weight @ turn)), torch.cat((bias, bias)))
        self.rest, self.width = nn.Sequential(*rest), len(bias)
        answers = torch.cat((torch.eye(task.m), matrix(joint_mirror(task.joints))), 1)
        self.mean = linear(0.5 * answers, None)
        place = torch.zeros(task.m, 12)
        place[task.legs, torch.arange(12)] = 1.0
        table, curve = gait_table(task.config.gait, task.m, task.legs.tolist())
        table[12 * HELD :] /= task.config.action_scale  # the blocks before it are gates, not angles
        self.gait = linear(table[:, :-1], table[:, -1])
        self.register_buffer("least", task.least)
        self.register_buffer("most", task.most)
        self.register_buffer("curve", curve / task.config.action_scale)
        self.place = linear(place, None) if task.m > 12 else nn.Identity()

    def forward(self, obs: torch.Tensor) -> torch.Tensor:
        walking = gait.moving(obs[:, :3]).unsqueeze(-1)
        seen = torch.cat((obs[:, :-2], obs[:, -2:] * walking), -1)
        both = self.rest(self.first(seen).reshape(-1, self.width))
        output = self.mean(both.reshape(-1, 2 * both.shape[-1]))
        stance, back, air, held, stepped, pulled, lifted, stood = self.gait(obs).split(12, -1)
        air = air.relu()
        legs = stance.clamp(0.0, 1.0) * held + stepped + back * pulled + air * (air * self.curve + lifted)
        action = output + self.place(stood + walking * (legs - stood))
        return torch.minimum(torch.maximum(action, self.least), self.most)


STANCE, BACK, AIR, HELD, STEPPED, PULLED, LIFTED, STOOD = range(8)  # blocks of twelve rows of the gait's table


def linear(weight: torch.Tensor, bias: torch.Tensor | None) -> nn.Linear:
    """A layer of these weights."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    layer.weight.data = weight.clone()
    if bias is not None:
        layer.bias.data = bias.clone()
    return layer


def matrix(mirror: Mirror) -> torch.Tensor:
    """A mirror as a matrix, shape (n, n)."""
    n = len(mirror.index)
    found = torch.zeros(n, n)
    found[torch.arange(n), mirror.index] = mirror.sign
    return found


def gait_table(shape: GaitConfig, m: int, legs: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """gait.reference as eight blocks of twelve rows over (observation, 1), shape (96, 12 + 3 m), and the factors of
    the squared lift, shape (12,)."""
    width = 11 + 3 * m
    unit = torch.eye(width + 1, dtype=torch.float64)
    forward, lateral, yaw, roll_rate, pitch_rate, yaw_rate, lean, tilt = unit[:8]
    sine, cosine, one = unit[width - 2 :]
    velocity = [unit[9 + m + joint] for joint in legs]
    lean = lean - shape.tip * forward
    lead = shape.lag * TWO_PI / shape.period
    speed = [velocity[k + gait.HIP_PITCH] + 0.5 * velocity[k + gait.KNEE] - shape.pace[0] * forward for k in (0, 6)]
    aside = [0.7 * (velocity[k + gait.HIP_ROLL] + velocity[k + gait.HIP_YAW]) - shape.pace[1] * lateral for k in (0, 6)]
    nothing = torch.zeros_like(one)

    def total(gains: tuple[float, ...], *signals: torch.Tensor) -> torch.Tensor:
        return sum(gain * signal for gain, signal in zip(gains, signals, strict=True))

    blocks: list[list[torch.Tensor]] = [[] for _ in range(8)]
    curve = []
    for k, side in ((0, 1.0), (1, -1.0)):
        sin, cos = side * sine, side * cosine
        steer = shape.steer * (yaw - yaw_rate)
        side_held, side_placed = total(shape.stance_side, tilt, roll_rate), total(shape.step_side, tilt, roll_rate, aside[1 - k])
        pitch, abduct, twist = shape.stride * forward, -shape.side * lateral, shape.turn * yaw
        sway = shape.sway[0] * (sine + lead * cosine) + shape.sway[1] * (cosine - lead * sine)
        held = [
            side_held - steer,
            side_held + steer,
            total(shape.stance_hip, lean, pitch_rate),
            nothing,
            total(shape.stance_ankle, lean, pitch_rate, speed[k]),
            total(shape.stance_roll, tilt, roll_rate),
        ]
        placed = [side_placed, side_placed, total(shape.step, lean, pitch_rate, speed[1 - k]), nothing, nothing, nothing]
        pulled = [abduct - twist, abduct + twist, pitch, nothing, -pitch, -ANKLE_PER_ABDUCTION * abduct]
        still = [sway, sway, shape.hip * one, shape.knee * one, shape.ankle * one, nothing]
        upright = total(shape.stand_side, tilt, roll_rate)
        stood = [
            upright,
            upright,
            shape.stand[0] * one + total(shape.stand_hip, lean, pitch_rate),
            shape.stand[1] * one,
            shape.stand[2] * one + total(shape.stand_ankle, lean, pitch_rate, speed[k]),
            total(shape.stand_roll, tilt, roll_rate),
        ]
        load = [side * shape.push, side * shape.push, shape.lean, -shape.extend, 0.0, 0.0]
        bend = [0.0, 0.0, -shape.hip_lift * shape.lift, shape.lift, -shape.ankle_lift * shape.lift, 0.0]
        curve += bend
        for j in range(6):  # the load is air - sin
            blocks[STANCE].append(0.5 * one - 1.5 * sin)
            blocks[BACK].append(cos - lead * sin)
            blocks[AIR].append(sin)
            blocks[HELD].append(held[j] - placed[j])
            blocks[STEPPED].append(placed[j] + still[j] - load[j] * sin)
            blocks[PULLED].append(pulled[j])
            blocks[STOOD].append(stood[j])
            blocks[LIFTED].append(2.0 * lead * bend[j] * cos + load[j] * one)
    return torch.stack([row for block in blocks for row in block]).float(), torch.tensor(curve)
