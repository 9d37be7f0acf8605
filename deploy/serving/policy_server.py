"""One backend behind openpi's websocket protocol."""

from __future__ import annotations

import hmac
import http
import logging
import threading
import time

import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.sync.server import Server, ServerConnection, serve

from arbiter.errors import ArbiterError, ConfigError, PolicyError
from deploy.serving import MAX_CLIENTS, MAX_IDLE
from deploy.serving.requests import observation_of
from policies.chunk.backends import wire
from policies.chunk.protocol import ChunkBackend

MAX_REQUEST = 32_000_000  # [bytes] of a message: a picture of 3840 x 2160 has 25 MB

log = logging.getLogger("policy-arbiter.serve")


class PolicyServer:
    """One backend for all clients; one inference at a time.

    Args:
        backend: What predicts.
        host, port: Where to listen; port 0: any free one, see `port`.
        api_key: What clients must send; "": nothing.
        clients: Largest number of connected clients. A client takes five threads.
        idle: A client without a request for so long is disconnected [s].
    """

    def __init__(
        self,
        backend: ChunkBackend,
        host: str = "127.0.0.1",
        port: int = 8000,
        api_key: str = "",
        *,
        clients: int = MAX_CLIENTS,
        idle: float = MAX_IDLE,
    ) -> None:
        self._backend, self._key, self._lock = backend, api_key, threading.Lock()
        self._most, self._idle = clients, idle
        # More than `clients`: refusing one client too many takes a connection for a moment.
        self._links = threading.BoundedSemaphore(2 * clients)
        self.metadata = {
            "policy": backend.name,
            "joints": list(backend.joints),
            "rate_hz": backend.rate_hz,
            "horizon": backend.horizon,
            "rtc": backend.supports_rtc,
            "needs_image": backend.needs_image,
            "observations": getattr(backend, "observations", 1),
        }
        self._clients: set[ServerConnection] = set()
        self._closed = False
        quiet = logging.getLogger("policy-arbiter.serve.connections")
        quiet.setLevel(logging.CRITICAL)  # websockets writes forty lines for each connection that says nothing
        self._server: Server = serve(
            self._client,
            host,
            port,
            compression=None,
            max_size=MAX_REQUEST,
            process_request=self._admit,
            close_timeout=1.0,
            logger=quiet,
        )
        self._server.handler = self._bounded(self._server.handler)
        self.port = self._server.socket.getsockname()[1]

    def _bounded(self, handler):
        """The handler of a new connection, for a limited number at once; further ones are closed immediately."""

        def handle(link, address) -> None:
            if not self._links.acquire(blocking=False):
                link.close()
                return
            try:
                handler(link, address)
            finally:
                self._links.release()

        return handle

    def _admit(self, connection: ServerConnection, request):
        """Answers requests that are not from a client: health checks, web pages, wrong keys, one connection too many."""
        if request.headers.get_all("Origin"):  # only browsers send it: the request comes from a web page
            return connection.respond(http.HTTPStatus.FORBIDDEN, "web pages are not served\n")
        if request.path == "/healthz":
            return connection.respond(http.HTTPStatus.OK, "OK\n")
        given = request.headers.get_all("Authorization")
        wanted = f"Api-Key {self._key}".encode()
        if self._key and not (len(given) == 1 and hmac.compare_digest(given[0].encode("utf-8", "surrogateescape"), wanted)):
            return connection.respond(http.HTTPStatus.UNAUTHORIZED, "wrong or missing API key\n")
        if len(self._clients) >= self._most:
            return connection.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, f"all {self._most} places are taken\n")
        return None

    def _client(self, socket: ServerConnection) -> None:
        log.info("client %s", socket.remote_address)
        self._clients.add(socket)
        try:
            if len(self._clients) > self._most:  # two clients connected at once for the last place
                socket.close(CloseCode.TRY_AGAIN_LATER, "all places are taken")
            else:
                self._converse(socket)
        except TimeoutError:
            log.info("client %s was idle for %g s and is let go", socket.remote_address, self._idle)
            socket.close(CloseCode.GOING_AWAY, f"idle for {self._idle:g} s")
        except ConnectionClosed:
            pass
        finally:
            self._clients.discard(socket)

    def _converse(self, socket: ServerConnection) -> None:
        """Answers one client until it sends an invalid message or disconnects."""
        socket.send(wire.pack(self.metadata))
        while True:
            data = socket.recv(timeout=self._idle)
            try:
                socket.send(wire.pack(self._answer(data)))
            except (ArbiterError, ValueError, TypeError, OverflowError, RuntimeError) as error:  # CUDA's is a RuntimeError
                said = f"{type(error).__name__}: {str(error)[:1000]}"
                log.warning("refused: %s", said)
                socket.send(said)
                return

    def _answer(self, data: bytes | str) -> dict:
        if isinstance(data, str):
            raise wire.WireError("text came instead of a msgpack message")
        started = time.monotonic()
        observation, prompt, options = observation_of(wire.unpack(data), len(self._backend.joints), started)
        with self._lock:
            if self._closed:
                raise PolicyError("the server is being closed")
            rows = self._backend.predict(observation, prompt, **options)
        return {"actions": rows.astype(np.float32), "server_timing": {"infer_ms": (time.monotonic() - started) * 1e3}}

    def serve_forever(self) -> None:
        """Until `close`, or an interrupt."""
        self._server.serve_forever()

    def close(self) -> None:
        """Stops listening, waits for a running inference, and disconnects the clients. The backend may be closed then."""
        self._server.shutdown()
        with self._lock:
            self._closed = True
        for socket in list(self._clients):
            socket.close(CloseCode.GOING_AWAY)


def listen(backend: ChunkBackend, host: str, port: int, api_key: str, **limits) -> PolicyServer:
    """A server; `limits` are arguments of PolicyServer. Raises ConfigError if it cannot listen at that address."""
    try:
        return PolicyServer(backend, host, port, api_key, **limits)
    except (OSError, OverflowError) as error:
        raise ConfigError(f"--host {host} --port {port}: cannot listen there ({error}); choose another --port") from error
