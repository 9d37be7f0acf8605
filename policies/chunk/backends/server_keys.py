"""The names that a policy server gives to what it is sent and to what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from arbiter.errors import ConfigError
from arbiter.strict import nearest
from policies.chunk.protocol import ChunkObservation

INSIDE = ">"  # "images > head": the entry `head` of the mapping `images`


@dataclass(frozen=True, slots=True)
class ServerKeys:
    """Names on the wire; "": not sent. A name with `>` is an entry inside a mapping: `images > head`.

    Attributes:
        state: Positions [rad], then velocities [rad/s], in one array; sent unless `positions` or `velocities` is named.
        positions, velocities: Each in an array of its own.
        image: The head camera's picture.
        prompt: The instruction.
        actions: In the answer: rows of joint targets [rad].
    """

    state: str = ""
    positions: str = ""
    velocities: str = ""
    image: str = "observation/image"
    prompt: str = "prompt"
    actions: str = "actions"

    def __post_init__(self) -> None:
        if not (self.state or self.positions or self.velocities):
            object.__setattr__(self, "state", "observation/state")

    def message(self, observation: ChunkObservation, image: np.ndarray | None, prompt: str) -> dict:
        """What the server is sent; without a picture where there is none."""
        positions, velocities = (np.asarray(x, np.float32) for x in (observation.joint_pos, observation.joint_vel))
        said: dict = {}
        for name, value in (
            (self.state, np.concatenate((positions, velocities))),
            (self.positions, positions),
            (self.velocities, velocities),
            (self.image, image),
            (self.prompt, prompt),
        ):
            if name and value is not None:
                *outer, last = _path(name)
                inner = said
                for key in outer:
                    inner = inner.setdefault(key, {})
                inner[last] = value
        return said

    def answered(self, answer: dict) -> object:
        """The rows in an answer; None where there are none of that name."""
        value: object = answer
        for key in _path(self.actions):
            value = value.get(key) if isinstance(value, dict) else None
        return value


OPENPI = ServerKeys()
NAMES = tuple(field.name for field in fields(ServerKeys))


def _path(name: str) -> list[str]:
    return [part.strip() for part in name.split(INSIDE)]


def read_keys(given: ServerKeys | Mapping[str, str], address: str) -> ServerKeys:
    """The names as a tree file says them: `keys: {state: observation/state, image: images > head}`. Raises ConfigError."""
    if isinstance(given, ServerKeys):
        return given
    if not isinstance(given, Mapping):
        raise ConfigError(f"π0 server {address}: keys is {given!r}; a mapping of {', '.join(NAMES)} is expected")
    for name, value in given.items():
        if name not in NAMES:
            raise ConfigError(f"π0 server {address}: keys has {name!r}; {nearest(str(name), NAMES)}")
        if not isinstance(value, str) or (value and not all(_path(value))) or (name == "actions" and not value):
            raise ConfigError(f"π0 server {address}: keys.{name} is {value!r}; the server's name for it is expected")
    keys = ServerKeys(**given)
    paths = [tuple(_path(name)) for name in (keys.state, keys.positions, keys.velocities, keys.image, keys.prompt) if name]
    for i, one in enumerate(paths):
        for other in paths[i + 1 :]:
            if one[: len(other)] == other[: len(one)]:
                raise ConfigError(f"π0 server {address}: keys says {INSIDE.join(one)!r} twice; each needs a place of its own")
    return keys
