"""π0 in ONNX Runtime: onnxruntime, numpy and tokenizers, no torch."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime

from arbiter.errors import ConfigError
from policies.chunk.backends.card import PREFIX, STEP, read_card
from policies.chunk.backends.graphs import GraphBackend
from policies.engine import PROVIDERS, Provider, start


class OnnxGraph:
    """One graph in ONNX Runtime."""

    def __init__(self, file: Path, provider: Provider = "cpu", threads: int = 1) -> None:
        self._session = start(file, provider, threads)
        self._wanted = [node.name for node in self._session.get_inputs()]
        self._names = [node.name for node in self._session.get_outputs()]

    @property
    def provider(self) -> str:
        """What runs it."""
        return self._session.get_providers()[0]

    def __call__(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        outputs = self._session.run(None, {name: inputs[name] for name in self._wanted})
        return dict(zip(self._names, map(np.asarray, outputs), strict=True))

    def close(self) -> None:
        """The session goes with the last reference to it."""


def best_provider(file: Path) -> Provider:
    """The fastest provider that is installed and starts with the graph in `file`: "tensorrt", "cuda" or "cpu"."""
    there = onnxruntime.get_available_providers()
    for key in ("tensorrt", "cuda"):
        if PROVIDERS[key] in there:
            with contextlib.suppress(ConfigError):
                start(file, key)
                return key
    return "cpu"


class OnnxBackend(GraphBackend):
    """A folder written by `python -m training.pi0.export --to onnx`.

    Args:
        folder: Where it is.
        provider: "cpu", "cuda", "tensorrt", or "auto" for the fastest that is there.
        threads: CPU threads of a chunk.
        name, steps, rtc_horizon: See GraphBackend.
    """

    def __init__(self, folder: str | Path, *, provider: Provider | Literal["auto"] = "cpu", threads: int = 1, **options) -> None:
        folder = Path(folder)
        card = read_card(folder)
        wanted: Provider = best_provider(folder / STEP) if provider == "auto" else provider
        prefix, step = (OnnxGraph(folder / name, wanted, threads) for name in (PREFIX, STEP))
        super().__init__(folder, prefix, step, card, **options)
        self.warm_up()
