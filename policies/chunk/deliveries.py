"""What workers delivered, for a trace, and the same deliveries again, for a replay."""

from __future__ import annotations

from collections import deque

import numpy as np

from policies.chunk.worker import InferenceRequest, InferenceResult, Worker


class AnswerRecorder:
    """Wraps workers; `take` tells what they delivered since the last call."""

    def __init__(self) -> None:
        self._taken: list[tuple] = []

    def __call__(self, policy: str, player: int, worker: Worker) -> Worker:
        """A worker that does the same and leaves a note of each answer."""
        return _Noted(worker, policy, player, self._taken)

    def take(self) -> list[tuple]:
        """("chunk", policy, player, asked [s], rows or None, error) of each answer since the last call."""
        taken = list(self._taken)
        self._taken.clear()
        return taken


class _Noted:
    def __init__(self, worker: Worker, policy: str, player: int, notes: list[tuple]) -> None:
        self._worker, self._who, self._notes = worker, (policy, player), notes
        self.submit, self.cancel, self.close = worker.submit, worker.cancel, worker.close

    def poll(self, now: float) -> InferenceResult | None:
        """The answer, noted."""
        answer = self._worker.poll(now)
        if answer is not None:
            rows = answer.chunk if isinstance(answer.chunk, np.ndarray) else None
            self._notes.append(("chunk", *self._who, answer.question.asked, rows, answer.error))
        return answer


class Playback:
    """Workers that deliver what a trace recorded, at the ticks at which it was delivered then."""

    def __init__(self) -> None:
        self._due: dict[tuple[str, int], deque[tuple[float, np.ndarray | None, str]]] = {}

    def add(self, at: float, policy: str, player: int, rows: np.ndarray | None, error: str) -> None:
        """A delivery at tick time `at` [s]."""
        self._due.setdefault((policy, player), deque()).append((at, rows, error))

    def __call__(self, policy: str, player: int, worker: Worker) -> Worker:
        """A worker in place of `worker`, which is closed."""
        worker.close()
        return _Played(self._due.setdefault((policy, player), deque()))


class _Played:
    def __init__(self, due: deque[tuple[float, np.ndarray | None, str]]) -> None:
        self._due = due
        self._question: InferenceRequest | None = None

    def submit(self, question: InferenceRequest) -> None:
        """Remembers what is asked."""
        self._question = question

    def poll(self, now: float) -> InferenceResult | None:
        """The recorded answer when its tick has come."""
        if self._question is None or not self._due or self._due[0][0] > now + 1e-9:
            return None
        _, rows, error = self._due.popleft()
        question, self._question = self._question, None
        return InferenceResult(question, rows, error)

    def cancel(self) -> None:
        """Forgets the question."""
        self._question = None

    def close(self) -> None:
        """Nothing runs."""
