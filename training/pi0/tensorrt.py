"""Builds TensorRT engines from the ONNX graphs of π0. An engine belongs to the GPU and version it was built with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from arbiter.errors import ConfigError
from policies.pi0.card import PREFIX, STEP
from policies.pi0.tensorrt_backend import PREFIX_ENGINE, STEP_ENGINE

WORKSPACE = 4 << 30  # bytes that the builder may try out kernels in


def build_engines(folder: Path, out: Path, precision: str, calibration: list[dict] | None = None) -> None:
    """Both engines at `precision` ("fp32", "fp16", "int8").

    int8 needs `calibration`, inputs of the step graph; the prefix, whose inputs are pictures and words, stays at fp16.
    """
    if precision == "int8" and not calibration:
        raise ConfigError("int8 engines need recorded observations: give --calibration DATASET")
    build(folder / PREFIX, out / PREFIX_ENGINE, "fp16" if precision == "int8" else precision)
    build(folder / STEP, out / STEP_ENGINE, precision, calibration)


def build(file: Path, out: Path, precision: str, calibration: list[dict] | None = None) -> None:
    """One engine. Raises ConfigError with the parser's own words when a graph cannot be read."""
    try:
        import tensorrt as trt
    except ImportError as error:
        raise ConfigError("building engines needs TensorRT: install the extra `gpu` on a machine with an NVIDIA "
                          "GPU") from error
    logger = trt.Logger(trt.Logger.WARNING)
    builder = trt.Builder(logger)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, logger)
    if not parser.parse_from_file(str(file)):  # finds external weights beside the file
        problems = "; ".join(str(parser.get_error(i)) for i in range(parser.num_errors))
        raise ConfigError(f"{file}: TensorRT {trt.__version__} cannot read it: {problems}")
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, WORKSPACE)
    if precision in ("fp16", "int8"):
        config.set_flag(trt.BuilderFlag.FP16)
    if precision == "int8":
        config.set_flag(trt.BuilderFlag.INT8)
        config.int8_calibrator = calibrator(trt, iter(calibration or []))
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise ConfigError(f"{file}: TensorRT could not build an engine; its log above says why")
    out.write_bytes(engine)


def calibrator(trt, inputs: Iterator[dict[str, np.ndarray]]):
    """Feeds recorded inputs to TensorRT's entropy calibration."""
    from cuda.bindings import runtime

    class Calibrator(trt.IInt8EntropyCalibrator2):
        """Keeps one device buffer for each input."""

        def __init__(self) -> None:
            super().__init__()
            self._buffers: dict[str, int] = {}

        def get_batch_size(self) -> int:
            return 1

        def get_batch(self, names: list[str]):
            batch = next(inputs, None)
            if batch is None:
                return None
            for name in names:
                array = np.ascontiguousarray(batch[name])
                if name not in self._buffers:
                    self._buffers[name] = runtime.cudaMalloc(array.nbytes)[1]
                runtime.cudaMemcpy(self._buffers[name], array.ctypes.data, array.nbytes,
                                   runtime.cudaMemcpyKind.cudaMemcpyHostToDevice)
            return [int(self._buffers[name]) for name in names]

        def read_calibration_cache(self):
            return None

        def write_calibration_cache(self, cache) -> None:
            """Nothing is kept: the ranges belong to this checkpoint."""

    return Calibrator()
