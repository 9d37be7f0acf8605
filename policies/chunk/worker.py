"""Who waits for slow inference, so that the tick does not.

`ThreadWorker` runs a backend on a thread, in real time. `LockstepWorker` computes at once and delivers after a delay of
simulated time, so that a run is repeatable bit for bit. Both answer the newest question only.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from arbiter.threads import start_thread
from arbiter.wall import walled
from policies.chunk.protocol import ChunkBackend, ChunkObservation

LONGEST_CALL = 2.0  # [s] that closing waits for a call that runs


@dataclass(frozen=True, slots=True)
class InferenceRequest:
    """One inference: the arguments of `ChunkBackend.predict`, and when it was asked [s]."""

    asked: float
    observation: ChunkObservation
    prompt: str
    previous: np.ndarray | None
    delay_steps: int
    seed: int


@dataclass(frozen=True, slots=True)
class InferenceResult:
    """What the backend returned for `question`, unchecked, or the error it raised."""

    question: InferenceRequest
    chunk: object
    error: str = ""


def infer(backend: ChunkBackend, question: InferenceRequest) -> InferenceResult:
    """Calls the backend behind a wall."""
    chunk, error = walled(_predict, backend, question)
    return InferenceResult(question, chunk, error)


def _predict(backend: ChunkBackend, question: InferenceRequest) -> object:
    return backend.predict(
        question.observation, question.prompt, previous=question.previous, delay_steps=question.delay_steps, seed=question.seed
    )


class Worker(Protocol):
    """Answers questions beside the tick."""

    def submit(self, question: InferenceRequest) -> None:
        """Takes a question; one not yet answered is forgotten."""

    def poll(self, now: float) -> InferenceResult | None:
        """The answer to the last question, once, when it is there."""

    def cancel(self) -> None:
        """Forgets the question."""

    def close(self) -> None:
        """Ends the background work. May be called twice."""


class LockstepWorker:
    """Computes in `submit`, delivers `delay` seconds of the tick's clock later."""

    def __init__(self, backend: ChunkBackend, delay: float) -> None:
        self._backend = backend
        self._delay = delay
        self._answer: InferenceResult | None = None
        self._due = math.inf

    def submit(self, question: InferenceRequest) -> None:
        """Computes now."""
        self._answer = infer(self._backend, question)
        self._due = question.asked + self._delay

    def poll(self, now: float) -> InferenceResult | None:
        """The answer, when it is due."""
        if self._answer is None or now < self._due - 1e-9:
            return None
        answer, self._answer = self._answer, None
        return answer

    def cancel(self) -> None:
        """Forgets the answer."""
        self._answer = None

    def close(self) -> None:
        """Nothing runs."""
        self._answer = None


class ThreadWorker:
    """One daemon thread that starts with the first question.

    Args:
        backend: What it calls.
        lock: Held during a call; workers that share a backend share it, so that the backend sees one call at a time.
    """

    def __init__(self, backend: ChunkBackend, lock: threading.Lock | None = None) -> None:
        self._backend = backend
        self._lock = lock or threading.Lock()
        self._asked = threading.Event()
        self._question: InferenceRequest | None = None
        self._answer: InferenceResult | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def _serve(self) -> None:
        while True:
            self._asked.wait()
            self._asked.clear()
            if self._closed:
                return
            question = self._question
            if question is None:
                continue
            with self._lock:
                if self._question is question:  # not cancelled or replaced while another worker had the backend
                    self._answer = infer(self._backend, question)

    def submit(self, question: InferenceRequest) -> None:
        """Wakes the thread."""
        if self._closed:
            return
        if self._thread is None:
            self._thread = start_thread(f"chunks-{self._backend.name}", self._serve)
        self._question = question
        self._asked.set()

    def poll(self, now: float) -> InferenceResult | None:
        """The answer, when the thread has it. Answers to older questions are dropped."""
        answer = self._answer
        if answer is None or answer.question is not self._question:
            return None
        self._answer = self._question = None
        return answer

    def cancel(self) -> None:
        """Forgets the question; a call that runs already goes on unheard."""
        self._question = None

    def close(self) -> None:
        """Lets the thread end, and waits for the call that runs; one that never returns keeps it, but not the process."""
        self._closed = True
        self._question = None
        self._asked.set()
        if self._lock.acquire(timeout=LONGEST_CALL):
            self._lock.release()


class RefCounted:
    """Calls `close` when the last of `users` has called it: what several players share outlives each of them."""

    def __init__(self, users: int, close: Callable[[], None]) -> None:
        self._users, self._close = users, close

    def __call__(self) -> None:
        self._users -= 1
        if self._users == 0:
            self._close()
