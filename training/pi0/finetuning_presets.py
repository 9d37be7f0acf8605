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
class TinyTraining:
    """Hyper-parameters.

    Attributes:
        steps: Number of updates.
        pretrain: Updates of vision pretraining before them, see `training.pi0.pretrain_vision`.
        auxiliary_weight: Weight of its losses beside the flow-matching loss afterwards; 0: none.
        touch_fraction: Fraction of the samples that show a touch; see `sampling_probabilities`.
        batch: Observations per update.
        flow_samples: Samples of noise and time per observation.
        rate: Peak learning rate; it rises over `warmup` updates and falls to zero over the fraction `decay` at the end.
        average: Decay of the exponential moving average of the weights, which is what is saved.
        weight_decay: Of AdamW.
        clip: Largest norm of the gradient.
        state_noise: Standard deviation of the noise on the normalised state of a rhythmic skill, which is driven by its own
            motion.
        goal_noise: The same for skills with a goal, on positions and velocities. In a demonstration the motion reveals the
            goal; without strong noise a network continues its motion and ignores the picture.
        shift: Largest shift of a picture, as a fraction of its side.
        colour: Largest change of brightness and colour.
        symmetry: Fraction of mirrored demonstrations, and of those with permuted colours.
        held_out: Fraction of the episodes held out for evaluation.
        patience: Evaluations without a lower held-out loss that stop the run (0: never).
        every: Updates between evaluations and checkpoints.
        seed: Seed of all random generators.
        threads: CPU threads.
        focus, focused: A task that is being taught beside others, and the fraction of the samples that show it.
    """

    steps: int = 6000
    pretrain: int = 2000
    auxiliary_weight: float = 1.0
    touch_fraction: float = 0.4
    batch: int = 32
    flow_samples: int = 2
    rate: float = 1e-3
    warmup: int = 100
    decay: float = 0.5
    average: float = 0.998
    weight_decay: float = 0.01
    clip: float = 1.0
    state_noise: float = 0.1
    goal_noise: tuple[float, float] = (0.3, 2.0)
    shift: float = 0.0
    colour: float = 0.1
    symmetry: float = 0.5
    held_out: float = 0.04
    patience: int = 0
    every: int = 500
    seed: int = 0
    threads: int = 1
    focus: str = ""
    focused: float = 0.0

    def scale(self, step: int) -> float:
        """Learning rate of `step` as a fraction of the peak: warm up, stay, decay."""
        left = (self.steps - step) / max(1.0, self.decay * self.steps)
        return min(1.0, (step + 1) / max(1, self.warmup), max(left, 0.0))


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
