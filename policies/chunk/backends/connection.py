"""One websocket to a policy server, on a thread of its own: it is opened, lost and opened again without the tick noticing."""

from __future__ import annotations

import contextlib
import socket as sockets
import struct
import threading
from collections.abc import Callable

from websockets.exceptions import ConnectionClosed
from websockets.protocol import State
from websockets.sync.client import ClientConnection, connect

from arbiter.errors import PolicyError
from arbiter.threads import start_thread
from arbiter.wall import walled
from policies.chunk.address import without_password
from policies.chunk.backends import wire

LONGEST_PAUSE = 8.0  # [s] between attempts to connect, which grow apart


class Connection:
    """One websocket that comes back by itself.

    Attributes:
        metadata: What the server said of itself when it was last reached; None before that.
        problem: Why there is no connection; "" while there is one.
        check: Raises for a server that is not taken because of what it says of itself.
    """

    def __init__(self, address: str, timeout: float, retry: float, key: str) -> None:
        self._shown = without_password(address)
        self.address, self.metadata, self.problem = address, None, "not connected yet"
        self.check: Callable[[dict], object] = lambda metadata: None
        self._timeout, self._retry = timeout, retry
        self._headers = {"Authorization": f"Api-Key {key}"} if key else None
        self._socket = None
        self._lock = threading.Lock()
        self._ready, self._lost, self._closing = threading.Event(), threading.Event(), threading.Event()
        self._lost.set()
        self._thread = start_thread(f"openpi {self._shown}", self._keep)

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
            raise PolicyError(f"π0 server {self._shown}: no connection ({self.problem}); it keeps trying")
        try:
            socket.send(wire.pack(message))
            answer = socket.recv(timeout=self._timeout)
        except TimeoutError:
            self.drop("it took too long")
            raise PolicyError(
                f"π0 server {self._shown}: no answer within {self._timeout:g} s; a nearer or faster "
                "server, or a longer `timeout`, helps"
            ) from None
        except (ConnectionClosed, OSError) as error:
            self.drop(str(error) or type(error).__name__)
            raise PolicyError(f"π0 server {self._shown}: connection lost: {self.problem}") from error
        if isinstance(answer, str):
            last = (answer.strip().splitlines() or [""])[-1][:300]
            self.drop("it reported an error")
            raise PolicyError(f"π0 server {self._shown}: its inference failed: {last}")
        try:
            return wire.unpack(answer)
        except wire.WireError as error:
            self.drop("it sent a malformed message")
            raise PolicyError(f"π0 server {self._shown}: {error}") from error

    def close(self) -> None:
        self._closing.set()
        self.drop("closed")
        self._thread.join(1.0)


def _hang_up(socket: ClientConnection) -> None:
    """Closes a connection without waiting for the other side, which may be gone."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sockets.SHUT_RDWR)
    socket.close()
