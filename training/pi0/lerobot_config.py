"""LeRobot's configuration of a fine-tuning run: the policy as it is trained, data, optimiser, steps."""

from __future__ import annotations

import os
from pathlib import Path

from arbiter.errors import ConfigError
from policies.chunk.backends.lerobot.allowed import check_checkpoint
from policies.chunk.backends.lerobot.tokenizers import DIGITS, FRAME, TOLD, locate_tokenizers
from training.pi0.finetuning_presets import FineTuning

WORDS = 53  # tokens that an instruction may have where the prompt also holds the state


def _policy_config(options: FineTuning, meta, base: Path, device: str, tokenizers: dict[str, str]):
    """LeRobot's configuration of the policy at `base`, as it is trained. Raises ConfigError."""
    import lerobot.policies  # noqa: F401  (it knows a kind of policy by name once this is imported)
    from lerobot.configs import PreTrainedConfig

    if not (base / "config.json").is_file():  # LeRobot would look for it on the hub
        folder = "the folder that holds model.safetensors, such as RUN/checkpoints/last/pretrained_model"
        raise ConfigError(f"checkpoint {base}: no config.json; give {folder}")
    check_checkpoint(base)
    policy = PreTrainedConfig.from_pretrained(base)
    if policy.type != options.variant:
        raise ConfigError(f"checkpoint {base} is {policy.type!r}; --variant says {options.variant!r}")
    policy.pretrained_path, policy.device = base, device
    policy.use_peft = (base / "adapter_config.json").is_file()
    policy.input_features, policy.output_features = {}, {}
    locate_tokenizers(policy, base)
    for name, value in tokenizers.items():
        setattr(policy, name, value)
    policy.push_to_hub, policy.dtype = False, "bfloat16" if options.bf16 else "float32"
    n = meta.features["action"]["shape"][0]
    policy.max_state_dim = max(policy.max_state_dim, meta.features["observation.state"]["shape"][0])
    policy.max_action_dim = max(policy.max_action_dim, n)
    if options.variant in TOLD:
        numbers = DIGITS * meta.features["observation.state"]["shape"][0]
        policy.tokenizer_max_length = max(policy.tokenizer_max_length, numbers + FRAME + WORDS)
    for name, value in (
        ("gradient_checkpointing", options.checkpointing),
        ("train_expert_only", options.expert_only),
        ("freeze_vision_encoder", options.freeze_vision),
    ):
        if hasattr(policy, name):
            setattr(policy, name, value)
        elif value:
            raise ConfigError(f"{options.variant} of this LeRobot has no option {name}")
    return policy


def build_config(
    options: FineTuning, dataset: Path, meta, base: Path, out: Path, device: str, resume: bool, tokenizers: dict[str, str]
):
    """LeRobot's TrainPipelineConfig of the run."""
    from lerobot.configs.default import DatasetConfig, PeftConfig, WandBConfig
    from lerobot.configs.train import TrainPipelineConfig
    from lerobot.optim import CosineDecayWithWarmupSchedulerConfig

    policy = _policy_config(options, meta, base, device, tokenizers)
    steps = options.total_steps(meta.total_frames, int(os.environ.get("WORLD_SIZE", "1")))
    return TrainPipelineConfig(
        dataset=DatasetConfig(
            repo_id=f"local/{dataset.name}", root=str(dataset), video_backend="pyav", eval_split=options.held_out
        ),
        policy=policy,
        output_dir=out,
        resume=resume,
        seed=options.seed,
        num_workers=options.workers,
        batch_size=options.batch,
        steps=steps,
        log_freq=max(1, min(10, options.every)),
        save_freq=options.every,
        eval_steps=options.every if options.held_out else 0,
        env_eval_freq=0,
        use_policy_training_preset=False,
        optimizer=_optimiser(options),
        scheduler=CosineDecayWithWarmupSchedulerConfig(
            num_warmup_steps=options.warmup, num_decay_steps=steps, peak_lr=options.rate, decay_lr=options.rate / 10
        ),
        wandb=WandBConfig(enable=True, disable_artifact=True, project="policy-arbiter"),
        peft=PeftConfig(method_type="LORA", r=options.rank, lora_alpha=options.alpha) if options.rank else None,
    )


def _optimiser(options: FineTuning):
    from lerobot.optim import AdamWConfig

    shared = {"lr": options.rate, "betas": options.betas, "weight_decay": options.weight_decay, "grad_clip_norm": options.clip}
    if not options.eight_bit:
        return AdamWConfig(**shared)
    from training.pi0.eight_bit import AdamW8bitConfig

    return AdamW8bitConfig(**shared)
