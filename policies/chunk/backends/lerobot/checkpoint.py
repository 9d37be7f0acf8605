"""Checkpoints of LeRobot's policies: saving, and loading that fails instead of going on with random weights.

LeRobot's own `PI0Policy.from_pretrained` prints a warning and returns random weights when a file does not fit; here a
missing, unexpected or mis-shaped weight is an error. Layout of a folder: LeRobot's files (config.json,
model.safetensors, policy_preprocessor.json, policy_postprocessor.json and their statistics), plus `tokenizer/` where
the tokenizer is not the public PaliGemma one, `action_tokenizer/` where π0-FAST's is a local one and `tiny.json` where the
sizes are not LeRobot's.
"""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from arbiter.errors import ConfigError, PolicyError
from policies.chunk.backends.lerobot.allowed import ADAPTER, PI0, check_checkpoint, read
from policies.chunk.backends.lerobot.fast import own_code_only
from policies.chunk.backends.lerobot.tiny import TinySpec, load_spec, tiny_sizes
from policies.chunk.backends.lerobot.tokenizers import (
    TOKENIZER,
    keep_tokenizers,
    local_tokenizer,
    locate_tokenizers,
    named_tokenizers,
    tokenizer_overrides,
)

FROM_ELSEWHERE = {"pretrained_backbone_weights": None, "load_vlm_weights": False}
GROWING = ("state_proj.weight", "action_in_proj.weight", "action_out_proj.weight", "action_out_proj.bias")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A loaded checkpoint.

    Attributes:
        policy: LeRobot's policy, in evaluation mode.
        before, after: LeRobot's processors: raw observation to model input, model output to joint targets [rad].
        spec: Sizes of a tiny policy; None: LeRobot's own.
        folder: Where it came from.
    """

    policy: Any
    before: Any
    after: Any
    spec: TinySpec | None
    folder: Path


def make_processors(config, stats: dict, tokenizer: Path | None = None):
    """New processors of a policy's config with the statistics `stats`; `tokenizer`: folder of a local one."""
    from lerobot.policies import make_pre_post_processors

    tensors = {key: {name: torch.as_tensor(value) for name, value in entry.items()} for key, entry in stats.items()}
    with local_tokenizer(tokenizer):
        return make_pre_post_processors(policy_cfg=config, dataset_stats=tensors)


def statistics(before) -> dict[str, dict]:
    """The statistics in a pre-processor, by feature, as arrays."""
    normaliser = next(step for step in before.steps if hasattr(step, "norm_map"))
    return {
        key: {name: torch.as_tensor(value).cpu().numpy() for name, value in entry.items()}
        for key, entry in normaliser._tensor_stats.items()
    }


def save(folder: Path, policy, before, after, spec: TinySpec | None = None, tokenizer: Path | None = None) -> None:
    """Writes a checkpoint that `load` reads back anywhere: the tokenizer travels with it."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    policy.save_pretrained(folder)
    before.save_pretrained(folder)
    after.save_pretrained(folder)
    if spec is not None:
        spec.save(folder)
    keep_tokenizers(folder, tokenizer)


def fit_weights(weights: dict[str, Tensor], policy, grow: bool = True) -> dict[str, Tensor]:
    """Checkpoint weights under the policy's own names and shapes.

    Takes LeRobot's names and those of openpi's conversion script (without the leading `model.`). With `grow`, input
    and output projections for fewer dimensions than this robot has are widened with zeros: on a state padded with
    zeros the output is exactly what it was.
    """
    own = policy.state_dict()
    fitted = {}
    with without_false_alarm():
        renamed = policy._fix_pytorch_state_dict_keys(weights, policy.config)
    for key, value in renamed.items():
        key = key if key.startswith("model.") else f"model.{key}"
        wanted = own.get(key)
        if wanted is not None and grow and key.endswith(GROWING) and value.shape != wanted.shape:
            if any(have > want for have, want in zip(value.shape, wanted.shape, strict=True)):
                raise ConfigError(
                    f"weight {key}: the checkpoint has {tuple(value.shape)}, the policy only "
                    f"{tuple(wanted.shape)}; raise max_state_dim or max_action_dim"
                )
            grown = torch.zeros_like(wanted)
            grown[tuple(slice(0, size) for size in value.shape)] = value.to(grown.dtype)
            value = grown
        fitted[key] = value
    for key in own:  # tied in Gemma, and so dropped by some conversions; π0-FAST speaks through it
        words = key.replace("lm_head", "model.language_model.embed_tokens")
        if key.endswith("lm_head.weight") and key not in fitted and words in fitted:
            fitted[key] = fitted[words]
    return fitted


@contextlib.contextmanager
def without_false_alarm():
    """LeRobot warns of every picture embedding that it "might need handling", which is the rule; what is missing is an error."""

    def worth_it(record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith("Vision embedding key")

    logger = logging.getLogger()
    logger.addFilter(worth_it)
    try:
        yield
    finally:
        logger.removeFilter(worth_it)


def load_weights(policy, file: Path, grow: bool = True) -> None:
    """Loads safetensors into `policy`. Raises ConfigError naming missing, unexpected and mis-shaped weights."""
    from safetensors.torch import load_file

    if not Path(file).is_file():
        raise ConfigError(f"checkpoint {Path(file).parent}: no {Path(file).name}; is the download complete?")
    kind, weights = policy.config.type, load_file(file)
    fitted = fit_weights(weights, policy, grow) if kind in PI0 else _untied(weights, policy)
    own = policy.state_dict()
    # The vocabulary heads of π0 and π0.5 take no part in predicting actions.
    heads = kind in PI0 and kind != "pi0_fast"
    missing = [key for key in own if key not in fitted and not (heads and key.endswith("lm_head.weight"))]
    unexpected = [key for key in fitted if key not in own]
    shapes = [
        f"{key} {tuple(fitted[key].shape)} instead of {tuple(own[key].shape)}"
        for key in own
        if key in fitted and fitted[key].shape != own[key].shape
    ]
    if missing or unexpected or shapes:

        def some(names: list[str]) -> str:
            return f"{', '.join(names[:3])}{' ...' if len(names) > 3 else ''}" if names else "none"

        raise ConfigError(
            f"checkpoint {file} does not fit {type(policy).__name__}: {len(missing)} missing ({some(missing)}), "
            f"{len(unexpected)} unexpected ({some(unexpected)}), {len(shapes)} of another shape ({some(shapes)}). "
            f"Check the variant and the sizes in config.json{' or tiny.json' if kind in PI0 else ''}"
        )
    unused = {key: torch.zeros_like(own[key]) for key in own if key not in fitted}  # no chance contents of a `blank` policy
    policy.load_state_dict(fitted | unused)


def _untied(weights: dict[str, Tensor], policy) -> dict[str, Tensor]:
    """The weights, and those that share their memory with one of them: a file holds such only once."""
    own = policy.state_dict()
    at = {value.data_ptr(): key for key, value in own.items() if key in weights and value.numel()}
    shared = {key: weights[at[value.data_ptr()]] for key, value in own.items() if key not in weights and value.data_ptr() in at}
    return weights | {key: value for key, value in shared.items() if value.shape == own[key].shape}


def decoder(policy):
    """In place of LeRobot's decoder of π0-FAST's tokens, which fills in zeros for what is no chunk.

    Zeros are the mean posture of the demonstrations. This one raises PolicyError. It gives chunks in normalised units,
    shape (B, T, A).
    """
    from scipy.fft import idct

    coder, shape = policy.action_tokenizer, (policy.config.chunk_size, policy.config.output_features["action"].shape[0])

    def decode(said: list[Tensor], **_) -> np.ndarray:
        chunks = []
        for tokens in said:
            known = ((tokens >= 0) & (tokens < len(coder.bpe_tokenizer))).all()
            text = coder.bpe_tokenizer.decode(tokens) if known else ""
            numbers = np.array([ord(letter) for letter in text], np.float64) + coder.min_token
            if len(numbers) != shape[0] * shape[1]:
                raise PolicyError(
                    f"{policy.config.type} said {len(numbers)} of the {shape[0] * shape[1]} numbers of a chunk; "
                    "it needs more training, or its own action tokenizer"
                )
            chunks.append(idct(numbers.reshape(shape) / coder.scale, axis=0, norm="ortho"))
        return np.stack(chunks)

    return decode


def construct(config, spec: TinySpec | None, blank: bool = False):
    """A policy of `config` in the sizes of `spec`, with random weights; `blank`: with whatever lies in memory, for
    `load_weights`. Random numbers for 4e9 weights take minutes on a CPU."""
    from lerobot.policies.factory import get_policy_class
    from transformers.initialization import no_init_weights

    for name, value in FROM_ELSEWHERE.items():
        if hasattr(config, name):
            setattr(config, name, value)  # all weights are the checkpoint's
    sizes = tiny_sizes(spec, config.type) if spec is not None else contextlib.nullcontext()
    quick = blank and config.type in PI0
    try:
        with sizes, named_tokenizers(config), no_init_weights() if quick else contextlib.nullcontext():
            return get_policy_class(config.type)(config)
    except ImportError as error:  # LeRobot's own line names the library and its extra
        raise ConfigError(f"LeRobot's {config.type}: {str(error).strip().splitlines()[0]}") from error


def load(folder: str | Path, device: str = "cpu", merge: bool = True) -> Checkpoint:
    """Loads a checkpoint folder strictly; a LoRA adapter is applied to its base and, with `merge`, merged into it."""
    folder = Path(folder)
    if not (folder / "config.json").is_file():
        raise ConfigError(
            f"checkpoint {folder}: no config.json; give the folder that holds model.safetensors, such as "
            "RUN/checkpoints/last/pretrained_model"
        )
    check_checkpoint(folder)
    adapter = folder / ADAPTER
    base = folder
    if adapter.is_file():
        base = folder / read(adapter).plain()["base_model_name_or_path"]
        if not base.is_dir():
            raise ConfigError(
                f"checkpoint {folder}: it adapts the base {base}, which is no folder here; set "
                f"base_model_name_or_path in {ADAPTER}"
            )
    from lerobot.configs import PreTrainedConfig
    from lerobot.policies import make_pre_post_processors

    config = PreTrainedConfig.from_pretrained(folder)
    config.device = device
    locate_tokenizers(config, base)
    locate_tokenizers(config, folder)
    spec = load_spec(base)
    policy = construct(config, spec, blank=True)
    load_weights(policy, base / "model.safetensors")
    if adapter.is_file():
        from peft import PeftModel

        policy = PeftModel.from_pretrained(policy, str(folder))
        policy = policy.merge_and_unload() if merge else policy
    overrides: dict[str, dict] = {"device_processor": {"device": device}}
    words = next((path / TOKENIZER for path in (folder, base) if (path / TOKENIZER).is_dir()), None)
    overrides |= tokenizer_overrides(config, words)
    with own_code_only():
        before, after = make_pre_post_processors(config, pretrained_path=str(folder), preprocessor_overrides=overrides)
    if config.type == "pi0_fast":
        policy.decode_actions_with_fast = decoder(policy)
    policy.to(device).eval().requires_grad_(False)
    return Checkpoint(policy, before, after, spec, folder)
