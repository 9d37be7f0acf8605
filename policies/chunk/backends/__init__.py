"""Backends of π0: what turns a camera picture, the joints and an instruction into a chunk of joint targets.

    backend = load_backend("policies/weights/pi0_tiny")                      # ONNX Runtime, no torch
    backend = load_backend("runs/pi0/best", kind="lerobot", device="cuda")   # LeRobot's policy in this process
    backend = load_backend("engines/pi0", kind="tensorrt")                   # the same graphs as TensorRT engines
    backend = load_backend("ws://host:8000", kind="openpi", robot="berkeley_humanoid_lite")

Every backend keeps the protocol `policies.chunk.protocol.ChunkBackend`. Only the chosen kind's libraries are imported.
"""

from __future__ import annotations

import importlib
from pathlib import Path

from arbiter.errors import ConfigError
from arbiter.extras import advice
from policies.chunk.protocol import ChunkBackend

KINDS = {  # module, class, extra
    "onnx": ("policies.chunk.backends.onnx", "OnnxBackend", ""),
    "lerobot": ("policies.chunk.backends.lerobot.backend", "LeRobotBackend", "train"),
    "tensorrt": ("policies.chunk.backends.tensorrt", "TensorRTBackend", "gpu"),
    "openpi": ("policies.chunk.backends.openpi", "OpenPiBackend", "robot"),
}


def load_backend(path: str | Path, kind: str = "onnx", **options) -> ChunkBackend:
    """The backend of `kind` for the exported folder, checkpoint folder or server address `path`.

    `options` go to the backend's constructor. Raises ConfigError with the way out.
    """
    if kind not in KINDS:
        raise ConfigError(f"π0 backend {kind!r} is unknown; there are: {', '.join(KINDS)}")
    module, name, extra = KINDS[kind]
    try:
        backend = getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise ConfigError(
            f"π0 backend {kind!r} needs {error.name or error}, which comes with {advice(extra) if extra else 'the base install'}"
        ) from error
    return backend(path, **options)
