"""Set-up around LeRobot's training loop: processes, sharding, and early stopping by the held-out loss."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import torch

from arbiter.errors import ConfigError
from training.pi0.finetuning_presets import FineTuning


class EarlyStop(Exception):
    """The held-out loss has stopped falling."""


@dataclass
class EarlyStopping:
    """Follows the held-out loss. `losses`: (step, loss) of every evaluation, kept in `file`."""

    patience: int
    every: int
    file: Path
    losses: list[tuple[int, float]] = field(default_factory=list)

    def resume(self, step: int) -> None:
        """Reads the evaluations of a resumed run up to `step`; those made after that step, before a kill, are dropped."""
        seen = json.loads(self.file.read_text()) if self.file.is_file() else []
        self.losses = [(at, loss) for at, loss in seen if at <= step]

    def write(self) -> None:
        self.file.write_text(json.dumps(self.losses) + "\n")

    def add(self, loss: float) -> None:
        """Takes the loss of the next evaluation. Raises EarlyStop after `patience` evaluations without a better one."""
        self.losses.append((self.every * (len(self.losses) + 1), loss))
        best = min(range(len(self.losses)), key=lambda i: self.losses[i][1])
        if self.patience and len(self.losses) - 1 - best >= self.patience:
            raise EarlyStop(
                f"the held-out loss has not fallen below {self.losses[best][1]:.4f} for {self.patience} "
                f"evaluations; the best checkpoint is that of step {self.losses[best][0]}"
            )


def make_accelerator(options: FineTuning, device: str, early_stopping: EarlyStopping):
    """LeRobot's Accelerator, with FSDP where the options ask for it; the mean held-out loss goes to `early_stopping`."""
    from accelerate import Accelerator, FullyShardedDataParallelPlugin
    from accelerate.utils import DistributedDataParallelKwargs, DistributedType

    class Watched(Accelerator):
        """LeRobot averages the held-out loss over the processes while the policy is in evaluation mode."""

        def __init__(self, **options) -> None:
            super().__init__(**options)
            # Kept until the run is over: when DDP's reducer is the last to let go of gloo's process group, torch 2.11
            # joins its threads with the GIL held, and one that still frees the last barrier's tensors waits for the GIL.
            self.group = torch.distributed.group.WORLD if self.num_processes > 1 else None

        def reduce(self, tensor, reduction="sum", scale=1.0):
            value = super().reduce(tensor, reduction, scale)
            if self._models and not self._models[0].training:
                try:
                    early_stopping.add(float(value))
                finally:
                    if self.is_main_process:
                        early_stopping.write()
            return value

    plugin = None
    if options.fsdp:
        # LeRobot's forward pass reaches into the layers, past the hooks of layers wrapped one by one: wrap the whole.
        plugin = FullyShardedDataParallelPlugin(
            auto_wrap_policy="no_wrap", use_orig_params=True, state_dict_type="FULL_STATE_DICT"
        )
    found = Watched(
        step_scheduler_with_optimizer=False,
        mixed_precision="bf16" if options.bf16 else "no",
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
        cpu=device == "cpu",
        fsdp_plugin=plugin,
    )
    if options.fsdp and found.distributed_type != DistributedType.FSDP:  # Accelerate would silently not shard
        raise ConfigError(
            f"fsdp shards over several GPUs, and this is {found.num_processes} process on {found.device}: "
            "start it with torchrun on more than one GPU, or take the preset full"
        )
    return found
