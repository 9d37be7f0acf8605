"""A client's message as what a backend takes, checked key by key."""

from __future__ import annotations

import dataclasses

import numpy as np

from policies.chunk.backends import wire
from policies.chunk.backends.openpi import MOST_OBSERVATIONS
from policies.chunk.backends.server_keys import OPENPI
from policies.chunk.pictures import picture_problem
from policies.chunk.protocol import ChunkObservation

MAX_PROMPT = 2000  # [characters]
MAX_SEED, MAX_ROWS = 2**63, 10_000


def observation_of(message: dict, joints: int, now: float) -> tuple[ChunkObservation, str, dict]:
    """A client's message as observation, prompt and options. Raises WireError naming the wrong key."""
    measured, prompt = measured_in(message, joints, now), message.get(OPENPI.prompt)
    if not isinstance(prompt, str) or not prompt.strip():
        raise wire.WireError(f"{OPENPI.prompt!r} must be a text")
    if len(prompt) > MAX_PROMPT:
        raise wire.WireError(f"{OPENPI.prompt!r} has {len(prompt)} characters; at most {MAX_PROMPT} are taken")
    history = message.get("history", [])
    if not isinstance(history, list) or len(history) >= MOST_OBSERVATIONS or not all(isinstance(one, dict) for one in history):
        raise wire.WireError(f"'history' must be a list of at most {MOST_OBSERVATIONS - 1} earlier observations, oldest first")
    measured = dataclasses.replace(measured, history=tuple(measured_in(one, joints, now) for one in history))
    options: dict = {"seed": whole_number(message, "seed", MAX_SEED)}
    previous = message.get("previous")
    if previous is not None:
        if (
            not isinstance(previous, np.ndarray)
            or previous.dtype.kind != "f"
            or previous.ndim != 2
            or previous.shape[1] != joints
            or not 1 <= len(previous) <= MAX_ROWS
            or not np.isfinite(previous).all()
        ):
            raise wire.WireError(f"'previous' must have {joints} columns and 1 to {MAX_ROWS} rows of finite numbers")
        options |= {"previous": previous, "delay_steps": whole_number(message, "delay_steps", len(previous))}
    return measured, prompt, options


def measured_in(message: dict, joints: int, now: float) -> ChunkObservation:
    """State and picture of a message. Raises WireError naming the key at fault."""
    state, image = message.get(OPENPI.state), message.get(OPENPI.image)
    if not isinstance(state, np.ndarray) or state.shape != (2 * joints,) or not np.isfinite(state).all():
        raise wire.WireError(f"{OPENPI.state!r} must be {2 * joints} finite numbers: positions, then velocities")
    if image is not None and (wrong := picture_problem(image)):
        raise wire.WireError(f"{OPENPI.image!r}: {wrong}")
    state = state.astype(np.float64)
    return ChunkObservation(now, state[:joints], state[joints:], image, now)


def whole_number(message: dict, key: str, most: int) -> int:
    """A whole number of a message, 0 if the key is missing. Raises WireError naming the key."""
    value = message.get(key, 0)
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or not 0 <= value <= most:
        raise wire.WireError(f"{key!r} is {wire.shown(value)}; a whole number of 0 to {most} is expected")
    return int(value)
