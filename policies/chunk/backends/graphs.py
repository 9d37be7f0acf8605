"""Base of the ONNX and the TensorRT backend: two graphs, one sampling loop."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol

import numpy as np

from arbiter.errors import ConfigError, PolicyError
from policies.chunk.backends.card import Pi0Card, read_card
from policies.chunk.backends.inputs import Inputs
from policies.chunk.backends.sampler import check_smooth, sample, smooth
from policies.chunk.protocol import ChunkObservation

MAX_STEPS = 1000  # denoising steps of a chunk


class Graph(Protocol):
    """A network that is called with arrays by name."""

    def __call__(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Its outputs by name. Inputs that the graph does not have are left out."""

    def close(self) -> None:
        """Frees it."""


class GraphBackend:
    """π0 as two graphs: `prefix` once a chunk, `step` once a denoising step.

    Args:
        folder: The exported folder.
        prefix, step: The loaded graphs.
        card: Its card.
        name: What faults are charged to; "": the card's own name.
        steps: Denoising steps; 0: as many as the card says.
        rtc_horizon: Rows beyond the committed ones that are still pulled towards the previous chunk.
        smooth: Standard deviation of the Gaussian over time that takes sampling noise out of a chunk [rows]; 0: none.

    Attributes:
        seconds: What the last chunk took: prefix and all steps [s].
    """

    supports_rtc = True

    def __init__(
        self,
        folder: str | Path,
        prefix: Graph,
        step: Graph,
        card: Pi0Card | None = None,
        *,
        name: str = "",
        steps: int = 0,
        rtc_horizon: int = 10,
        smooth: float = 0.0,
    ) -> None:
        self.card = card or read_card(folder)
        self.name = name or self.card.name
        self.joints, self.rate_hz, self.horizon = self.card.joints, self.card.rate_hz, self.card.horizon
        self.needs_image, self.within_range = self.card.needs_image, self.card.within_range
        self.steps, self._rtc, self._smooth = steps or self.card.steps, rtc_horizon, check_smooth(smooth, folder)
        if not 1 <= self.steps <= MAX_STEPS:
            raise ConfigError(f"π0 {folder}: steps is {self.steps}; 1 to {MAX_STEPS} denoising steps are allowed")
        self._prefix, self._step = prefix, step
        self._inputs = Inputs(self.card, Path(folder), self.name)
        self._offset, self._scale = np.array(self.card.action_offset), np.array(self.card.action_scale)
        self.seconds = (float("nan"), float("nan"))

    def predict(
        self,
        observation: ChunkObservation,
        prompt: str,
        *,
        previous: np.ndarray | None = None,
        delay_steps: int = 0,
        seed: int = 0,
    ) -> np.ndarray:
        """See `policies.chunk.protocol.ChunkBackend.predict`."""
        started = time.perf_counter()
        card = self.card
        state = self._inputs.state(observation)
        fixed = self._prefix(self._inputs.prefix(observation, prompt, state))
        padded = np.zeros((1, card.state_size), np.float32)
        padded[0, : len(state)] = state
        fixed["state"] = padded
        middle = time.perf_counter()

        def velocity(x: np.ndarray, at: float) -> np.ndarray:
            return self._step({**fixed, "x_t": x, "t": np.array([at], np.float32)})["v_t"]

        noise = np.random.default_rng(seed).standard_normal((1, card.horizon, card.action_size), dtype=np.float32)
        old = None if previous is None else (np.asarray(previous) - self._offset) / self._scale
        chunk = sample(velocity, noise, self.steps, previous=old, committed=delay_steps, horizon=delay_steps + self._rtc)[
            0, :, : len(card.joints)
        ]
        rows = smooth(chunk.astype(np.float64), self._smooth) * self._scale + self._offset
        if not np.isfinite(rows).all():
            raise PolicyError(
                f"{self.name}: the chunk holds {np.sum(~np.isfinite(rows))} values that are not finite; "
                "export the policy again and look at its parity report"
            )
        self.seconds = (middle - started, time.perf_counter() - middle)
        return rows

    def warm_up(self) -> None:
        """One chunk from nothing: the first run of a graph is slow."""
        zeros = np.zeros(len(self.joints))
        side = self.card.image
        self.predict(ChunkObservation(0.0, zeros, zeros, np.zeros((side, side, 3), np.uint8), 0.0), "warm up")

    def close(self) -> None:
        """Frees the graphs. May be called twice."""
        self._prefix.close()
        self._step.close()
