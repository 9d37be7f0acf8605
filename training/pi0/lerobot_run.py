"""Fine-tuning over LeRobot's own trainer: strict loading, TensorBoard, early stopping and local tokenizers added.

LeRobot offers no hook for these; the few names of its training script that have to be replaced are replaced in one
place (`hooks`) for the length of a run.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from arbiter.errors import ConfigError
from deploy.robots.description import load_model
from policies.chunk.backends.lerobot import checkpoint
from policies.chunk.backends.lerobot.allowed import check_checkpoint
from policies.chunk.backends.lerobot.interface import write_interface
from policies.chunk.backends.lerobot.tiny import load_spec, tiny_sizes
from policies.chunk.backends.lerobot.tokenizers import (
    TOKENIZER,
    keep_tokenizers,
    local_tokenizer,
    locate_tokenizers,
    named_tokenizers,
    room_for,
    tokenizer_overrides,
)
from training.pi0.data.dataset_columns import check_robot
from training.pi0.data.store import check_version
from training.pi0.early_stopping import EarlyStop, EarlyStopping, make_accelerator
from training.pi0.finetuning_presets import FineTuning
from training.pi0.lerobot_config import build_config
from training.pi0.memory import MIN_RELATIVE_STD, MIN_TARGET_STD, check_there, with_minimum_std


def board(out: Path, wandb_logger):
    """LeRobot's logger interface onto TensorBoard, and on to wandb if asked for."""
    from torch.utils.tensorboard import SummaryWriter

    class Board:
        """Writes every number of the training log to TensorBoard, and to `wandb_logger` if there is one."""

        def __init__(self, cfg) -> None:
            # The writer is opened later: it creates the folder, and other processes still check that it does not exist.
            self._writer: SummaryWriter | None = None
            self._wandb = wandb_logger(cfg) if wandb_logger is not None else None

        def log_dict(self, values: dict, step: int, mode: str = "train") -> None:
            self._writer = self._writer or SummaryWriter(str(out / "tensorboard"))
            for key, value in values.items():
                if isinstance(value, int | float):
                    self._writer.add_scalar(f"{mode}/{key}", value, step)
            self._writer.flush()
            if self._wandb is not None:
                self._wandb.log_dict(values, step, mode)

        def log_policy(self, folder: Path) -> None:
            if self._wandb is not None:
                self._wandb.log_policy(folder)

    return Board


def _widened(options: dict[str, Any]) -> dict[str, Any]:
    """Gives the statistics in the options of LeRobot's processors their minimum; returns the overrides before the model."""
    before_model, after_model = (options.get(f"{name}processor_overrides") or {} for name in ("pre", "post"))
    least = MIN_RELATIVE_STD if getattr(options["policy_cfg"], "use_relative_actions", False) else MIN_TARGET_STD
    if options.get("dataset_stats"):
        options["dataset_stats"] = with_minimum_std(options["dataset_stats"], least)
    for step in (before_model.get("normalizer_processor"), after_model.get("unnormalizer_processor")):
        if step and step.get("stats"):
            step["stats"] = with_minimum_std(step["stats"], least)
    return before_model


@contextlib.contextmanager
def hooks(source: Path, spec, tokenizer: Path | None, meta, out: Path, wandb: bool):
    """Inside this context LeRobot's training script loads strictly and locally, and logs to TensorBoard.

    `source`: the checkpoint that it starts from, for sizes and tokenizers; what it saves has them beside it. `meta`: LeRobot's
    metadata of the data set, whose names and rate it has beside it, too.
    """
    import lerobot.scripts.lerobot_train as script
    from lerobot.policies.factory import get_policy_class

    before = script.make_policy, script.make_pre_post_processors, script.WandBLogger, script.save_checkpoint
    beside = source / TOKENIZER if (source / TOKENIZER).is_dir() else None
    words, tasks = tokenizer or beside, list(meta.tasks.index)

    def make_policy(cfg, **options):
        if cfg.pretrained_path:
            locate_tokenizers(cfg, Path(cfg.pretrained_path).resolve())  # `last` moves on
        kind, adapter = get_policy_class(cfg.type), cfg.use_peft
        original = kind.from_pretrained

        def strictly(pretrained_name_or_path, *, config, **_):
            folder = Path(pretrained_name_or_path)
            policy = checkpoint.construct(config, load_spec(folder) or spec, blank=True)
            checkpoint.load_weights(policy, folder / "model.safetensors")
            return policy

        kind.from_pretrained = staticmethod(strictly)
        try:
            sizes = tiny_sizes(spec, cfg.type) if spec is not None and not adapter else contextlib.nullcontext()
            with sizes, named_tokenizers(cfg):
                return before[0](cfg=cfg, **options)
        finally:
            kind.from_pretrained = original

    def make_processors(**options):
        before_model = _widened(options)
        if options.get("pretrained_path"):
            check_checkpoint(Path(options["pretrained_path"]))
            options["preprocessor_overrides"] = before_model | tokenizer_overrides(options["policy_cfg"], words)
        with local_tokenizer(words):
            made = before[1](**options)
        check_instructions(made[0], options["policy_cfg"], tasks)
        return made

    def save_checkpoint(checkpoint_dir: Path, **options) -> None:
        before[3](checkpoint_dir=checkpoint_dir, **options)
        folder = checkpoint_dir / "pretrained_model"
        if spec is not None:
            spec.save(folder)
        keep_tokenizers(folder, words)
        write_interface(folder, meta.features, meta.fps)

    script.make_policy, script.make_pre_post_processors = make_policy, make_processors
    script.WandBLogger, script.save_checkpoint = board(out, before[2] if wandb else None), save_checkpoint
    try:
        yield script.train
    finally:
        script.make_policy, script.make_pre_post_processors, script.WandBLogger, script.save_checkpoint = before


def check_instructions(processors, config, tasks: Sequence[str]) -> None:
    """Raises ConfigError for an instruction that LeRobot would silently truncate."""
    for task in tasks:
        count, room = room_for(processors, config, task)
        if count > room:
            raise ConfigError(
                f"instruction {task!r} has {count} tokens, and {config.type} reads {room}; shorten it in the dataset"
            )


def run(
    options: FineTuning,
    dataset: Path,
    base: Path | None,
    out: Path,
    *,
    device: str = "cpu",
    resume: bool = False,
    wandb: bool = False,
    tokenizer: Path | None = None,
    tokenizers: dict[str, str] | None = None,
) -> Path:
    """Runs LeRobot's trainer. Returns the folder of the best checkpoint, or of the last without held-out episodes."""
    from lerobot.datasets import LeRobotDatasetMetadata

    last = out / "checkpoints" / "last" / "pretrained_model"
    if resume and not last.is_dir():
        raise ConfigError(f"{out} holds no checkpoint to go on from; start the run without --resume")
    source = last.resolve() if resume else base and base.resolve()  # LoRA's adapters remember where their base is
    if source is None:
        raise ConfigError(
            "fine-tuning goes on from an existing model: give --checkpoint, such as lerobot/pi0_base downloaded to "
            "a folder, or train a small one from nothing with the preset tiny"
        )
    if not resume and out.exists():
        raise ConfigError(f"{out} exists; choose another --out, or --resume to go on with that run")
    spec = load_spec(source)
    check_there(dataset)
    check_version(dataset)
    early_stopping = EarlyStopping(options.patience, options.every, out / "held_out.json")
    meta = LeRobotDatasetMetadata(f"local/{dataset.name}", root=dataset)
    model = load_model()
    check_robot(meta.features, model.joints, f"dataset {dataset}")
    if meta.fps != model.control_hz:
        raise ConfigError(
            f"dataset {dataset}: {meta.fps} frames a second, and chunks are played at {model.control_hz:g}; resample "
            f"it: python -m training.pi0.data.convert {dataset} NEW --to dataset --rate {model.control_hz:g}"
        )
    config = build_config(options, dataset, meta, source, out, device, resume, tokenizers or {})
    arguments = sys.argv
    sys.argv = arguments[:1]
    if resume:
        sys.argv = [arguments[0], f"--config_path={last / 'train_config.json'}"]
        early_stopping.resume(int(source.parent.name))
    try:
        accelerator = make_accelerator(options, device, early_stopping)
        with hooks(source, spec, tokenizer, meta, out, wandb) as train:
            train(config, accelerator)
    except EarlyStop as reason:
        print(f"stopped early: {reason}")
        accelerator.end_training()
    finally:
        sys.argv = arguments
    if accelerator.is_main_process:
        _finish(out, early_stopping)
    return out / "checkpoints" / ("best" if early_stopping.losses else "last") / "pretrained_model"


def _finish(out: Path, early_stopping: EarlyStopping) -> None:
    """Points `best` at the checkpoint with the lowest loss."""
    steps = sorted(path for path in (out / "checkpoints").iterdir() if path.is_dir() and not path.is_symlink())
    if early_stopping.losses and steps:
        best = min(early_stopping.losses, key=lambda pair: pair[1])[0]
        link = out / "checkpoints" / "best"
        link.unlink(missing_ok=True)
        link.symlink_to(min(steps, key=lambda path: abs(int(path.name) - best)).name)


def device_of(wanted: str) -> str:
    """ "auto": the GPU if there is one."""
    if wanted != "auto":
        return wanted
    return "cuda" if torch.cuda.is_available() else "cpu"
