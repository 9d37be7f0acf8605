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
import logging
import signal
import sys

from arbiter.errors import ConfigError
from deploy.cli.command import CommandParser, command
from deploy.cli.extras import extra
from deploy.serving import MAX_CLIENTS, MAX_IDLE
from policies.chunk.backends.api_key import VARIABLE, read_api_key


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
    from deploy.console.request_guard import is_loopback
    from deploy.robots.description import load_model
    from deploy.serving.policy_server import PolicyServer, listen
    from policies.chunk.backends import kind_of, load_backend
    from policies.chunk.opening import joints_of

__all__ = ["PolicyServer", "main"]

log = logging.getLogger("policy-arbiter.serve")


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


if __name__ == "__main__":
    sys.exit(main())
