"""Reduced precision of the graphs: fp16 weights, dynamic int8, and int8 with activation ranges from recorded observations."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from arbiter.errors import ConfigError
from policies.chunk.backends.lerobot.checkpoint import Checkpoint, statistics
from training.pi0.onnx_graphs import LARGE

HALF_MOST = 65504.0  # the largest number of half precision


def for_engine(file: Path) -> None:
    """Rewrites the operations in `file` that TensorRT's parser refuses: double precision, and cumulative sums of integers.

    See "Supported ONNX Operators" of onnx-tensorrt. The time embedding then is off by 1e-4 at most; counts are exact, in half
    precision up to 2048 tokens.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(str(file), load_external_data=False)
    graph = model.graph
    held = [*graph.initializer, *(a.t for node in graph.node for a in node.attribute if a.type == a.TENSOR)]
    for tensor in (tensor for tensor in held if tensor.data_type == TensorProto.DOUBLE):
        values = numpy_helper.to_array(tensor, base_dir=str(file.parent))  # beyond 2 GB they lie beside the graph
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float32), tensor.name))
    for attribute in (a for node in graph.node if node.op_type == "Cast" for a in node.attribute):
        if attribute.name == "to" and attribute.i == TensorProto.DOUBLE:
            attribute.i = TensorProto.FLOAT
    for value in (one.type.tensor_type for one in graph.value_info):
        value.elem_type = TensorProto.FLOAT if value.elem_type == TensorProto.DOUBLE else value.elem_type
    for i in reversed([i for i, node in enumerate(graph.node) if node.op_type == "CumSum"]):
        node = graph.node[i]
        source, result = node.input[0], node.output[0]
        node.input[0], node.output[0] = f"{source}_to_sum", f"{result}_summed"
        graph.node.insert(i + 1, helper.make_node("Cast", [node.output[0]], [result], to=TensorProto.INT64))
        graph.node.insert(i, helper.make_node("Cast", [source], [node.input[0]], to=TensorProto.FLOAT))
    onnx.save(model, str(file))


def to_fp16(file: Path, out: Path) -> None:
    """Stores the weights in half precision and computes in it; inputs and outputs stay float32."""
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    model = onnx.load(str(file))
    _bound_masks(model)
    # The time embedding needs float32's range and long sums its precision. torch's exporter already wrote the shapes.
    blocked = ["Sin", "Cos", "Where", "CumSum", "Range", "Softmax", "Add"]
    model = convert_float_to_float16(model, keep_io_types=True, op_block_list=blocked, disable_shape_infer=True)
    del model.graph.value_info[:]  # its entries still say single precision
    OnnxModel(model).topological_sort()  # the conversion appends the casts of inputs and outputs at the end
    size = sum(len(tensor.raw_data) for tensor in model.graph.initializer)  # ByteSize() fails beyond 2 GB
    beside = {"save_as_external_data": True, "location": f"{out.name}.data"} if size > LARGE else {}
    onnx.save(model, str(out), **beside)


def _bound_masks(model) -> None:
    """The attention mask adds float32's lowest number, which is -inf in half precision, and a row of those softmaxes to NaN.

    -10 000 hides a token as well.
    """
    from onnx import numpy_helper

    held = [
        *model.graph.initializer,
        *(a.t for node in model.graph.node if node.op_type == "Constant" for a in node.attribute if a.name == "value"),
    ]
    for tensor in held:
        values = numpy_helper.to_array(tensor) if tensor.data_type == tensor.FLOAT else np.zeros(0)
        if (values < -HALF_MOST).any():
            tensor.CopyFrom(numpy_helper.from_array(np.where(values < -HALF_MOST, np.float32(-1e4), values), tensor.name))


# For TensorRT: symmetric scales, biases not quantised, and a quantise/dequantise pair at each weight and input.
ENGINE = {
    "ActivationSymmetric": True,
    "WeightSymmetric": True,
    "QuantizeBias": False,
    "AddQDQPairToWeight": True,
    "DedicatedQDQPair": True,
}


def to_int8(file: Path, out: Path, calibration: list[dict] | None = None, engine: bool = False) -> None:
    """int8 weights per channel; activation scales are dynamic, or fixed by `calibration`.

    `engine`: for TensorRT, which supports fixed scales only.
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_dynamic, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".export") as scratch:
        ready = Path(scratch) / file.name
        large = sum(part.stat().st_size for part in file.parent.glob(f"{file.name}*")) > LARGE
        quant_pre_process(
            str(file),
            str(ready),
            skip_symbolic_shape=True,
            save_as_external_data=large,
            external_data_location=f"{ready.name}.data" if large else None,
        )
        if calibration is None:
            quantize_dynamic(str(ready), str(out), weight_type=QuantType.QInt8, per_channel=True, use_external_data_format=large)
        else:
            quantize_static(
                str(ready),
                str(out),
                _reader(calibration),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                weight_type=QuantType.QInt8,
                activation_type=QuantType.QInt8,
                op_types_to_quantize=["MatMul", "Gemm"],
                use_external_data_format=large,
                extra_options=ENGINE if engine else {},
            )


def _reader(inputs: list[dict]):
    from onnxruntime.quantization import CalibrationDataReader

    class RecordedInputs(CalibrationDataReader):
        """Returns the recorded inputs one by one."""

        def __init__(self) -> None:
            self._left = iter(inputs)

        def get_next(self):
            return next(self._left, None)

    return RecordedInputs()


def single_precision(loaded: Checkpoint) -> None:
    """Takes a policy in bfloat16, as fine-tuning leaves it, to float32: ONNX Runtime does not compute in bfloat16."""
    loaded.policy.config.dtype = "float32"
    loaded.policy.float()


def calibration_inputs(loaded: Checkpoint, dataset: Path, count: int = 32, seed: int = 0) -> list[dict]:
    """Inputs of the step graph as they occur on recorded observations, at times spread over the flow."""
    import torch
    from tqdm import tqdm

    from training.pi0 import memory
    from training.pi0.batches import Batches
    from training.pi0.onnx_graphs import PrefixGraph

    config = loaded.policy.config
    if config.type != "pi0":
        raise ConfigError(
            f"calibrated int8 is for pi0; {config.type} takes dynamic int8 (leave --calibration out), or fp16 for an engine"
        )
    single_precision(loaded)
    data = memory.load(dataset, config.image_resolution[0], progress=False)
    stats = statistics(loaded.before)
    batches, prefix = Batches(loaded.policy, loaded.before, data, stats), PrefixGraph(loaded.policy.model)
    rng, draw, found = np.random.default_rng(seed), torch.Generator().manual_seed(seed), []
    with torch.no_grad():
        frames = tqdm(rng.choice(len(data), count), "calibration", unit="frame", disable=None)
        for i, frame in enumerate(frames):
            batch = batches.at(np.array([frame]), full_prompt=True)
            seen = (batch["images"][0][:, None], batch["image_masks"][0][:, None], batch["tokens"], batch["token_mask"])
            k, v, pad = (part.cpu() for part in prefix(*(part.to(config.device) for part in seen)))
            t = torch.tensor([(i + 0.5) / count])
            x = t * torch.randn(batch["actions"].shape, generator=draw) + (1 - t) * batch["actions"]
            found.append(
                {
                    "k": k.numpy(),
                    "v": v.numpy(),
                    "pad": pad.numpy(),
                    "state": batch["state"].numpy(),
                    "x_t": x.numpy(),
                    "t": t.numpy(),
                }
            )
    return found
