"""How long a chunk of the shipped tiny π0 takes on one core."""

from pathlib import Path

import numpy as np

from policies.chunk.backends import load_backend
from policies.chunk.protocol import ChunkObservation

WEIGHTS = Path(__file__).resolve().parents[2] / "policies" / "weights" / "pi0_tiny"


def test_chunk(benchmark):
    backend = load_backend(WEIGHTS, threads=1)
    n = len(backend.joints)
    seen = ChunkObservation(0.0, np.zeros(n), np.zeros(n), np.full((224, 224, 3), 90, np.uint8), 0.0)
    previous = np.zeros((40, n))
    rows = benchmark(backend.predict, seen, "touch the red ball", previous=previous, delay_steps=5)
    assert rows.shape == (backend.horizon, n)
