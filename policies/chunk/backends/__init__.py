"""Backends: what turns a camera picture, the joints and an instruction into a chunk of joint targets.

    backend = load_backend("policies/weights/pi0_tiny")                      # exported π0: ONNX Runtime, no torch
    backend = load_backend("runs/act/pretrained_model", device="cuda")       # any of LeRobot's chunk policies, in this process
    backend = load_backend("engines/pi0")                                    # an exported π0's graphs as TensorRT engines
    backend = load_backend("ws://host:8000", joints=model.joints)            # a server that speaks openpi's protocol

Every backend keeps the protocol `policies.chunk.protocol.ChunkBackend`. Only the chosen kind's libraries are imported.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path

from arbiter.errors import ConfigError
from arbiter.extras import advice
from policies.chunk.address import is_address
from policies.chunk.protocol import ChunkBackend

KINDS = {  # module, class, extra
    "onnx": ("policies.chunk.backends.onnx", "OnnxBackend", ""),
    "lerobot": ("policies.chunk.backends.lerobot.backend", "LeRobotBackend", "train"),
    "tensorrt": ("policies.chunk.backends.tensorrt", "TensorRTBackend", "gpu"),
    "openpi": ("policies.chunk.backends.openpi", "OpenPiBackend", "robot"),
}
HOLDS = {"step.onnx": "onnx", "card.json": "tensorrt", "config.json": "lerobot"}  # by what lies in a folder


def kind_of(path: str | Path) -> str:
    """What runs the policy at `path`, a folder or an address. Raises ConfigError."""
    if is_address(path):
        return "openpi"
    for file, kind in HOLDS.items():
        if os.path.isfile(Path(path) / file):  # False, too, for what can be no name of a file
            return kind
    raise ConfigError(
        f"policy {path}: neither {' nor '.join(HOLDS)}; give an exported folder, a checkpoint's (such as "
        "RUN/checkpoints/last/pretrained_model), or a server's address with ws://"
    )


def load_backend(path: str | Path, kind: str = "auto", **options) -> ChunkBackend:
    """The backend of `kind` for the exported folder, checkpoint folder or server address `path`; "auto": see `kind_of`.

    `options` go to the backend's constructor. Raises ConfigError with the way out.
    """
    if kind not in ("auto", *KINDS):
        raise ConfigError(f"π0 backend {kind!r} is unknown; there are: auto, {', '.join(KINDS)}")
    kind = kind_of(path) if kind == "auto" else kind
    module, name, extra = KINDS[kind]
    try:
        backend = getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise ConfigError(
            f"π0 backend {kind!r} needs {error.name or error}, which comes with {advice(extra) if extra else 'the base install'}"
        ) from error
    return backend(path, **options)
