"""Layers of rsl_rl's actors: whether an MLP, recurrent layers and a normaliser are as rsl_rl makes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from arbiter.errors import ConfigError

GATES = {4: "lstm", 3: "gru"}
EXPORT = (
    "export it with rsl_rl's own runner.export_policy_to_onnx (Isaac Lab: play.py writes exported/policy.onnx), and describe "
    "that file"
)


def some_of(names: list[str]) -> str:
    return ", ".join(names[:6]) + (f" ... ({len(names)})" if len(names) > 6 else "")


def check_mlp(path: Path, weights: Mapping[str, torch.Tensor], layers: list[int]) -> None:
    """Whether its layers are linear ones with one activation between each two."""
    wrong = [f"mlp.{k}.weight" for k in layers if weights[f"mlp.{k}.weight"].dim() != 2 or f"mlp.{k}.bias" not in weights]
    known = {f"mlp.{k}.{part}" for k in layers for part in ("weight", "bias")}
    wrong += sorted(key for key in weights if key.startswith("mlp.") and key not in known)
    if wrong or layers != list(range(0, 2 * len(layers), 2)):
        what = some_of(wrong) or f"linear layers at {', '.join(map(str, layers))}"
        raise ConfigError(f"{path}: its MLP is not linear layers with an activation between each two: {what}; {EXPORT}")
    for k in layers:
        bias, rows = weights[f"mlp.{k}.bias"], weights[f"mlp.{k}.weight"].shape[0]
        if bias.shape != (rows,):
            raise ConfigError(f"{path}: mlp.{k}.bias has the shape {[*bias.shape]}; its layer gives {rows} values")
    for one, two in zip(layers, layers[1:], strict=False):
        rows, columns = weights[f"mlp.{one}.weight"].shape[0], weights[f"mlp.{two}.weight"].shape[1]
        if rows != columns:
            raise ConfigError(f"{path}: mlp.{one} gives {rows} values, mlp.{two} takes {columns}")


def recurrent_kind(path: Path, weights: Mapping[str, torch.Tensor]) -> str:
    """The kind of its recurrent layers."""
    names = sorted(key for key in weights if key.startswith("rnn."))
    if not names:
        return ""
    if "rnn.rnn.weight_ih_l0" not in weights or "rnn.rnn.weight_hh_l0" not in weights:
        raise ConfigError(f"{path}: its recurrent part is no LSTM or GRU of rsl_rl: {some_of(names)}; {EXPORT}")
    rows, size = weights["rnn.rnn.weight_ih_l0"].shape[0], weights["rnn.rnn.weight_hh_l0"].shape[1]
    count = sum(key.startswith("rnn.rnn.weight_ih_l") for key in names)
    known = {f"rnn.rnn.{part}_l{k}" for k in range(count) for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
    kind = GATES.get(rows // size, "") if rows % size == 0 else ""
    if not kind or {*names} != known or weights["mlp.0.weight"].shape[1] != size:
        odd = some_of(sorted({*names} ^ known) or names)
        raise ConfigError(f"{path}: its recurrent part is no LSTM or GRU of rsl_rl: {odd}; {EXPORT}")
    return kind


def check_normaliser(path: Path, weights: Mapping[str, torch.Tensor], observations: int) -> None:
    names = {key for key in weights if key.startswith("obs_normalizer.")}
    known = {f"obs_normalizer.{part}" for part in ("_mean", "_var", "_std", "count")}
    if names and not ({"obs_normalizer._mean", "obs_normalizer._std"} <= names <= known):
        raise ConfigError(f"{path}: its normaliser is not rsl_rl's EmpiricalNormalization: {some_of(sorted(names))}; {EXPORT}")
    if names and weights["obs_normalizer._mean"].numel() != observations:
        raise ConfigError(
            f"{path}: its normaliser has {weights['obs_normalizer._mean'].numel()} values, the network reads {observations}"
        )
