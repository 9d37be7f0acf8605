"""Inference of chunks beside the tick: the request, the call of the backend, and the record for the trace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from arbiter.worker import Done, ReplayWorker, Worker
from policies.chunk.protocol import ChunkBackend, ChunkObservation


@dataclass(frozen=True, slots=True)
class InferenceRequest:
    """One inference: the arguments of `ChunkBackend.predict`."""

    observation: ChunkObservation
    prompt: str
    previous: np.ndarray | None
    delay_steps: int
    seed: int


InferenceResult = Done[InferenceRequest, object]
InferenceWorker = Worker[InferenceRequest, object]


def infer(backend: ChunkBackend) -> Callable[[InferenceRequest], object]:
    """The work of an inference worker."""

    def predict(request: InferenceRequest) -> object:
        return backend.predict(
            request.observation, request.prompt, previous=request.previous, delay_steps=request.delay_steps, seed=request.seed
        )

    return predict


class InferenceRecorder:
    """Wraps workers; `take` returns what they delivered since the last call, for the trace."""

    def __init__(self) -> None:
        self._taken: list[tuple] = []

    def __call__(self, policy: str, player: int, worker: InferenceWorker) -> InferenceWorker:
        """A worker that does the same and leaves a note of each result."""
        return _Noted(worker, (policy, player), self._taken)

    def take(self) -> list[tuple]:
        """("chunk", policy, player, asked [s], rows or None, error) of each result since the last call."""
        taken = list(self._taken)
        self._taken.clear()
        return taken


class _Noted:
    def __init__(self, worker: InferenceWorker, who: tuple[str, int], notes: list[tuple]) -> None:
        self._worker, self._who, self._notes = worker, who, notes

    def submit(self, request: InferenceRequest, now: float) -> None:
        """See Worker."""
        self._worker.submit(request, now)

    def cancel(self) -> None:
        """See Worker."""
        self._worker.cancel()

    def close(self) -> None:
        """See Worker."""
        self._worker.close()

    def poll(self, now: float) -> InferenceResult | None:
        """The result, noted."""
        done = self._worker.poll(now)
        if done is not None:
            rows = done.value if isinstance(done.value, np.ndarray) else None
            self._notes.append(("chunk", *self._who, done.submitted, rows, done.error))
        return done


class InferenceReplay:
    """Workers that deliver what a trace recorded, at the ticks at which it was delivered then."""

    def __init__(self) -> None:
        self._workers: dict[tuple[str, int], ReplayWorker[InferenceRequest, object]] = {}

    def deliver(self, policy: str, player: int, rows: np.ndarray | None, error: str) -> None:
        """What was delivered in the tick that comes next."""
        self._worker(policy, player).deliver(None, rows, error)

    def __call__(self, policy: str, player: int, worker: InferenceWorker) -> InferenceWorker:
        """A worker in place of `worker`, which is closed."""
        worker.close()
        return self._worker(policy, player)

    def _worker(self, policy: str, player: int) -> ReplayWorker[InferenceRequest, object]:
        return self._workers.setdefault((policy, player), ReplayWorker())
