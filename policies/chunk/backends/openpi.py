"""Chunks from another host, over the protocol of openpi's websocket policy servers (`python -m deploy.serve` speaks it too).

A server that is gone, slow or sends what is no message makes `predict` fail with its reason within `timeout`.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from arbiter.errors import ConfigError, PolicyError
from policies.chunk.address import checked_address, without_password
from policies.chunk.backends import wire
from policies.chunk.backends.api_key import read_api_key
from policies.chunk.backends.connection import Connection
from policies.chunk.backends.server_keys import OPENPI, ServerKeys, read_keys
from policies.chunk.pictures import picture_problem
from policies.chunk.protocol import ChunkObservation

RATE_HZ, HORIZON = 50.0, 50  # of the π0 that openpi trains for this project
LAYOUTS = ("hwc", "chw")
MOST_OBSERVATIONS = 64
log = logging.getLogger("policy-arbiter.openpi")


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What is known of a server's policy.

    Attributes:
        joints: Names of the joints, in the order of its rows.
        rate_hz: Rows per second.
        horizon: Rows of a chunk.
        observations: How many observations it predicts from.
        assumed: What nobody said, for the user.
    """

    joints: tuple[str, ...]
    rate_hz: float
    horizon: int
    observations: int
    assumed: tuple[str, ...]


def facts(said: dict, given: dict, address: str) -> ServerFacts:
    """As given, else as the server said, else openpi's. Raises ConfigError naming the one that is not what it should be."""
    joints, rate, horizon = (
        given[key] or said.get(key, default) for key, default in (("joints", ()), ("rate_hz", RATE_HZ), ("horizon", HORIZON))
    )
    observations = said.get("observations", 1)
    if isinstance(joints, list | tuple | None) and not joints:
        raise ConfigError(
            f"π0 server {address}: it does not name its joints; give `joints` in the order that its policy was "
            "trained with (in a tree file `joints: robot` says that it is the robot's)"
        )
    if not isinstance(joints, list | tuple) or not all(isinstance(joint, str) for joint in joints):
        raise ConfigError(f"π0 server {address}: its joints are {wire.shown(joints)}; a list of names is expected")
    if len(set(joints)) != len(joints):
        raise ConfigError(f"π0 server {address}: its joints are {wire.shown(joints)}; each is expected once")
    if type(rate) not in (int, float) or not 1.0 <= rate <= 1000.0:
        raise ConfigError(f"π0 server {address}: rate_hz is {wire.shown(rate)}; 1 to 1000 rows a second are expected")
    if type(horizon) is not int or not 2 <= horizon <= 10_000:
        raise ConfigError(f"π0 server {address}: horizon is {wire.shown(horizon)}; 2 to 10000 rows are expected")
    if type(observations) is not int or not 1 <= observations <= MOST_OBSERVATIONS:
        raise ConfigError(
            f"π0 server {address}: observations is {wire.shown(observations)}; 1 to {MOST_OBSERVATIONS} are expected"
        )
    for key, taken in (("joints", list(joints)), ("rate_hz", rate)):
        told = list(said[key]) if isinstance(said.get(key), list | tuple) else said.get(key)
        if key in said and told != taken:
            raise ConfigError(
                f"π0 server {address}: it says {key} {wire.shown(told)}, and {wire.shown(taken)} is given: leave `{key}` out, or "
                "serve the policy that is meant"
            )
    unsaid = {"rate_hz": f"{rate:g} rows a second", "horizon": f"up to {horizon} rows a chunk"}
    missing = [key for key in unsaid if not given[key] and key not in said]
    assumed = (
        f"π0 server {address} says no {' and no '.join(missing)}: {' and '.join(unsaid[key] for key in missing)} "
        f"are assumed; give {' and '.join(missing)} if its policy has others"
    )
    return ServerFacts(tuple(joints), float(rate), horizon, observations, (assumed,) if missing else ())


class OpenPiBackend:
    """Chunks from a websocket policy server: openpi's own or `python -m deploy.serve`.

    Args:
        address: "ws://host:8000".
        joints: Names of the joints in the server's order; empty: as its metadata says. "robot" in a tree file: the
            robot's own, in its order.
        rate_hz: Rows per second; 0: as its metadata says, else 50, with a warning.
        horizon: Rows of a chunk; 0: as its metadata says, else at most 50, with a warning.
        timeout: Longest wait for an answer [s].
        retry: Pause between attempts to connect [s].
        wait: How long the constructor waits for the server [s].
        keys: The server's names for state, picture, prompt and actions, see `policies.chunk.backends.server_keys`.
        layout: Order of the picture's axes that the server reads: "hwc" (height, width, channels) or "chw".
        api_key: Sent as openpi's client sends it; "": the one in `api_key_file`, else in $POLICY_ARBITER_API_KEY.
        api_key_file: A file that holds it.

    Attributes:
        warnings: What nobody said of the server's policy, and is assumed.
    """

    def __init__(
        self,
        address: str,
        *,
        joints: Sequence[str] = (),
        rate_hz: float = 0.0,
        horizon: int = 0,
        timeout: float = 1.0,
        retry: float = 1.0,
        wait: float = 10.0,
        keys: ServerKeys | Mapping[str, str] = OPENPI,
        layout: Literal["hwc", "chw"] = "hwc",
        api_key: str = "",
        api_key_file: str | Path = "",
        name: str = "openpi",
    ) -> None:
        address = checked_address(str(address))
        shown = without_password(address)
        for what, value in (("timeout", timeout), ("retry", retry), ("wait", wait)):
            if not 0.0 < value < math.inf:
                raise ConfigError(f"π0 server {shown}: {what} is {value}; a positive number of seconds is expected")
        if layout not in LAYOUTS:
            raise ConfigError(f"π0 server {shown}: layout is {layout!r}; {' or '.join(LAYOUTS)} is expected")
        self.name, self._keys, self._layout = name, read_keys(keys, shown), layout
        self._connection = Connection(address, timeout, retry, api_key or read_api_key(api_key_file))
        if not self._connection.wait(wait):
            problem = self._connection.problem
            self.close()
            raise ConfigError(
                f"π0 server {shown}: not reached within {wait:g} s ({problem}); is it running? Start "
                "one with `python -m deploy.serve CHECKPOINT` or openpi's scripts/serve_policy.py"
            )
        given = {"joints": tuple(joints), "rate_hz": rate_hz, "horizon": horizon}
        said = self._connection.metadata or {}
        try:
            found = facts(said, given, shown)
        except ConfigError:
            self.close()
            raise
        self.needs_image = bool(self._keys.image) and said.get("needs_image") is not False
        self._facts, self._exact = found, bool(horizon) or "horizon" in said
        self.joints, self.rate_hz, self.horizon = found.joints, found.rate_hz, found.horizon
        self.observations, self.warnings = found.observations, found.assumed
        for line in self.warnings:
            log.warning("%s", line)
        self._connection.check = lambda said: self._same(facts(said, given, shown))
        self.supports_rtc = said.get("rtc") is True
        self.seconds = float("nan")

    def _same(self, found: ServerFacts) -> None:
        """Raises ConfigError for another server in the place of the first: its rows would go to other joints."""
        if found != self._facts:
            raise ConfigError(
                f"its joints, rate or horizon are not those of the server before it ({len(self.joints)} joints, "
                f"{self.rate_hz:g} Hz, {self.horizon} rows); start the robot's program again if it is meant so"
            )

    def predict(
        self,
        observation: ChunkObservation,
        prompt: str,
        *,
        previous: np.ndarray | None = None,
        delay_steps: int = 0,
        seed: int = 0,
    ) -> np.ndarray:
        """See `policies.chunk.protocol.ChunkBackend.predict`. `seed` and `previous` reach servers of this project only."""
        started = time.perf_counter()
        message: dict[str, Any] = self._keys.message(observation, self._picture(observation), prompt)
        if not all(np.isfinite(values).all() for values in (observation.joint_pos, observation.joint_vel)):
            raise PolicyError(f"{self.name}: the state holds a value that is not finite; it is not sent")
        if self.observations > 1:
            message["history"] = [self._keys.message(one, self._picture(one), prompt) for one in observation.history]
        if self.supports_rtc:
            message["seed"] = seed
            if previous is not None:
                message |= {"previous": np.asarray(previous, np.float32), "delay_steps": delay_steps}
        answer = self._connection.ask(message)
        self.seconds = time.perf_counter() - started
        return self._checked(self._keys.answered(answer))

    def _picture(self, observation: ChunkObservation) -> np.ndarray | None:
        """The picture as the server reads it; None where it can do without. Raises PolicyError."""
        if observation.image is None and not self.needs_image:
            return None
        if observation.image is None:
            raise PolicyError(f"{self.name}: no picture of the head camera; the server's policy needs one")
        if wrong := picture_problem(observation.image):
            raise PolicyError(f"{self.name}: {wrong}; it is not sent")
        image = observation.image if self._layout == "hwc" else observation.image.transpose(2, 0, 1)
        return np.ascontiguousarray(image)

    def _checked(self, actions: object) -> np.ndarray:
        """The rows of an answer. Raises PolicyError unless they are what a chunk is."""
        n, called = len(self.joints), self._keys.actions
        if not isinstance(actions, np.ndarray) or actions.ndim != 2 or actions.dtype.kind != "f":
            what = f"{actions.dtype} {actions.shape}" if isinstance(actions, np.ndarray) else type(actions).__name__
            raise PolicyError(
                f"{self.name}: the answer's `{called}` is {what}; floats of shape ({self.horizon}, {n}) are expected"
            )
        least = self.horizon if self._exact else 2
        if len(actions) < least or actions.shape[1] != n:
            raise PolicyError(
                f"{self.name}: the answer's `{called}` has shape {actions.shape}; {least} or more rows of {n} joints are expected"
            )
        rows = actions[: self.horizon].astype(np.float64)
        if not np.isfinite(rows).all():
            raise PolicyError(f"{self.name}: the answer's `{called}` hold values that are not finite")
        return rows

    def close(self) -> None:
        """Closes the connection and its thread. May be called twice."""
        self._connection.close()
