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

from arbiter.errors import ConfigError
from deploy.cli.command import CommandParser, in_one_line
from deploy.cli.options import seed
from training.pi0.finetuning_presets import PRESETS, VARIANTS, FineTuning, TinyTraining


def parser() -> argparse.ArgumentParser:
    """The command line; an option that is left out has its preset's value."""
    p = CommandParser("training.pi0.finetune", description=__doc__)
    p.add_argument(
        "--preset",
        choices=("tiny", *PRESETS),
        default="tiny",
        help="tiny: a small network on the CPU; lora: adapters; full: all weights; fsdp: all weights, sharded over GPUs",
    )
    p.add_argument(
        "--dataset",
        type=Path,
        nargs="+",
        required=True,
        help="LeRobotDataset folders; tiny also takes the .npz files of training.pi0.data.cache",
    )
    p.add_argument("--out", type=Path, required=True, help="folder of the run")
    p.add_argument("--checkpoint", type=Path, help="checkpoint to start from (default for tiny: a new network)")
    p.add_argument("--device", default="auto", help="cpu, cuda, or auto: a GPU if there is one")
    p.add_argument("--resume", action="store_true", help="continue the run in --out from its last checkpoint")
    p.add_argument("--wandb", action="store_true", help="log to Weights & Biases too")
    p.add_argument("--tokenizer", type=Path, help="folder of a tokenizer (default: PaliGemma's, which is downloaded)")
    p.add_argument("--action-tokenizer", help="pi0_fast: folder or name of the FAST action tokenizer")
    for name, kind, text in OPTIONS:
        p.add_argument(f"--{name.replace('_', '-')}", type=kind, help=f"{text} ({preset_values(name)})")
    for name, text in SWITCHES:
        p.add_argument(
            f"--{name.replace('_', '-')}", action=argparse.BooleanOptionalAction, help=f"{text} ({preset_values(name)})"
        )
    p.add_argument("--variant", choices=VARIANTS, help=f"which π0 ({preset_values('variant')})")
    return p


OPTIONS = (
    ("seed", seed, "seed of all random generators"),
    ("steps", int, "number of updates; 0: as many as --epochs needs"),
    ("epochs", float, "passes over the demonstrations"),
    ("batch", int, "observations per update and process"),
    ("rate", float, "peak learning rate"),
    ("warmup", int, "updates until the peak learning rate"),
    ("every", int, "updates between evaluations and checkpoints"),
    ("patience", int, "evaluations without a lower held-out loss that end the run; 0: never"),
    ("held_out", float, "fraction of the episodes held out from training"),
    ("rank", int, "rank of LoRA's adapters; 0: the weights themselves"),
    ("alpha", int, "scale of LoRA's adapters"),
    ("workers", int, "processes that load data"),
    ("pretrain", int, "updates of vision pretraining before --steps"),
    ("touch_fraction", float, "fraction of the samples that show a touch"),
    ("flow_samples", int, "samples of noise and time per observation"),
    ("threads", int, "CPU threads"),
)
SWITCHES = (
    ("expert_only", "train the action expert and its projections only"),
    ("freeze_vision", "leave the vision tower as it is"),
    ("eight_bit", "optimiser's moments in 8 bits (bitsandbytes)"),
    ("bf16", "compute in bfloat16"),
    ("checkpointing", "recompute activations in the backward pass, to save memory"),
)


def preset_values(name: str) -> str:
    """The values of an option in the presets that have it."""
    presets = {"tiny": TinyTraining(), **PRESETS}
    values = {preset: getattr(options, name) for preset, options in presets.items() if hasattr(options, name)}
    if len(set(values.values())) == 1:
        value = next(iter(values.values()))
        return f"{', '.join(values) if len(values) < len(presets) else 'default'}: {value}"
    return ", ".join(f"{preset}: {value}" for preset, value in values.items())


NAMES = ("variant", *(name for name, _, _ in OPTIONS), *(name for name, _ in SWITCHES))
TINY = tuple(name for name in NAMES if name in TinyTraining.__slots__)
FINE = tuple(name for name in NAMES if name in FineTuning.__slots__)
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
    from training.pi0.finetuning_presets import preset

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
    import numpy as np

    from policies.chunk.backends.lerobot import checkpoint
    from policies.chunk.backends.lerobot.tiny import TinySpec, count, seeded
    from policies.chunk.backends.lerobot.tokenizers import TOKENIZER
    from training.pi0.batches import joint_weights, sampling_probabilities
    from training.pi0.memory import gather
    from training.pi0.tokenizer import train_tokenizer, vocabulary
    from training.pi0.train_tiny import TinyModel, checkpoint_of, train

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
        chances = sampling_probabilities(data, np.arange(len(data)), options.touch_fraction)
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
    return train(model, data, options, out, weight=joint_weights(data.tasks, data=data), resume=arguments.resume)


def main(argv: list[str] | None = None) -> None:
    arguments = parser().parse_args(argv)
    best = train_tiny(arguments) if arguments.preset == "tiny" else fine_tune(arguments)
    print(f"best checkpoint: {best}")


if __name__ == "__main__":
    sys.exit(in_one_line(main))
