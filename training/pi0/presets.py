"""What a fine-tuning run is: presets with the integration guide's hyper-parameters, each of which can be overridden."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

from arbiter.errors import ConfigError

Variant = Literal["pi0", "pi05", "pi0_fast"]
VARIANTS = ("pi0", "pi05", "pi0_fast")
BASES = {"pi0": "lerobot/pi0_base", "pi05": "lerobot/pi05_base", "pi0_fast": "lerobot/pi0fast-base"}


@dataclass(frozen=True, slots=True)
class FineTuning:
    """One run of LeRobot's trainer.

    Attributes:
        variant: Which π0.
        epochs: Passes over the demonstrations; `steps` > 0 overrides it.
        batch: Observations per process and update.
        rate, warmup: Peak learning rate, and updates until it is reached; it falls along a cosine to a tenth.
        betas, weight_decay, clip: Of AdamW; largest norm of a gradient.
        rank, alpha: Of LoRA; rank 0: no adapter, the weights themselves are trained.
        expert_only: Trains the action expert and its projections, not the language model.
        freeze_vision: Leaves the vision tower as it is.
        bf16: Computes in bfloat16.
        checkpointing: Recomputes activations in the backward pass: less memory, a third more time.
        eight_bit: Keeps the optimiser's moments in 8 bits (bitsandbytes).
        fsdp: Shards weights, gradients and moments over the processes of torchrun.
        held_out: Share of each instruction's episodes that is never trained on.
        every: Updates between evaluations on them, and between checkpoints.
        patience: Evaluations without a better loss that end the run (0: never).
    """

    variant: Variant = "pi0"
    epochs: float = 100.0
    steps: int = 0
    batch: int = 16
    rate: float = 5e-5
    warmup: int = 500
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.01
    clip: float = 1.0
    rank: int = 0
    alpha: int = 0
    expert_only: bool = False
    freeze_vision: bool = False
    bf16: bool = True
    checkpointing: bool = False
    eight_bit: bool = False
    fsdp: bool = False
    held_out: float = 0.1
    every: int = 1000
    patience: int = 5
    workers: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise ConfigError(f"variant {self.variant!r} is unknown; there are: {', '.join(VARIANTS)}")
        if self.rank and self.fsdp:
            raise ConfigError("fsdp shards full weights; LoRA fits one GPU: take the preset `lora` without --fsdp")
        if self.rank and self.variant == "pi0_fast":
            raise ConfigError(
                "LeRobot names no weights of pi0_fast for LoRA to adapt; take the preset full, or openpi's berkeley_pi0_fast_lora"
            )
        if self.eight_bit and self.fsdp:
            raise ConfigError("bitsandbytes' 8-bit moments cannot be sharded by FSDP; leave --eight-bit out")

    def total_steps(self, frames: int, processes: int) -> int:
        """Updates of the run for a set of `frames`."""
        return self.steps or max(1, round(self.epochs * frames / (self.batch * processes)))


PRESETS: dict[str, FineTuning] = {
    "lora": FineTuning(rank=16, alpha=32),
    "full": FineTuning(batch=32, checkpointing=True),
    "fsdp": FineTuning(batch=16, checkpointing=True, fsdp=True),
}


def preset(name: str, **overrides) -> FineTuning:
    """The preset `name` with those `overrides` that are not None."""
    if name not in PRESETS:
        raise ConfigError(f"preset {name!r} is unknown; there are: tiny, {', '.join(PRESETS)}")
    return dataclasses.replace(PRESETS[name], **{key: value for key, value in overrides.items() if value is not None})
