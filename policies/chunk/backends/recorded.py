"""A chunk backend that plays recorded motions, by prompt: for tests, and for a demonstration without a network."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from arbiter.errors import ConfigError, PolicyError
from policies.chunk.protocol import ChunkObservation

MAX_HEADER = 10_000_000


class RecordedChunks:
    """Answers a prompt with the motion recorded under it, from where the run has got to; at the end it stays there.

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
        """Reads a .npz or .safetensors file: arrays named by prompt; `joints` and `rate_hz` beside them.

        In a .npz they are the arrays `joints` (text) and `rate_hz`; in a .safetensors file, metadata: `joints` as a
        JSON list, `rate_hz` as text. Nothing in either is executed.
        """
        path = Path(path)
        try:
            arrays, joints, rate = (_safetensors if path.suffix == ".safetensors" else _npz)(path)
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
        except (
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            EOFError,
            RuntimeError,
            MemoryError,
            zlib.error,
            zipfile.BadZipFile,
        ) as error:
            raise ConfigError(f"{path}: not a file of recorded motions: {error}") from error
        return cls(arrays, joints, rate)

    def save(self, path: str | Path) -> None:
        """Writes a .npz file that `load` reads."""
        np.savez_compressed(path, joints=np.array(self.joints), rate_hz=np.array(self.rate_hz), **self._motions)

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


def _npz(path: Path) -> tuple[dict[str, np.ndarray], list[str], float]:
    path.stat()  # is_zipfile does not tell a missing file from a wrong one
    if not zipfile.is_zipfile(path):
        raise ValueError("it is not a .npz archive")
    with np.load(path, allow_pickle=False) as file:
        arrays = {key: np.asarray(file[key]) for key in file.files}
    joints, rate = arrays.pop("joints"), arrays.pop("rate_hz")
    return {key: rows.astype(np.float64) for key, rows in arrays.items()}, [str(name) for name in joints], float(rate)


def _safetensors(path: Path) -> tuple[dict[str, np.ndarray], list[str], float]:
    """The format is eight bytes of header length, a JSON header and raw little-endian data."""
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    if len(data) < 10 or size > min(MAX_HEADER, len(data) - 8):
        raise ValueError(f"its header would be {size} bytes long")
    header = json.loads(data[8 : 8 + size])
    meta = header.pop("__metadata__", {})
    arrays = {}
    for name, spec in header.items():
        dtype = {"F32": "<f4", "F64": "<f8"}.get(spec["dtype"])
        if dtype is None:
            raise ValueError(f"{name!r} is {spec['dtype']}; F32 or F64 is expected")
        first, last = spec["data_offsets"]
        if not 0 <= first <= last <= len(data) - 8 - size:
            raise ValueError(f"{name!r} lies outside the file")
        arrays[name] = np.frombuffer(data[8 + size + first : 8 + size + last], dtype).reshape(spec["shape"])
    joints = json.loads(meta["joints"])
    return {key: rows.astype(np.float64) for key, rows in arrays.items()}, joints, float(meta["rate_hz"])
