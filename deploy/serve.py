"""Serves any π0 backend over openpi's websocket protocol, so that π0 can run on another host than the robot.

    python -m deploy.serve runs/lora/checkpoints/best/pretrained_model --kind lerobot --device cuda --port 8000
    python -m deploy.serve policies/weights/pi0_tiny

Clients: the backend `openpi` of this project, or openpi-client. Listens on this host only unless --host says
otherwise: the protocol has neither encryption nor, without --api-key, a lock.
"""

from __future__ import annotations

import argparse
import hmac
import http
import logging
import signal
import sys
import threading
import time

import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.sync.server import Server, ServerConnection, serve

from arbiter.errors import ArbiterError, ConfigError, PolicyError, in_one_line
from deploy.robots.description import load_model
from policies.chunk import ChunkBackend, ChunkObservation
from policies.pi0 import load_backend, wire
from policies.pi0.remote import KEYS

log = logging.getLogger("policy-arbiter.serve")


def observation_of(message: dict, joints: int, now: float) -> tuple[ChunkObservation, str, dict]:
    """What a client sent: observation, prompt and options. Raises WireError naming the key at fault."""
    state, image, prompt = (message.get(key) for key in KEYS)
    if not isinstance(state, np.ndarray) or state.shape != (2 * joints,) or not np.isfinite(state).all():
        raise wire.WireError(f"{KEYS[0]!r} must be {2 * joints} finite numbers: positions, then velocities")
    if image is not None and (not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3
                              or image.shape[2] != 3):
        raise wire.WireError(f"{KEYS[1]!r} must be a picture, uint8 (height, width, 3)")
    if not isinstance(prompt, str) or not prompt.strip():
        raise wire.WireError(f"{KEYS[2]!r} must be a text")
    options: dict = {"seed": int(message.get("seed", 0))}
    previous = message.get("previous")
    if previous is not None:
        if not isinstance(previous, np.ndarray) or previous.ndim != 2 or previous.shape[1] != joints:
            raise wire.WireError(f"'previous' must have {joints} columns")
        options |= {"previous": previous, "delay_steps": int(message.get("delay_steps", 0))}
    state = state.astype(np.float64)
    return ChunkObservation(now, state[:joints], state[joints:], image, now), prompt, options


class PolicyServer:
    """One backend for all clients; one inference at a time.

    Args:
        backend: What predicts.
        host, port: Where to listen; port 0: any free one, see `port`.
        api_key: What clients must send; "": nothing.
    """

    def __init__(self, backend: ChunkBackend, host: str = "127.0.0.1", port: int = 8000, api_key: str = "") -> None:
        self._backend, self._key, self._lock = backend, api_key, threading.Lock()
        self.metadata = {"policy": backend.name, "joints": list(backend.joints), "rate_hz": backend.rate_hz,
                         "horizon": backend.horizon, "rtc": backend.supports_rtc}
        self._clients: set[ServerConnection] = set()
        self._closed = False
        self._server: Server = serve(self._client, host, port, compression=None, max_size=wire.MAX_BYTES,
                                     process_request=self._admit, close_timeout=1.0)
        self.port = self._server.socket.getsockname()[1]

    def _admit(self, connection: ServerConnection, request):
        if request.path == "/healthz":
            return connection.respond(http.HTTPStatus.OK, "OK\n")
        given = request.headers.get("Authorization", "")
        if self._key and not hmac.compare_digest(given.encode(), f"Api-Key {self._key}".encode()):
            return connection.respond(http.HTTPStatus.UNAUTHORIZED, "wrong or missing API key\n")
        return None

    def _client(self, socket: ServerConnection) -> None:
        log.info("client %s", socket.remote_address)
        self._clients.add(socket)
        try:
            socket.send(wire.pack(self.metadata))
            for data in socket:
                try:
                    socket.send(wire.pack(self._answer(data)))
                except (ArbiterError, ValueError, TypeError, OverflowError, RuntimeError) as error:  # CUDA's is a RuntimeError
                    log.warning("refused: %s", error)
                    socket.send(f"{type(error).__name__}: {error}")
                    return
        except ConnectionClosed:
            pass
        finally:
            self._clients.discard(socket)

    def _answer(self, data: bytes | str) -> dict:
        if isinstance(data, str):
            raise wire.WireError("text came instead of a msgpack message")
        started = time.monotonic()
        observation, prompt, options = observation_of(wire.unpack(data), len(self._backend.joints), started)
        with self._lock:
            if self._closed:
                raise PolicyError("the server is being closed")
            rows = self._backend.predict(observation, prompt, **options)
        return {"actions": rows.astype(np.float32),
                "server_timing": {"infer_ms": (time.monotonic() - started) * 1e3}}

    def serve_forever(self) -> None:
        """Until `close`, or an interrupt."""
        self._server.serve_forever()

    def close(self) -> None:
        """Stops listening, waits for the inference that runs, and lets the clients go. The backend may be closed then."""
        self._server.shutdown()
        with self._lock:
            self._closed = True
        for socket in list(self._clients):
            socket.close(CloseCode.GOING_AWAY)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", help="an exported folder, a checkpoint folder, or a server's address")
    parser.add_argument("--kind", choices=("onnx", "lerobot", "tensorrt", "openpi"), default="onnx")
    parser.add_argument("--robot", default="berkeley_humanoid_lite", help="whose joints a LeRobot checkpoint drives")
    parser.add_argument("--device", default="cpu", help="lerobot: cpu or cuda")
    parser.add_argument("--provider", default="auto", help="onnx: cpu, cuda, tensorrt or auto")
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 for clients on other hosts")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--api-key", default="")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    options = {"onnx": {"provider": arguments.provider}, "tensorrt": {}, "openpi": {},
               "lerobot": {"joints": load_model(arguments.robot).joints, "device": arguments.device}}[arguments.kind]
    backend = load_backend(arguments.checkpoint, arguments.kind, **options)
    try:
        server = listen(backend, arguments.host, arguments.port, arguments.api_key)
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


def listen(backend: ChunkBackend, host: str, port: int, api_key: str) -> PolicyServer:
    """A server. Raises ConfigError if it cannot listen there."""
    try:
        return PolicyServer(backend, host, port, api_key)
    except (OSError, OverflowError) as error:
        raise ConfigError(f"--host {host} --port {port}: cannot listen there ({error}); choose another --port") from error


if __name__ == "__main__":
    sys.exit(in_one_line(main))
