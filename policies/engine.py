"""ONNX Runtime, set up for networks small enough to run inside a tick."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import io
import os
from pathlib import Path
from typing import Literal

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as native

from arbiter.errors import ConfigError
from arbiter.extras import advice
from policies.onnx_file import weights_beside

Provider = Literal["cpu", "cuda", "tensorrt"]
PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider", "tensorrt": "TensorrtExecutionProvider"}
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "policy_arbiter" / "tensorrt"
LOAD_ERRORS = (
    native.Fail,
    native.InvalidArgument,
    native.InvalidGraph,
    native.InvalidProtobuf,
    native.NoSuchFile,
    native.NotImplemented,
    native.RuntimeException,
    native.EPFail,
)


def providers(wanted: Provider, path: str | Path) -> list[str | tuple[str, dict]]:
    """What ONNX Runtime takes for the graph in `path`, the wanted one first. Raises ConfigError if it is not there."""
    name = PROVIDERS.get(wanted)
    there = onnxruntime.get_available_providers()
    if name is None or name not in there:
        have = ", ".join(key for key, value in PROVIDERS.items() if value in there)
        raise ConfigError(
            f"inference provider {wanted!r} is not available; there are: {have} (cuda and tensorrt come with "
            f"{advice('gpu')}; where that is installed, the plain onnxruntime lies over it: put it on top with "
            "`uv pip install --reinstall-package onnxruntime-gpu onnxruntime-gpu`)"
        )
    chain = {"tensorrt": ("tensorrt", "cuda", "cpu"), "cuda": ("cuda", "cpu"), "cpu": ("cpu",)}[wanted]
    found: list[str | tuple[str, dict]] = [PROVIDERS[key] for key in chain if PROVIDERS[key] in there]
    if wanted == "tensorrt":
        # It builds an engine for minutes when a large graph is first loaded. It would find it again by the names in the
        # graph, whatever the weights: hence a folder for each file.
        found[0] = (name, {"trt_engine_cache_enable": True, "trt_engine_cache_path": str(CACHE / digest(path))})
    return found


def digest(path: str | Path) -> str:
    """Of a graph and of the weights beside it. Raises ConfigError."""
    found = hashlib.sha256()
    for file in sorted({*Path(path).parent.glob(f"{Path(path).name}*"), *weights_beside(path)}):
        with file.open("rb") as stream:
            found.update(hashlib.file_digest(stream, "sha256").digest())
    return found.hexdigest()[:32]


def start(path: str | Path, provider: Provider = "cpu", threads: int = 1) -> onnxruntime.InferenceSession:
    """A session of the graph in `path` that runs on `provider`.

    Raises ConfigError if the graph cannot be loaded, or if the provider is installed but does not start: ONNX Runtime
    would go on with the CPU.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    chain = providers(provider, path)
    if provider != "cpu":
        load_libraries(provider)
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=chain)
    except LOAD_ERRORS as error:
        raise ConfigError(f"{path}: ONNX Runtime cannot load it: {error}") from error
    if PROVIDERS[provider] not in session.get_providers():
        raise ConfigError(
            f"inference provider {provider!r} is installed, but does not start on this machine; ONNX Runtime's "
            "message above says why (most often no NVIDIA driver, or libraries of another CUDA); take cpu, or "
            "auto where the policy has it"
        )
    return session


def load_libraries(provider: Provider) -> None:
    """Loads CUDA's libraries, and TensorRT's, out of their Python packages, where ONNX Runtime would not look."""
    if hasattr(onnxruntime, "preload_dlls"):
        with contextlib.redirect_stdout(io.StringIO()):  # it lists what it misses; `start` says what matters
            onnxruntime.preload_dlls(directory="")
    if provider == "tensorrt":
        try:
            importlib.import_module("tensorrt")
        except ImportError as error:
            raise ConfigError(
                f"inference provider 'tensorrt' needs the package tensorrt ({error}), which comes with "
                f"{advice('gpu')}; or take cuda"
            ) from error
