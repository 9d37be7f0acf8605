"""π0-FAST's action tokenizer, and tokenizers without code of their own.

The published action tokenizer comes with a Python file that transformers would fetch and run; LeRobot asks for that without
a question. It does what this module does: cosine transform over time, rounding, byte-pair encoding.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np

from arbiter.errors import ConfigError
from policies.chunk.backends.lerobot.allowed import read


class ActionTokenizer:
    """Chunks to tokens.

    Attributes:
        bpe_tokenizer: Between tokens and text; a letter of the text is a number.
        scale: Of the cosine coefficients before they are rounded.
        min_token: The number that the letter 0 stands for.
    """

    def __init__(self, bpe_tokenizer, scale: float = 10.0, min_token: int = 0) -> None:
        self.bpe_tokenizer, self.scale, self.min_token = bpe_tokenizer, scale, min_token

    @classmethod
    def from_pretrained(cls, name: str, **_) -> ActionTokenizer:
        """Of a folder, or of the hub, from which no more than JSON is fetched. Raises ConfigError."""
        from transformers import PreTrainedTokenizerFast

        folder = Path(name)
        if not folder.is_dir():
            from huggingface_hub import snapshot_download

            folder = Path(snapshot_download(name, allow_patterns=["*.json", "*/*.json"]))
        settings = read(folder / "processor_config.json").plain()
        scale, least = settings.get("scale", 10), settings.get("min_token", 0)
        if type(scale) not in (int, float) or not 0.0 < scale < 1e9 or type(least) is not int or not -(10**6) <= least <= 10**6:
            raise ConfigError(
                f"{folder}/processor_config.json: scale is {scale!r} and min_token {least!r}; a positive number "
                "and a whole number are expected"
            )
        pieces = folder / "bpe_tokenizer"
        return cls(PreTrainedTokenizerFast.from_pretrained(pieces if pieces.is_dir() else folder), scale, least)

    def __call__(self, chunks) -> list[list[int]]:
        """Tokens of normalised chunks, shape (B, T, A) or (T, A)."""
        from scipy.fft import dct

        chunks = np.asarray(chunks, np.float64)
        numbers = np.around(dct(chunks if chunks.ndim == 3 else chunks[None], axis=1, norm="ortho") * self.scale)
        letters = np.maximum(numbers - self.min_token, 0).astype(int).reshape(len(numbers), -1)
        return [self.bpe_tokenizer("".join(map(chr, one)))["input_ids"] for one in letters]


class Plain:
    """In place of a class of transformers, whose `trust_remote_code` LeRobot sets, or leaves to a question."""

    def __init__(self, name: str) -> None:
        self._name = name

    def from_pretrained(self, name: str, **options):
        """As the class does, without code that lies beside what it loads."""
        kind = getattr(importlib.import_module("transformers"), self._name)
        return kind.from_pretrained(name, **options | {"trust_remote_code": False})


@contextlib.contextmanager
def own_code_only(kind: str = "") -> Generator[None]:
    """Inside this context LeRobot's policy of this kind and its processors load tokenizers without the code beside them."""
    tokenizer = {"AutoProcessor": ActionTokenizer, "AutoTokenizer": Plain("AutoTokenizer")}
    places: list[tuple[str, dict]] = [("lerobot.processor.tokenizer_processor", tokenizer)]
    if kind == "pi0_fast":
        places.append(("lerobot.policies.pi0_fast.modeling_pi0_fast", tokenizer))
    if kind == "smolvla":
        names = ("AutoConfig", "AutoProcessor")
        places.append(("lerobot.policies.smolvla.smolvlm_with_expert", {name: Plain(name) for name in names}))
    with contextlib.ExitStack() as before:
        for place, replaced in places:
            module: Any = importlib.import_module(place)
            for name, value in replaced.items():
                before.callback(setattr, module, name, getattr(module, name))
                setattr(module, name, value)
        yield
