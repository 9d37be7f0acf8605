"""The contract of a chunk backend. Run it against your own:

from policies.chunk.contract import check_backend
assert check_backend(lambda: MyBackend(...), "touch the red ball") == []
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from arbiter.types import frozen
from arbiter.wall import walled
from policies.chunk.protocol import ChunkBackend, ChunkObservation

HEIGHT, WIDTH = 120, 160  # [pixels] of the picture that it is tried with
COMMITTED = 4  # rows of the chunk before that are played while the next one is predicted
NONSENSE = "qwertz uiop"


def form_problems(backend: object) -> list[str]:
    """What is wrong with the attributes of a chunk backend, one line each."""
    lacks = [name for name in ("predict", "close") if not callable(getattr(backend, name, None))]
    problems = [f"{type(backend).__name__} has no {name}()" for name in lacks]
    wanted = {
        "name": (lambda v: isinstance(v, str) and bool(v), "text"),
        "joints": (_names, "a tuple of different joint names"),
        "rate_hz": (lambda v: _number(v) and 0.0 < v < math.inf, "a positive number of rows per second"),
        "horizon": (lambda v: isinstance(v, int) and not isinstance(v, bool) and v >= 2, "two or more rows"),
        "needs_image": (lambda v: isinstance(v, bool), "True or False"),
        "supports_rtc": (lambda v: isinstance(v, bool), "True or False"),
    }
    for name, (right, expected) in wanted.items():
        value = getattr(backend, name, None)
        if not right(value):
            problems.append(f"{name} is {value!r}; {expected} is expected")
    return problems


def _names(value: object) -> bool:
    return isinstance(value, tuple) and bool(value) and all(isinstance(v, str) for v in value) and len(set(value)) == len(value)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def resting_observation(backend: ChunkBackend) -> ChunkObservation:
    """The observation of a robot at rest, with a grey picture."""
    zeros = frozen(np.zeros(len(backend.joints)))
    image = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    image.flags.writeable = False
    return ChunkObservation(0.0, zeros, zeros, image, 0.0)


def check_backend(
    make: Callable[[], ChunkBackend], prompt: str, observation: Callable[[ChunkBackend], ChunkObservation] = resting_observation
) -> list[str]:
    """The defects of the backend that `make` opens, one line each; empty when it keeps the contract.

    Args:
        make: Opens it.
        prompt: An instruction that it was made for.
        observation: What it is tried with.
    """
    backend, error = walled(make)
    problems = [error] if backend is None else form_problems(backend)
    if backend is None or problems:
        return problems
    problems = list(_predictions(backend, prompt, observation(backend)))
    for time in ("first", "second"):
        _, error = walled(backend.close)
        if error:
            problems.append(f"close(), called for the {time} time: {error}")
    return problems


def _predictions(backend: ChunkBackend, prompt: str, seen: ChunkObservation) -> Iterator[str]:
    rows, error = walled(lambda: backend.predict(seen, prompt, seed=1))
    wrong = error or wrong_rows(backend, rows)
    if rows is None or wrong:
        yield f"predict(): {wrong}"
        return
    kept = rows.copy()
    again, error = walled(lambda: backend.predict(seen, prompt, seed=1))
    if again is None or not np.array_equal(kept, again):
        yield f"predict(): the same inputs and seed gave another chunk {error}".rstrip()
    if not np.array_equal(kept, rows):
        yield "predict(): a later call changed the rows of an earlier one; each chunk is an array of its own"
    yield from _going_on(backend, prompt, seen, kept)
    if not backend.needs_image:
        bare, error = walled(lambda: backend.predict(replace(seen, image=None, image_stamp=math.nan), prompt))
        if wrong := error or wrong_rows(backend, bare):
            yield f"predict() without a picture, though needs_image is False: {wrong}"
    strange = {
        "a prompt that it does not know": (seen, NONSENSE),
        "joints that are not a number": (replace(seen, joint_pos=frozen(np.full(len(backend.joints), np.nan))), prompt),
        "a lost picture": (replace(seen, image=None, image_stamp=math.nan), prompt),
    }
    for what, (odd, words) in strange.items():
        rows, error = walled(lambda odd=odd, words=words: backend.predict(odd, words))
        if not error and (wrong := wrong_rows(backend, rows)):
            yield f"predict() of {what}: {wrong}; an error, or a chunk that can be played, is expected"


def _going_on(backend: ChunkBackend, prompt: str, seen: ChunkObservation, rows: np.ndarray) -> Iterator[str]:
    """The next chunk while the last one is played."""
    previous = rows[: backend.horizon // 2].copy()
    before = previous.copy()
    later = replace(seen, stamp=0.5, elapsed=0.5)
    chunk, error = walled(lambda: backend.predict(later, prompt, previous=previous, delay_steps=min(COMMITTED, len(previous))))
    if wrong := error or wrong_rows(backend, chunk):
        yield f"predict() with previous, as {'real-time chunking' if backend.supports_rtc else 'the player'} asks: {wrong}"
    if not np.array_equal(before, previous):
        yield "predict() changed `previous`; it belongs to the player"


def wrong_rows(backend: ChunkBackend, rows: object) -> str:
    """What is wrong with a chunk; "" if it can be played."""
    shape = (backend.horizon, len(backend.joints))
    if not isinstance(rows, np.ndarray) or rows.dtype.kind != "f":
        return f"returned {type(rows).__name__}; an array of floats is expected"
    if rows.shape != shape:
        return f"returned rows of shape {rows.shape}; {shape} is expected"
    return "" if np.isfinite(rows).all() else "returned rows that are not finite"
