"""Serves any π0 backend over openpi's websocket protocol, so that π0 can run on another host than the robot.

    python -m deploy.serve runs/lora/checkpoints/best/pretrained_model --kind lerobot --device cuda --port 8000
    python -m deploy.serve policies/weights/pi0_tiny
    python -m deploy.serve runs/best --host 0.0.0.0 --api-key-file ~/.config/pi0_key     # for other hosts

Clients: the backend `openpi` of this project, or openpi-client. Listens on this host only unless --host says otherwise,
and on others only with a key: in a file, or in $POLICY_ARBITER_API_KEY. The protocol has no encryption: between hosts
that share their network with others, a TLS proxy or a tunnel belongs in front of it.
"""

from __future__ import annotations

import argparse
import dataclasses
import hmac
import http
import logging
import signal
import sys
import threading
import time

from arbiter.errors import ArbiterError, ConfigError, PolicyError
from deploy.cli.command import CommandParser, command
from deploy.cli.extras import extra
from policies.chunk.backends.api_key import VARIABLE, read_api_key

MAX_REQUEST = 32_000_000  # [bytes] of a message: a picture of 3840 x 2160 has 25 MB
MAX_PROMPT = 2000  # [characters]
MAX_CLIENTS, MAX_IDLE = 8, 600.0  # [s]
MAX_SEED, MAX_ROWS = 2**63, 10_000


class OnCommandLine(argparse.Action):
    """Refuses a key among the arguments."""

    def __call__(self, parser, namespace, values, option_string=None):
        parser.error(
            f"{option_string}: every user of this machine sees the command line (ps); put the key into a file and "
            f"name it with --api-key-file, or into ${VARIABLE}"
        )


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("deploy.serve", description=__doc__.splitlines()[0], allow_abbrev=False)
    p.add_argument("checkpoint", help="an exported folder, a checkpoint folder, or a server's address")
    p.add_argument(
        "--kind",
        choices=("auto", "onnx", "lerobot", "tensorrt", "openpi"),
        default="auto",
        help="what the checkpoint is; auto: by what the folder holds",
    )
    p.add_argument("--robot", default="berkeley_humanoid_lite", help="whose joints a LeRobot checkpoint drives")
    p.add_argument("--device", default="cpu", help="lerobot: cpu or cuda")
    p.add_argument("--dataset", default="", metavar="DIR", help="lerobot: data set it was trained on, for joints and rate")
    p.add_argument("--joints", default="", help="lerobot, openpi: `robot`, a group of it, or names with commas between them")
    p.add_argument("--rate-hz", type=float, default=0.0, help="lerobot, openpi: rows per second")
    p.add_argument("--camera", default="", help="lerobot: which of its cameras is the head camera")
    p.add_argument("--provider", default="auto", help="onnx: cpu, cuda, tensorrt or auto")
    p.add_argument("--host", default="127.0.0.1", help="0.0.0.0 for clients on other hosts, which need a key")
    p.add_argument("--port", type=int, default=8000, help="port to listen on")
    p.add_argument(
        "--api-key-file",
        default="",
        metavar="FILE",
        help=f"holds the key that clients must send (default: ${VARIABLE}; neither: no key)",
    )
    p.add_argument("--api-key", action=OnCommandLine, help=argparse.SUPPRESS)
    p.add_argument("--clients", type=int, default=MAX_CLIENTS, help=f"how many may be connected (default {MAX_CLIENTS})")
    p.add_argument(
        "--idle",
        type=float,
        default=MAX_IDLE,
        metavar="SECONDS",
        help=f"a client without a request for so long [s] is disconnected (default {MAX_IDLE:g})",
    )
    return p


with extra(__name__, parser, "websockets", "msgpack"):
    import numpy as np
    from websockets.exceptions import ConnectionClosed
    from websockets.frames import CloseCode
    from websockets.sync.server import Server, ServerConnection, serve

    from deploy.console.request_guard import is_loopback
    from deploy.robots.description import load_model
    from policies.chunk.backends import kind_of, load_backend, wire
    from policies.chunk.backends.openpi import MOST_OBSERVATIONS
    from policies.chunk.backends.server_keys import OPENPI
    from policies.chunk.opening import joints_of
    from policies.chunk.pictures import picture_problem
    from policies.chunk.protocol import ChunkBackend, ChunkObservation

log = logging.getLogger("policy-arbiter.serve")


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


@command
def main(argv: list[str] | None = None) -> None:
    arguments = parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    key = read_api_key(arguments.api_key_file)
    _check(arguments, key)
    kind = kind_of(arguments.checkpoint) if arguments.kind == "auto" else arguments.kind
    backend = load_backend(arguments.checkpoint, kind, **_options(arguments, kind))
    try:
        server = listen(backend, arguments.host, arguments.port, key, clients=arguments.clients, idle=arguments.idle)
        log.info("%s on ws://%s:%d", backend.name, arguments.host, server.port)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            log.info("closing")
        finally:
            server.close()
    finally:
        backend.close()


def _options(arguments: argparse.Namespace, kind: str) -> dict:
    """Arguments of the backend's constructor. Raises ConfigError for an option that this kind does not have."""
    model = load_model(arguments.robot)
    given = {name: getattr(arguments, name) for name in ("dataset", "joints", "rate_hz", "camera") if getattr(arguments, name)}
    if "joints" in given:
        given["joints"] = joints_of(given["joints"], model)
    takes = {"lerobot": ("dataset", "joints", "rate_hz", "camera"), "openpi": ("joints", "rate_hz")}.get(kind, ())
    if foreign := sorted(given.keys() - set(takes)):
        raise ConfigError(f"--{foreign[0].replace('_', '-')}: {arguments.checkpoint} is of the kind {kind}, which says it itself")
    own = {"onnx": {"provider": arguments.provider}, "lerobot": {"robot": model, "device": arguments.device}}
    return given | own.get(kind, {})


def _check(arguments: argparse.Namespace, key: str) -> None:
    """Raises ConfigError for settings that the server refuses to start with."""
    if not key and not is_loopback(arguments.host):
        raise ConfigError(
            f"--host {arguments.host}: other machines could ask this server without a key; give one with "
            f"--api-key-file FILE or in ${VARIABLE}, or leave --host out"
        )
    if not 1 <= arguments.clients <= 1000:
        raise ConfigError(f"--clients {arguments.clients}: 1 to 1000 are allowed")
    if not 1.0 <= arguments.idle <= 1e6:
        raise ConfigError(f"--idle {arguments.idle:g}: 1 to 1000000 s are allowed")


def listen(backend: ChunkBackend, host: str, port: int, api_key: str, **limits) -> PolicyServer:
    """A server; `limits` are arguments of PolicyServer. Raises ConfigError if it cannot listen at that address."""
    try:
        return PolicyServer(backend, host, port, api_key, **limits)
    except (OSError, OverflowError) as error:
        raise ConfigError(f"--host {host} --port {port}: cannot listen there ({error}); choose another --port") from error


if __name__ == "__main__":
    sys.exit(main())
