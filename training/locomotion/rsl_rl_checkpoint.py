"""RSL-RL checkpoints, ours and those of others, read without running anything that stands in them."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import torch
from torch import nn

from arbiter.errors import ConfigError

EPS = 1e-2  # of rsl_rl's EmpiricalNormalization
ACTIVATIONS = {"elu": nn.ELU, "relu": nn.ReLU, "tanh": nn.Tanh}


class Normalizer(nn.Module):
    """(x - mean) / (std + eps)."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, mean: torch.Tensor, std: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean.reshape(1, -1).float())
        self.register_buffer("std", std.reshape(1, -1).float() + EPS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x - self.mean) / self.std


def read_checkpoint(path: Path) -> dict:
    """The dictionary in a `.pt` file, by weights-only loading. Raises ConfigError for anything else."""
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such checkpoint") from error
    except pickle.UnpicklingError as error:
        raise ConfigError(
            f"{path}: holds more than weights, which is refused (it could run code); save it again with rsl_rl's runner.save"
        ) from error
    except (RuntimeError, EOFError, OSError, zipfile.BadZipFile, KeyError) as error:
        raise ConfigError(f"{path}: is not a readable PyTorch checkpoint: {error}") from error
    if not isinstance(found, dict):
        raise ConfigError(f"{path}: holds a {type(found).__name__}; an RSL-RL checkpoint is a dictionary")
    return found


def actor_weights(found: dict, path: Path) -> dict[str, torch.Tensor]:
    """Weights of the actor under rsl_rl 5's names ("mlp.0.weight", "obs_normalizer._mean"), also out of the
    single model that rsl_rl 2 to 4 (Isaac Lab) saves as "model_state_dict" with "actor.0.weight"."""
    if "actor_state_dict" in found:
        return found["actor_state_dict"]
    if "model_state_dict" in found:
        renamed = {}
        for key, value in found["model_state_dict"].items():
            if key.startswith("actor."):
                renamed["mlp." + key.removeprefix("actor.")] = value
            elif key.startswith("actor_obs_normalizer."):
                renamed["obs_normalizer." + key.removeprefix("actor_obs_normalizer.")] = value
        if "obs_norm_state_dict" in found:
            renamed |= {"obs_normalizer." + key: value for key, value in found["obs_norm_state_dict"].items()}
        return renamed
    raise ConfigError(
        f"{path}: has {', '.join(sorted(map(str, found))) or 'nothing'}; an RSL-RL checkpoint has "
        "'actor_state_dict' (rsl_rl 5) or 'model_state_dict' (before)"
    )


def load_actor(path: Path, observations: int, actions: int, activation: str = "elu") -> nn.Sequential:
    """Normaliser and network of a checkpoint. Raises ConfigError unless it maps `observations` to `actions` values."""
    weights = actor_weights(read_checkpoint(path), path)
    layers = sorted(int(key.split(".")[1]) for key in weights if key.startswith("mlp.") and key.endswith(".weight"))
    if not layers:
        raise ConfigError(f"{path}: its actor has no layers 'mlp.N.weight'; only plain MLP policies can be exported")
    shapes = [tuple(weights[f"mlp.{k}.weight"].shape) for k in layers]
    if (shapes[0][1], shapes[-1][0]) != (observations, actions):
        raise ConfigError(
            f"{path}: maps {shapes[0][1]} observations to {shapes[-1][0]} actions; this task has {observations} and {actions}"
        )
    modules: list[nn.Module] = []
    if "obs_normalizer._mean" in weights:
        modules.append(Normalizer(weights["obs_normalizer._mean"], weights["obs_normalizer._std"]))
    for k, (rows, columns) in zip(layers, shapes, strict=True):
        layer = nn.Linear(columns, rows)
        layer.load_state_dict({"weight": weights[f"mlp.{k}.weight"], "bias": weights[f"mlp.{k}.bias"]})
        modules += [layer, ACTIVATIONS[activation]()]
    network = nn.Sequential(*modules[:-1])
    if not all(torch.isfinite(p).all() for p in network.state_dict().values()):
        raise ConfigError(f"{path}: its actor holds values that are not finite; take an earlier checkpoint")
    return network
