"""π0 on another host, over the protocol of openpi's websocket policy servers (`python -m deploy.serve` speaks it too).

The connection lives on a thread of its own: it is opened, lost and opened again without the tick noticing. A server
that is gone, slow or sends what is no message makes `predict` fail with its reason within `timeout`.
"""

from __future__ import annotations

import contextlib
import math
import socket as sockets
import struct
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.protocol import State
from websockets.sync.client import ClientConnection, connect
from websockets.uri import parse_uri

from arbiter.errors import ConfigError, PolicyError
from arbiter.threads import start_thread
from arbiter.wall import walled
from policies.chunk.backends import wire
from policies.chunk.backends.api_key import read_api_key
from policies.chunk.protocol import ChunkObservation

KEYS = ("observation/state", "observation/image", "prompt")
LONGEST_PAUSE = 8.0  # [s] between attempts to connect, which grow apart


class Connection:
    """One websocket that comes back by itself.

    Attributes:
        metadata: What the server said of itself when it was last reached; None before that.
        problem: Why there is no connection; "" while there is one.
        check: Raises for a server that is not taken because of what it says of itself.
    """

    def __init__(self, address: str, timeout: float, retry: float, key: str) -> None:
        self.address, self.metadata, self.problem = address, None, "not connected yet"
        self.check: Callable[[dict], object] = lambda metadata: None
        self._timeout, self._retry = timeout, retry
        self._headers = {"Authorization": f"Api-Key {key}"} if key else None
        self._socket = None
        self._lock = threading.Lock()
        self._ready, self._lost, self._closing = threading.Event(), threading.Event(), threading.Event()
        self._lost.set()
        self._thread = start_thread(f"openpi {address}", self._keep)

    def _keep(self) -> None:
        """Connects, and again whenever the connection is lost, until `close`. Whatever a server says, it goes on."""
        pause = self._retry
        while not self._closing.is_set():
            if not self._lost.wait(0.2):
                self._look()
                continue
            opened, error = walled(self._open)  # what a server says of itself is read in there
            if opened is None:
                self.problem = error
                self._closing.wait(pause)
                pause = min(2.0 * pause, max(LONGEST_PAUSE, self._retry))
                continue
            socket, metadata = opened
            pause = self._retry
            with self._lock:
                if not self._closing.is_set():
                    self._socket, self.metadata, self.problem = socket, metadata, ""
                    self._lost.clear()
                    self._ready.set()
                    continue
            _hang_up(socket)

    def _look(self) -> None:
        """Drops a connection that the server has closed, even while no request comes."""
        socket = self._socket
        if socket is not None and socket.state is State.CLOSED:
            self.drop(socket.close_reason or "the server closed the connection")
            self._closing.wait(self._retry)

    def _open(self) -> tuple[ClientConnection, dict]:
        """A connection whose server has said what it is."""
        socket = connect(
            self.address,
            compression=None,
            max_size=wire.MAX_BYTES,
            open_timeout=self._timeout,
            close_timeout=0.2,
            additional_headers=self._headers,
        )
        with contextlib.ExitStack() as failing:
            failing.callback(_hang_up, socket)
            # websockets has no time-out for sending: a picture that does not fit the buffers of a dead link would wait for ever.
            limit = struct.pack("ll", int(self._timeout), int(self._timeout % 1.0 * 1e6))
            socket.socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_SNDTIMEO, limit)
            hello = socket.recv(timeout=self._timeout)
            metadata = wire.unpack(hello if isinstance(hello, bytes) else hello.encode())
            self.check(metadata)
            failing.pop_all()
        return socket, metadata

    def wait(self, seconds: float) -> bool:
        """Whether a server has been reached within `seconds`."""
        return self._ready.wait(seconds)

    def drop(self, reason: str) -> None:
        """Gives the connection up; the thread opens another."""
        with self._lock:
            socket, self._socket, self.problem = self._socket, None, reason
            self._ready.clear()
            self._lost.set()
        if socket is not None:
            _hang_up(socket)

    def ask(self, message: dict) -> dict:
        """The answer to `message`. Raises PolicyError with the reason within the time-out."""
        socket = self._socket
        if socket is None:
            raise PolicyError(f"π0 server {self.address}: no connection ({self.problem}); it keeps trying")
        try:
            socket.send(wire.pack(message))
            answer = socket.recv(timeout=self._timeout)
        except TimeoutError:
            self.drop("it took too long")
            raise PolicyError(
                f"π0 server {self.address}: no answer within {self._timeout:g} s; a nearer or faster "
                "server, or a longer `timeout`, helps"
            ) from None
        except (ConnectionClosed, OSError) as error:
            self.drop(str(error) or type(error).__name__)
            raise PolicyError(f"π0 server {self.address}: connection lost: {self.problem}") from error
        if isinstance(answer, str):
            last = (answer.strip().splitlines() or [""])[-1][:300]
            self.drop("it reported an error")
            raise PolicyError(f"π0 server {self.address}: its inference failed: {last}")
        try:
            return wire.unpack(answer)
        except wire.WireError as error:
            self.drop("it sent a malformed message")
            raise PolicyError(f"π0 server {self.address}: {error}") from error

    def close(self) -> None:
        self._closing.set()
        self.drop("closed")
        self._thread.join(1.0)


def _hang_up(socket: ClientConnection) -> None:
    """Closes a connection without waiting for the other side, which may be gone."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sockets.SHUT_RDWR)
    socket.close()


def _checked_address(address: str) -> str:
    """The address with its scheme. Raises ConfigError for one that cannot be connected to."""
    address = address if address.startswith(("ws://", "wss://")) else f"ws://{address}"
    try:
        parse_uri(address)
    except (WebSocketException, ValueError) as error:
        raise ConfigError(f"π0 server {address}: not an address ({error}); one looks like ws://host:8000") from error
    return address


def _told(said: dict, given: dict, address: str) -> tuple[tuple[str, ...], float, int]:
    """Joints, rate and horizon: as given, else as the server said, else openpi's. Raises ConfigError naming the one that is
    not what it should be."""
    joints, rate, horizon = (
        given[key] or said.get(key, default) for key, default in (("joints", ()), ("rate_hz", 50.0), ("horizon", 50))
    )
    if isinstance(joints, list | tuple | None) and not joints:
        raise ConfigError(
            f"π0 server {address}: it does not name its joints; give `joints` in the order that its policy was "
            "trained with (in a tree file `joints: robot` says that it is the robot's)"
        )
    if not isinstance(joints, list | tuple) or not all(isinstance(joint, str) for joint in joints):
        raise ConfigError(f"π0 server {address}: its joints are {wire.shown(joints)}; a list of names is expected")
    if type(rate) not in (int, float) or not 1.0 <= rate <= 1000.0:
        raise ConfigError(f"π0 server {address}: rate_hz is {wire.shown(rate)}; 1 to 1000 rows a second are expected")
    if type(horizon) is not int or not 2 <= horizon <= 10_000:
        raise ConfigError(f"π0 server {address}: horizon is {wire.shown(horizon)}; 2 to 10000 rows are expected")
    return tuple(joints), float(rate), horizon


class OpenPiBackend:
    """Chunks from a websocket policy server: openpi's own or `python -m deploy.serve`.

    Args:
        address: "ws://host:8000".
        joints: Names of the joints in the server's order; empty: as its metadata says. "robot" in a tree file: the
            robot's own, in its order.
        rate_hz: Rows per second; 0: as its metadata says, else 50.
        horizon: Rows of a chunk; 0: as its metadata says, else 50.
        timeout: Longest wait for an answer [s].
        retry: Pause between attempts to connect [s].
        wait: How long the constructor waits for the server [s].
        keys: Names that the server gives to state, picture and prompt.
        api_key: Sent as openpi's client sends it; "": the one in `api_key_file`, else in $POLICY_ARBITER_API_KEY.
        api_key_file: A file that holds it.
    """

    needs_image = True

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
        keys: tuple[str, str, str] = KEYS,
        api_key: str = "",
        api_key_file: str | Path = "",
        name: str = "openpi",
    ) -> None:
        address, keys = _checked_address(str(address)), tuple(keys)
        for what, value in (("timeout", timeout), ("retry", retry), ("wait", wait)):
            if not 0.0 < value < math.inf:
                raise ConfigError(f"π0 server {address}: {what} is {value}; a positive number of seconds is expected")
        if len(keys) != len(KEYS) or not all(isinstance(key, str) for key in keys):
            raise ConfigError(f"π0 server {address}: keys is {keys!r}; the names of state, picture and prompt are expected")
        self.name, self._keys = name, keys
        self._connection = Connection(address, timeout, retry, api_key or read_api_key(api_key_file))
        if not self._connection.wait(wait):
            problem = self._connection.problem
            self.close()
            raise ConfigError(
                f"π0 server {address}: not reached within {wait:g} s ({problem}); is it running? Start "
                "one with `python -m deploy.serve CHECKPOINT` or openpi's scripts/serve_policy.py"
            )
        given = {"joints": tuple(joints), "rate_hz": rate_hz, "horizon": horizon}
        told = self._connection.metadata or {}
        try:
            self.joints, self.rate_hz, self.horizon = _told(told, given, address)
        except ConfigError:
            self.close()
            raise
        self._connection.check = lambda told: self._same(_told(told, given, address))
        self.supports_rtc = told.get("rtc") is True
        self.seconds = float("nan")

    def _same(self, told: tuple[tuple[str, ...], float, int]) -> None:
        """Raises ConfigError for another server in the place of the first: its rows would go to other joints."""
        if told != (self.joints, self.rate_hz, self.horizon):
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
        if observation.image is None:
            raise PolicyError(f"{self.name}: no picture of the head camera; the server's policy needs one")
        state = np.concatenate((observation.joint_pos, observation.joint_vel)).astype(np.float32)
        if not np.isfinite(state).all():
            raise PolicyError(f"{self.name}: the state holds a value that is not finite; it is not sent")
        values = (state, np.ascontiguousarray(observation.image), prompt)
        message: dict[str, Any] = dict(zip(self._keys, values, strict=True))
        if self.supports_rtc:
            message["seed"] = seed
            if previous is not None:
                message |= {"previous": np.asarray(previous, np.float32), "delay_steps": delay_steps}
        answer = self._connection.ask(message)
        self.seconds = time.perf_counter() - started
        return self._checked(answer.get("actions"))

    def _checked(self, actions: object) -> np.ndarray:
        """The rows of an answer. Raises PolicyError unless they are what a chunk is."""
        n = len(self.joints)
        if not isinstance(actions, np.ndarray) or actions.ndim != 2 or actions.dtype.kind != "f":
            what = f"{actions.dtype} {actions.shape}" if isinstance(actions, np.ndarray) else type(actions).__name__
            raise PolicyError(
                f"{self.name}: the answer's `actions` is {what}; floats of shape ({self.horizon}, {n}) are expected"
            )
        if len(actions) < self.horizon or actions.shape[1] < n:
            raise PolicyError(
                f"{self.name}: the answer's `actions` has shape {actions.shape}; at least ({self.horizon}, {n}) is expected"
            )
        rows = actions[: self.horizon, :n].astype(np.float64)
        if not np.isfinite(rows).all():
            raise PolicyError(f"{self.name}: the answer's `actions` hold values that are not finite")
        return rows

    def close(self) -> None:
        """Closes the connection and its thread. May be called twice."""
        self._connection.close()
