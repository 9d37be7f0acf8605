"""The state of a CpuEnv, so that a resumed run continues exactly."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import torch
from tensordict import TensorDict

from arbiter.errors import ConfigError
from training.locomotion import velocity_commands

if TYPE_CHECKING:
    from training.locomotion.cpu_env import CpuEnv

ARRAYS = ("physics", "sensors", "model_of")
LIMITER = ("target", "step", "requested_distance", "sent_distance")
TENSORS = ("latency_steps", "wrench", "episode_length_buf")


def capture(env: CpuEnv) -> dict:
    """Everything that the next step depends on, except the random generators."""
    return {
        "seed": env.seed,
        "arrays": {name: torch.from_numpy(getattr(env, name).copy()) for name in ARRAYS},
        "state": {field.name: getattr(env.state, field.name).clone() for field in fields(env.state)},
        "kept": {name: getattr(env, name).clone() for name in TENSORS},
        "commands": {name: getattr(env.commands, name).clone() for name in velocity_commands.TENSORS},
        "limiter": {name: getattr(env.limiter, name).clone() for name in LIMITER},
        "sums": {name: total.clone() for name, total in env.sums.items()},
        "observations": {name: env.observations[name].clone() for name in ("actor", "critic")},
    }


def restore(env: CpuEnv, found: dict) -> None:
    """Restores what `capture` returned. Raises ConfigError if it comes from another number of robots or another seed."""
    if (n := len(found["state"]["height"])) != env.num_envs:
        raise ConfigError(f"checkpoint: it was made with {n} robots, this run has {env.num_envs}; resume with --envs {n}")
    if found["seed"] != env.seed:  # the randomised models were sampled with it
        raise ConfigError(
            f"checkpoint: it was made with seed {found['seed']}, this run has {env.seed}; resume with --seed {found['seed']}"
        )
    for name, value in found["arrays"].items():
        getattr(env, name)[:] = value.numpy()
    for name, value in found["state"].items():
        setattr(env.state, name, value.clone())
    for name, value in found["kept"].items():
        setattr(env, name, value.clone())
    for name, value in found["commands"].items():
        setattr(env.commands, name, value.clone())
    for name, value in found["limiter"].items():
        setattr(env.limiter, name, value.clone())
    env.sums = {name: total.clone() for name, total in found["sums"].items()}
    env.observations = TensorDict(dict(found["observations"]), batch_size=[env.num_envs])
