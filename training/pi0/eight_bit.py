"""AdamW with its moments in 8 bits, for LeRobot's trainer: a quarter of the optimiser's memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from lerobot.optim import AdamWConfig, OptimizerConfig

from arbiter.errors import ConfigError
from arbiter.extras import needed


@OptimizerConfig.register_subclass("adamw_8bit")
@dataclass
class AdamW8bitConfig(AdamWConfig):
    """bitsandbytes' AdamW8bit."""

    def build(self, params):
        try:
            from bitsandbytes.optim import AdamW8bit
        except ImportError as error:
            raise ConfigError(f"the 8-bit optimiser {needed('bitsandbytes')}; or leave --eight-bit out") from error
        return saved(AdamW8bit)(params, lr=self.lr, betas=self.betas, eps=self.eps, weight_decay=self.weight_decay)


def saved(kind: Any) -> Any:
    """The optimiser `kind` with a state of tensors only, none of them shared: what safetensors writes."""

    class Saved(kind):
        def state_dict(self):
            found = super().state_dict()
            return found | {"state": {key: tensors(one) for key, one in found["state"].items()}}

        def load_state_dict(self, state_dict, *options):
            state = {
                key: {name: int(value) if name == "step" else value for name, value in one.items()}
                for key, one in state_dict["state"].items()
            }
            super().load_state_dict(state_dict | {"state": state}, *options)

    return Saved


def tensors(state: dict) -> dict[str, torch.Tensor]:
    """One weight's optimiser state, flattened: bitsandbytes nests part of it in a dictionary, to hide it from FSDP."""
    found = {}
    for name, value in state.items():
        found |= (
            tensors(value)
            if isinstance(value, dict)
            else {name: value.clone() if torch.is_tensor(value) else torch.tensor(value)}
        )
    return found
