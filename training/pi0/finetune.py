"""Fine-tunes π0 on this robot's demonstrations.

    python -m training.pi0.finetune --preset tiny --dataset data/pi0 --out runs/tiny
    python -m training.pi0.finetune --preset lora --checkpoint models/pi0_base --dataset data/pi0 --out runs/lora
    python -m torch.distributed.run --nproc_per_node=4 -m training.pi0.finetune --preset fsdp \\
        --checkpoint models/pi0_base --dataset data/pi0 --out runs/full

`tiny` trains a π0 of a few hundred thousand weights from nothing on the CPU; the others fine-tune a checkpoint with
LeRobot's trainer. Every default is the integration guide's; see docs/how-to/fine-tune-pi0.md for memory and time.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path

import numpy as np

from arbiter.errors import ConfigError, in_one_line


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--preset", choices=("tiny", "lora", "full", "fsdp"), default="tiny")
    p.add_argument(
        "--dataset",
        type=Path,
        nargs="+",
        required=True,
        help="LeRobotDataset folders; tiny also takes the .npz files of `training.pi0.data.cache`",
    )
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--checkpoint", type=Path, help="what to start from; tiny: go on training that tiny policy")
    p.add_argument("--variant", choices=("pi0", "pi05", "pi0_fast"))
    p.add_argument("--device", default="auto")
    p.add_argument("--resume", action="store_true", help="go on with the run in --out")
    p.add_argument("--wandb", action="store_true", help="log to Weights & Biases too")
    p.add_argument("--seed", type=int)
    p.add_argument("--steps", type=int)
    p.add_argument("--epochs", type=float)
    p.add_argument("--batch", type=int)
    p.add_argument("--rate", type=float, help="peak learning rate")
    p.add_argument("--warmup", type=int)
    p.add_argument("--every", type=int, help="updates between evaluations and checkpoints")
    p.add_argument("--patience", type=int, help="evaluations without a better held-out loss that end the run")
    p.add_argument("--held-out", type=float, help="share of episodes kept from training")
    p.add_argument("--rank", type=int, help="LoRA rank")
    p.add_argument("--alpha", type=int, help="LoRA alpha")
    p.add_argument("--expert-only", action="store_true", default=None)
    p.add_argument("--freeze-vision", action="store_true", default=None)
    p.add_argument("--eight-bit", action="store_true", default=None, help="8-bit optimiser (bitsandbytes)")
    p.add_argument("--bf16", action=argparse.BooleanOptionalAction)
    p.add_argument("--checkpointing", action=argparse.BooleanOptionalAction, help="gradient checkpointing")
    p.add_argument("--workers", type=int, help="processes that load data")
    p.add_argument("--pretrain", type=int, help="tiny: updates of vision pretraining, before --steps")
    p.add_argument("--touch-fraction", type=float, help="tiny: fraction of the samples that show a touch")
    p.add_argument("--flow-samples", type=int, help="tiny: samples of noise and time per observation")
    p.add_argument("--threads", type=int, help="tiny: CPU threads")
    p.add_argument("--tokenizer", type=Path, help="folder of a tokenizer, where PaliGemma's is not to be downloaded")
    p.add_argument("--action-tokenizer", help="pi0_fast: folder or name of the FAST action tokenizer")
    return p


TINY = (
    "steps",
    "pretrain",
    "touch_fraction",
    "batch",
    "rate",
    "warmup",
    "every",
    "patience",
    "held_out",
    "flow_samples",
    "threads",
    "seed",
)
FINE = (
    "variant",
    "steps",
    "epochs",
    "batch",
    "rate",
    "warmup",
    "every",
    "patience",
    "held_out",
    "rank",
    "alpha",
    "expert_only",
    "freeze_vision",
    "eight_bit",
    "bf16",
    "checkpointing",
    "workers",
    "seed",
)
COMMON = {"preset", "dataset", "out", "checkpoint", "device", "resume", "wandb", "tokenizer", "action_tokenizer"}


def chosen(arguments: argparse.Namespace, names: tuple[str, ...]) -> dict:
    """The options of `names` that were given. Raises ConfigError for one that the preset does not have."""
    given = {key: value for key, value in vars(arguments).items() if key not in COMMON and value is not None}
    foreign = sorted(set(given) - set(names))
    if foreign:
        raise ConfigError(
            f"the preset {arguments.preset} has no option --{foreign[0].replace('_', '-')}; it has: "
            f"{', '.join('--' + name.replace('_', '-') for name in names)}"
        )
    own = arguments.device != "auto" or arguments.tokenizer is not None
    if arguments.preset == "tiny" and own:
        raise ConfigError("the preset tiny trains on the CPU with a tokenizer of its own; leave --device and --tokenizer out")
    if arguments.action_tokenizer is not None and arguments.variant != "pi0_fast":
        raise ConfigError("--action-tokenizer is for --variant pi0_fast")
    return given


def fine_tune(arguments: argparse.Namespace) -> Path:
    """The presets lora, full and fsdp."""
    from training.pi0 import lerobot_run
    from training.pi0.presets import preset

    if len(arguments.dataset) != 1:
        raise ConfigError(
            f"the preset {arguments.preset} reads one dataset, {len(arguments.dataset)} were given; "
            "merge them with `lerobot-edit-dataset --operation.type merge`"
        )
    tokenizers = {
        key: str(value)
        for key, value in (("text_tokenizer_name", arguments.tokenizer), ("action_tokenizer_name", arguments.action_tokenizer))
        if value is not None and arguments.variant == "pi0_fast"
    }
    return lerobot_run.run(
        preset(arguments.preset, **chosen(arguments, FINE)),
        arguments.dataset[0],
        arguments.checkpoint,
        arguments.out,
        device=lerobot_run.device_of(arguments.device),
        resume=arguments.resume,
        wandb=arguments.wandb,
        tokenizer=arguments.tokenizer,
        tokenizers=tokenizers,
    )


def train_tiny(arguments: argparse.Namespace) -> Path:
    """The preset tiny."""
    from policies.chunk.backends.lerobot import checkpoint
    from policies.chunk.backends.lerobot.tiny import TinySpec, count, seeded
    from policies.chunk.backends.lerobot.tokenizers import TOKENIZER
    from training.pi0.batches import frame_chances, joint_weights
    from training.pi0.memory import gather
    from training.pi0.tokenizer import train_tokenizer, vocabulary
    from training.pi0.train_tiny import TinyModel, TinyTraining, checkpoint_of, train

    if arguments.wandb:
        raise ConfigError("the preset tiny logs to TensorBoard and log.jsonl only; leave --wandb out")
    options = dataclasses.replace(TinyTraining(), **chosen(arguments, TINY))
    spec, out = TinySpec(), arguments.out
    source = checkpoint_of(out) if arguments.resume else arguments.checkpoint
    if source is not None:
        loaded = checkpoint.load(source)
        if loaded.spec is None:
            raise ConfigError(f"checkpoint {source} is not a tiny π0 (no tiny.json); use the preset lora or full")
        policy, before, after, spec, words = (
            loaded.policy.requires_grad_(True),
            loaded.before,
            loaded.after,
            loaded.spec,
            source / TOKENIZER,
        )
        stats = checkpoint.statistics(before)
    data = gather(arguments.dataset, spec.image)
    if source is None:
        chances = frame_chances(data, np.arange(len(data)), options.touch_fraction)
        stats, words = data.stats(chances), out / TOKENIZER
        words.mkdir(parents=True, exist_ok=True)
        train_tokenizer(vocabulary(data.tasks), words, spec.vocab)
        policy = seeded(spec, options.seed)
        before, after = checkpoint.make_processors(policy.config, stats, words)
    print(
        f"tiny π0: {count(policy):,} weights; {len(data):,} frames of {len(set(data.episode.tolist()))} episodes, "
        f"{len(data.tasks)} instructions"
    )
    model = TinyModel(policy, before, after, stats, spec, words)
    return train(model, data, options, out, weight=joint_weights(data.tasks), resume=arguments.resume)


def main(argv: list[str] | None = None) -> None:
    arguments = parser().parse_args(argv)
    best = train_tiny(arguments) if arguments.preset == "tiny" else fine_tune(arguments)
    print(f"best checkpoint: {best}")


if __name__ == "__main__":
    sys.exit(in_one_line(main))
