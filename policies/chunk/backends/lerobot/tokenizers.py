"""Tokenizers of π0: taken from a local folder where the public one is gated, kept beside a checkpoint, named when they are
missing; and how much of an instruction the model reads."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path
from typing import Any

from arbiter.errors import ConfigError
from policies.chunk.backends.lerobot.fast import own_code_only

TOKENIZER, ACTION_TOKENIZER = "tokenizer", "action_tokenizer"
TOLD = {"pi05", "pi0_fast"}  # read the state as numbers of 0 to 255 in their prompt
DIGITS = 4  # tokens of such a number at most: PaliGemma's tokenizer splits digits, and the space is one more
FRAME = 11  # tokens of "Task: , State: ;\nAction: " and of the beginning
VLM = "vlm"
# In π0-FAST's config; in SmolVLA's, whose language model's sizes and tokenizer are LeRobot's to look up.
NAMES = {"text_tokenizer_name": TOKENIZER, "action_tokenizer_name": ACTION_TOKENIZER, "vlm_model_name": VLM}


@contextlib.contextmanager
def local_tokenizer(folder: Path | None):
    """Inside this context LeRobot's π0 processors take the tokenizer in `folder` instead of the gated one."""
    if folder is None:
        with own_code_only():
            yield
        return
    import lerobot.policies.pi0.processor_pi0 as pi0
    import lerobot.policies.pi05.processor_pi05 as pi05

    original = pi0.TokenizerProcessorStep

    def step(tokenizer_name: str = "", **options):
        return original(tokenizer_name=str(folder), **options)

    pi0.TokenizerProcessorStep = pi05.TokenizerProcessorStep = step
    try:
        with own_code_only():
            yield
    finally:
        pi0.TokenizerProcessorStep = pi05.TokenizerProcessorStep = original


def keep_tokenizers(folder: Path, tokenizer: Path | None = None) -> None:
    """Puts the local tokenizers of a checkpoint beside it and takes this machine's paths out; `load` puts the folder's own in.

    `tokenizer`: the folder of a π0's or π0.5's; π0-FAST's are named in its config.
    """
    file = folder / "config.json"
    config = json.loads(file.read_text())
    sources = {TOKENIZER: tokenizer} | {kept: config[name] for name, kept in NAMES.items() if name in config}
    for kept, source in sources.items():
        if source is not None and Path(source).is_dir() and Path(source).resolve() != (folder / kept).resolve():
            shutil.rmtree(folder / kept, ignore_errors=True)
            shutil.copytree(source, folder / kept)
    config |= {name: kept for name, kept in NAMES.items() if name in config and (folder / kept).is_dir()}
    file.write_text(json.dumps(config, indent=4) + "\n")
    file = folder / "policy_preprocessor.json"
    data = json.loads(file.read_text())
    for step in data["steps"]:
        for name, kept in (("tokenizer", TOKENIZER), ("action_tokenizer", ACTION_TOKENIZER)):
            if step.get("registry_name") == f"{name}_processor" and (folder / kept).is_dir():
                step["config"][f"{name}_name"] = kept
    file.write_text(json.dumps(data, indent=2) + "\n")


def locate_tokenizers(config, folder: Path) -> None:
    """Lets the config of π0-FAST or SmolVLA name what lies beside the checkpoint in `folder`."""
    for name, kept in NAMES.items():
        if hasattr(config, name) and (folder / kept).is_dir():
            setattr(config, name, str(folder / kept))


def tokenizer_overrides(config, words: Path | None) -> dict[str, dict]:
    """Overrides for a saved pre-processor's tokenizers; `words`: folder of a local one.

    LeRobot 0.6.1 does not save with π0-FAST's action tokenizer which text tokenizer it goes with.
    """
    if not hasattr(config, "tokenizer_max_length"):
        return {}  # reads no words
    text: dict[str, Any] = {"max_length": config.tokenizer_max_length}
    if hasattr(config, "vlm_model_name"):
        return {"tokenizer_processor": text | {"tokenizer_name": config.vlm_model_name}}
    if hasattr(config, "action_tokenizer_name"):
        return {
            "tokenizer_processor": text | {"tokenizer_name": config.text_tokenizer_name},
            "action_tokenizer_processor": {
                "action_tokenizer_name": config.action_tokenizer_name,
                "max_action_tokens": config.max_action_tokens,
                "fast_skip_tokens": config.fast_skip_tokens,
                "paligemma_tokenizer_name": config.text_tokenizer_name,
            },
        }
    return {"tokenizer_processor": text | ({"tokenizer_name": str(words)} if words is not None else {})}


@contextlib.contextmanager
def named_tokenizers(config):
    """Inside this context π0-FAST, which loads its two tokenizers while it is constructed, names those it lacks."""
    try:
        with own_code_only(config.type):
            yield
    except RuntimeError as error:
        if config.type != "pi0_fast" or "tokenizers" not in str(error):
            raise
        raise ConfigError(
            f"pi0_fast needs the text tokenizer {config.text_tokenizer_name!r} and the action tokenizer "
            f"{config.action_tokenizer_name!r}, which are folders or names on the Hugging Face hub; one cannot be loaded: "
            f"{str(error.__cause__).splitlines()[0]} Give local folders with --tokenizer and --action-tokenizer"
        ) from error


def room_for(before, config, instruction: str) -> tuple[int, int]:
    """Tokens of an instruction, and how many of them the policy reads at most; LeRobot cuts off the rest without a word.
    (0, 0) for a policy that reads no instruction."""
    words = next((step.input_tokenizer for step in before.steps if hasattr(step, "input_tokenizer")), None)
    if words is None:
        return 0, 0
    told = config.type in TOLD
    room = config.tokenizer_max_length - (FRAME + DIGITS * config.input_features["observation.state"].shape[0] if told else 2)
    return len(words.encode(instruction, add_special_tokens=False)), room
