"""training.pi0.finetune with FSDP over CPU processes, which torch can do but Accelerate does not offer: a program for a test."""

import accelerate.state as state
import torch
from lerobot.scripts import lerobot_train
from torch.distributed import fsdp
from torch.utils._pytree import tree_map_only

from training.pi0 import finetune

_start, _config, _gather = state.AcceleratorState.__init__, fsdp.FullStateDictConfig, lerobot_train.gather_fsdp_state_dicts


def start(self, *args, fsdp_plugin=None, **options) -> None:
    """Accelerate's state, sharded wherever a plugin for it is given."""
    _start(self, *args, fsdp_plugin=fsdp_plugin, **options)
    if fsdp_plugin is not None:
        for one in (state.PartialState(), self):
            one.distributed_type, one.device = state.DistributedType.FSDP, torch.device("cpu")
        self.fsdp_plugin = fsdp_plugin


def stay(**options) -> fsdp.FullStateDictConfig:
    """Weights that are gathered stay where they are: torch frees what it moves from the CPU to the CPU, and then reads it."""
    return _config(**{**options, "offload_to_cpu": False})


def gather(model, optimizer) -> tuple[dict, dict]:
    """Moments of their own: the way from a GPU copies them, on a CPU they are views of one buffer, which cannot be saved."""
    weights, moments = _gather(model, optimizer)
    return weights, tree_map_only(torch.Tensor, torch.clone, moments)


if __name__ == "__main__":
    state.AcceleratorState.__init__, fsdp.FullStateDictConfig = start, stay
    lerobot_train.gather_fsdp_state_dicts = gather
    finetune.main()
