"""Builds TensorRT engines from the ONNX graphs of π0. An engine belongs to the GPU and version it was built with.

The engines compute in the types that the graphs say (TensorRT calls it strong typing; it is the only way that TensorRT 11
has left): fp16 and int8 are made in the graphs, by `training.pi0.quantise`, and can be run and compared without a GPU.
"""

from __future__ import annotations

from pathlib import Path

from arbiter.errors import ConfigError
from arbiter.extras import needed
from policies.chunk.backends.card import PREFIX, STEP
from policies.chunk.backends.tensorrt import PREFIX_ENGINE, STEP_ENGINE

WORKSPACE = 4 << 30  # bytes that the builder may try out kernels in


def build_engines(folder: Path, out: Path) -> None:
    """Both engines of the graphs in `folder`, as `export_onnx` writes them for engines."""
    build(folder / PREFIX, out / PREFIX_ENGINE)
    build(folder / STEP, out / STEP_ENGINE)


def build(file: Path, out: Path) -> None:
    """One engine. Raises ConfigError with the parser's own words when a graph cannot be read."""
    try:
        import tensorrt as trt
    except ImportError as error:
        raise ConfigError(f"building engines {needed('tensorrt')}, on a machine with an NVIDIA GPU") from error
    logger = trt.Logger(trt.Logger.WARNING)
    try:
        builder = trt.Builder(logger)
    except TypeError as error:  # what its constructor raises where CUDA does not start
        raise ConfigError(f"TensorRT {trt.__version__} finds no GPU that it can use; see `nvidia-smi`") from error
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse_from_file(str(file)):  # finds external weights beside the file
        problems = "; ".join(str(parser.get_error(i)) for i in range(parser.num_errors))
        raise ConfigError(f"{file}: TensorRT {trt.__version__} cannot read it: {problems}")
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, WORKSPACE)
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise ConfigError(f"{file}: TensorRT could not build an engine; its log above says why")
    out.write_bytes(engine)
