"""Whether what a backend answered is a chunk that can be played."""

from __future__ import annotations

import numpy as np

from policies.chunk.protocol import ChunkBackend

OUT_OF_RANGE = 1.0  # [rad] a chunk that asks for more than this beyond a joint's range is nonsense


def chunk_fault(chunk: object, backend: ChunkBackend, ranges: np.ndarray) -> str:
    """Why `chunk` cannot be played, after the name of its backend; "" if it can.

    `ranges`: least and largest position of each of the backend's joints [rad], shape (2, m).
    """
    width = len(backend.joints)
    if not isinstance(chunk, np.ndarray) or chunk.dtype.kind != "f":
        return f"returned {type(chunk).__name__}; an array of floats is expected"
    if chunk.ndim != 2 or chunk.shape[1] != width or not 2 <= len(chunk) <= backend.horizon:
        return f"returned shape {chunk.shape}; (2 to {backend.horizon}, {width}) is expected"
    if not np.isfinite(chunk).all():
        return "returned values that are not finite"
    outside = ((chunk < ranges[0] - OUT_OF_RANGE) | (chunk > ranges[1] + OUT_OF_RANGE)).any(axis=0)
    if outside.any():
        i = int(np.argmax(outside))
        worst = chunk[np.argmax(np.abs(chunk[:, i])), i]
        return f"asks {backend.joints[i]} for {worst:.2f} rad, far outside its range"
    return ""
