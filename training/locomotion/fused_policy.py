"""The deployed policy in a few large operations, because the tick waits for it and small operations dominate its time.

Computes the same as network, symmetry and reference gait one after the other (export compares them): the first layer is
applied to an observation and its mirror image at once, and all of the gait that is linear in the observation is one product.
"""

from __future__ import annotations

import torch
from torch import nn

from training.locomotion import gait
from training.locomotion.gait import ANKLE_PER_ABDUCTION, TWO_PI, GaitConfig
from training.locomotion.rsl_rl_checkpoint import Normalizer
from training.locomotion.symmetry import Mirror, actor_mirror, joint_mirror
from training.locomotion.task import Task


class FusedPolicy(nn.Module):
    """Observation to action, shapes (n, 11 + 3 m) and (n, m).

    Args:
        actor: Normaliser (if any) and layers, as checkpoint.load_actor gives them.
        task: The task it was trained on.
    """

    action_lower: torch.Tensor
    action_upper: torch.Tensor
    curve: torch.Tensor

    def __init__(self, actor: nn.Sequential, task: Task) -> None:
        super().__init__()
        layers = list(actor)
        norm = layers[0] if isinstance(layers[0], Normalizer) else None
        first, *rest = layers if norm is None else layers[1:]
        if not isinstance(first, nn.Linear):
            raise TypeError(f"the actor begins with {type(first).__name__}; a linear layer is expected")
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
        self.register_buffer("action_lower", task.action_lower)
        self.register_buffer("action_upper", task.action_upper)
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
        return torch.minimum(torch.maximum(action, self.action_lower), self.action_upper)


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


def _load(config: GaitConfig, side: float) -> list[float]:
    """What each joint of the loaded leg is moved by [rad]; `side`: 1 left, -1 right."""
    abduction = side * config.stance_abduction
    return [abduction, abduction, config.stance_hip_pitch, -config.stance_knee, 0.0, 0.0]


def _bend(config: GaitConfig) -> list[float]:
    """What each joint of the lifted leg is bent by [rad]."""
    knee = config.knee_lift
    return [0.0, 0.0, -config.hip_lift * knee, knee, -config.ankle_lift * knee, 0.0]


def gait_table(config: GaitConfig, m: int, legs: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """gait.reference as eight blocks of twelve rows over (observation, 1), shape (96, 12 + 3 m), and the factors of
    the squared lift, shape (12,)."""
    width = 11 + 3 * m
    unit = torch.eye(width + 1, dtype=torch.float64)
    forward, lateral, yaw, roll_rate, pitch_rate, yaw_rate, lean, tilt = unit[:8]
    sine, cosine, one = unit[width - 2 :]
    velocity = [unit[9 + m + joint] for joint in legs]
    lean = lean - config.lean_per_speed * forward
    lead = config.lag * TWO_PI / config.period
    speed = [velocity[k + gait.HIP_PITCH] + 0.5 * velocity[k + gait.KNEE] - config.leg_speed[0] * forward for k in (0, 6)]
    aside = [0.7 * (velocity[k + gait.HIP_ROLL] + velocity[k + gait.HIP_YAW]) - config.leg_speed[1] * lateral for k in (0, 6)]
    nothing = torch.zeros_like(one)

    def total(gains: tuple[float, ...], *signals: torch.Tensor) -> torch.Tensor:
        return sum((gain * signal for gain, signal in zip(gains, signals, strict=True)), start=nothing)

    blocks: list[list[torch.Tensor]] = [[] for _ in range(8)]
    curve = []
    for k, side in ((0, 1.0), (1, -1.0)):
        sin, cos = side * sine, side * cosine
        steer = config.yaw_feedback * (yaw - yaw_rate)
        side_held = total(config.stance_side, tilt, roll_rate)
        side_placed = total(config.swing_side, tilt, roll_rate, aside[1 - k])
        pitch, abduct, twist = config.stride * forward, -config.sidestep * lateral, config.turn * yaw
        sway = config.sway[0] * (sine + lead * cosine) + config.sway[1] * (cosine - lead * sine)
        held = [
            side_held - steer,
            side_held + steer,
            total(config.stance_hip, lean, pitch_rate),
            nothing,
            total(config.stance_ankle, lean, pitch_rate, speed[k]),
            total(config.stance_roll, tilt, roll_rate),
        ]
        placed = [side_placed, side_placed, total(config.swing_hip, lean, pitch_rate, speed[1 - k]), nothing, nothing, nothing]
        pulled = [abduct - twist, abduct + twist, pitch, nothing, -pitch, -ANKLE_PER_ABDUCTION * abduct]
        still = [sway, sway, config.hip * one, config.knee * one, config.ankle * one, nothing]
        upright = total(config.stand_side, tilt, roll_rate)
        stood = [
            upright,
            upright,
            config.stand[0] * one + total(config.stand_hip, lean, pitch_rate),
            config.stand[1] * one,
            config.stand[2] * one + total(config.stand_ankle, lean, pitch_rate, speed[k]),
            total(config.stand_roll, tilt, roll_rate),
        ]
        load, bend = _load(config, side), _bend(config)
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
