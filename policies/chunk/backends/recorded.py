"""A chunk backend that plays recorded motions, by prompt: for tests, and for a demonstration without a network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from arbiter.errors import ConfigError, PolicyError
from policies.chunk.protocol import ChunkObservation


class RecordedChunks:
    """Answers a prompt with the motion recorded for it, continued from the elapsed time; its end is held.

    Args:
        motions: Joint targets [rad], shape (k, m), by prompt.
        joints: Names of the m joints.
        rate_hz: Rows per second.
        horizon: Rows of a chunk.
    """

    needs_image = False
    supports_rtc = False

    def __init__(
        self,
        motions: Mapping[str, np.ndarray],
        joints: Sequence[str],
        rate_hz: float = 50.0,
        horizon: int = 50,
        name: str = "recorded",
    ) -> None:
        self.name, self.joints, self.rate_hz, self.horizon = name, tuple(joints), float(rate_hz), horizon
        self._motions = dict(motions)
        for prompt, rows in self._motions.items():
            if rows.ndim != 2 or len(rows) < 1 or rows.shape[1] != len(self.joints) or not np.isfinite(rows).all():
                raise ConfigError(f"recorded motion {prompt!r}: shape {rows.shape}; finite (k, {len(self.joints)}) is expected")
        if not self._motions or not 0.0 < self.rate_hz < np.inf or horizon < 2:
            raise ConfigError(
                f"recorded motions: {len(self._motions)} motions at {rate_hz} Hz in chunks of {horizon}; "
                "at least one, a positive rate and two rows are expected"
            )

    @classmethod
    def load(cls, path: str | Path) -> RecordedChunks:
        """Reads a .safetensors file: arrays by prompt; in its metadata `joints`, a JSON list, and `rate_hz` [Hz].

        Raises ConfigError for another file.
        """
        try:
            with safe_open(path, "np") as file:
                meta = file.metadata() or {}
                motions = {prompt: file.get_tensor(prompt).astype(np.float64) for prompt in file.keys()}
            joints, rate = json.loads(meta["joints"]), float(meta["rate_hz"])
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
        except (SafetensorError, KeyError, ValueError, TypeError) as error:
            raise ConfigError(
                f"{path}: not a file of recorded motions ({error}); .safetensors with the metadata joints and rate_hz is expected"
            ) from error
        return cls(motions, joints, rate)

    def save(self, path: str | Path) -> None:
        """Writes a .safetensors file that `load` reads."""
        motions = {prompt: np.ascontiguousarray(rows, np.float64) for prompt, rows in self._motions.items()}
        save_file(motions, path, metadata={"joints": json.dumps(self.joints), "rate_hz": str(self.rate_hz)})

    @property
    def prompts(self) -> tuple[str, ...]:
        """The prompts it answers."""
        return tuple(self._motions)

    def predict(
        self,
        observation: ChunkObservation,
        prompt: str,
        *,
        previous: np.ndarray | None = None,
        delay_steps: int = 0,
        seed: int = 0,
    ) -> np.ndarray:
        """The next `horizon` rows of the motion. Raises PolicyError for a prompt that was not recorded."""
        if prompt not in self._motions:
            raise PolicyError(f"no motion was recorded for {prompt!r}; there are: {', '.join(sorted(self._motions))}")
        rows = self._motions[prompt]
        first = round(observation.elapsed * self.rate_hz)
        return rows[np.minimum(np.arange(first, first + self.horizon), len(rows) - 1)]

    def close(self) -> None:
        """Nothing to free."""
