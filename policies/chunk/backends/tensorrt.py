"""π0 as TensorRT engines: the two graphs of the ONNX export, built for the GPU at hand by `training.pi0.export`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from arbiter.errors import ConfigError, PolicyError
from arbiter.extras import advice
from policies.chunk.backends.card import read_card
from policies.chunk.backends.graphs import GraphBackend

PREFIX_ENGINE, STEP_ENGINE = "prefix.engine", "step.engine"


def _libraries():
    """TensorRT and CUDA's runtime. Raises ConfigError with the way out."""
    try:
        import tensorrt
        from cuda.bindings import runtime
    except ImportError as error:
        raise ConfigError(
            f"the TensorRT backend needs {error.name}, which comes with {advice('gpu')}, on a machine with an "
            "NVIDIA GPU; or take the ONNX backend"
        ) from error
    return tensorrt, runtime


class EngineGraph:
    """One engine with device memory for its inputs and outputs, bound once.

    Args:
        file: The serialized engine; it fits the TensorRT version and the GPU it was built with.
    """

    def __init__(self, file: Path) -> None:
        self._trt, self._cuda = _libraries()
        logger = self._trt.Logger(self._trt.Logger.WARNING)
        engine = self._trt.Runtime(logger).deserialize_cuda_engine(file.read_bytes())
        if engine is None:
            raise ConfigError(
                f"{file}: not an engine of TensorRT {self._trt.__version__} for this GPU; build it here "
                "with `python -m training.pi0.export CHECKPOINT --to tensorrt`"
            )
        self._engine, self._context = engine, engine.create_execution_context()
        self._stream = self._call(self._cuda.cudaStreamCreate())
        self._host: dict[str, np.ndarray] = {}
        self._device: dict[str, int] = {}
        self._inputs, self._outputs = [], []
        for i in range(engine.num_io_tensors):
            self._bind(engine.get_tensor_name(i))

    def _bind(self, name: str) -> None:
        engine = self._engine
        array = np.empty(tuple(engine.get_tensor_shape(name)), self._trt.nptype(engine.get_tensor_dtype(name)))
        pointer = self._call(self._cuda.cudaMalloc(max(1, array.nbytes)))
        self._host[name], self._device[name] = array, pointer
        self._context.set_tensor_address(name, int(pointer))
        is_input = self._engine.get_tensor_mode(name) == self._trt.TensorIOMode.INPUT
        (self._inputs if is_input else self._outputs).append(name)

    def _call(self, answer):
        """The value of a CUDA call. Raises PolicyError if it failed."""
        error, *value = answer if isinstance(answer, tuple) else (answer,)
        if int(error) != 0:
            raise PolicyError(f"TensorRT backend: CUDA error {error}; see `nvidia-smi` for the state of the GPU")
        return value[0] if value else None

    def __call__(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        copy, kinds = self._cuda.cudaMemcpyAsync, self._cuda.cudaMemcpyKind
        for name in self._inputs:
            array = self._host[name]
            array[...] = inputs[name]
            self._call(copy(self._device[name], array.ctypes.data, array.nbytes, kinds.cudaMemcpyHostToDevice, self._stream))
        if not self._context.execute_async_v3(int(self._stream)):
            raise PolicyError("TensorRT backend: the engine did not run; rebuild it on this machine")
        for name in self._outputs:
            array = self._host[name]
            self._call(copy(array.ctypes.data, self._device[name], array.nbytes, kinds.cudaMemcpyDeviceToHost, self._stream))
        self._call(self._cuda.cudaStreamSynchronize(self._stream))
        return {name: self._host[name].copy() for name in self._outputs}

    def close(self) -> None:
        """Frees device memory. May be called twice."""
        for pointer in self._device.values():
            self._cuda.cudaFree(pointer)
        self._device.clear()


class TensorRTBackend(GraphBackend):
    """A folder written by `python -m training.pi0.export --to tensorrt`.

    Args:
        folder: Where it is.
        name, steps, rtc_horizon: See GraphBackend.
    """

    def __init__(self, folder: str | Path, **options) -> None:
        folder = Path(folder)
        card = read_card(folder)
        prefix, step = EngineGraph(folder / PREFIX_ENGINE), EngineGraph(folder / STEP_ENGINE)
        super().__init__(folder, prefix, step, card, **options)
        self.warm_up()
