"""Writes a BERT sentence encoder straight as a graph of onnxruntime's fused operators (embedding, attention, layer norms).

What the exporter writes computes the same in three times as many nodes; one short text then takes a sixth more time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sentence_transformers import SentenceTransformer

from arbiter.routing.encoder import STRUCTURE, VECTOR

FUSED = "com.microsoft"


def fusible(model: SentenceTransformer) -> bool:
    """Whether it is a BERT with GELU and absolute positions whose vector is the mean over the tokens."""
    config = getattr(getattr(model[0], "auto_model", None), "config", None)
    if config is None or config.model_type != "bert" or config.hidden_act != "gelu":
        return False
    kinds = [type(module).__name__ for module in model]
    mean = len(kinds) > 1 and getattr(model[1], "pooling_mode", None) in ("mean", ("mean",), ["mean"])
    mean = mean or (len(kinds) > 1 and getattr(model[1], "pooling_mode_mean_tokens", False))
    absolute = getattr(config, "position_embedding_type", "absolute") in ("absolute", None)
    return bool(mean and absolute and kinds in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]))


class _Graph:
    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def weight(self, name: str, value: np.ndarray) -> str:
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, kind: str, inputs: list[str], outputs: list[str], domain: str = "", **attributes: object) -> str:
        self.nodes.append(helper.make_node(kind, inputs, outputs, name=outputs[0], domain=domain, **attributes))
        return outputs[0]


def write(model: SentenceTransformer, target: Path, heads: dict[str, np.ndarray] | None = None) -> None:
    """Writes the float32 graph: (input_ids, attention_mask), each int64 (batch, tokens), -> vector (batch, size).

    Args:
        heads: weight (outputs, size) and bias (outputs,) of what each token tells, a second output (batch, tokens, outputs).
    """
    network: Any = model[0].auto_model  # a transformers model, which sentence-transformers types as Module | Tensor
    config = network.config
    values = {name: value.numpy() for name, value in network.state_dict().items()}
    graph = _Graph()
    graph.add("Cast", ["input_ids"], ["ids"], to=TensorProto.INT32)
    graph.add("Cast", ["attention_mask"], ["mask"], to=TensorProto.INT32)
    kind = values["embeddings.token_type_embeddings.weight"][0]
    embedding = [
        "ids",
        "",
        graph.weight("words", values["embeddings.word_embeddings.weight"]),
        graph.weight("positions", values["embeddings.position_embeddings.weight"] + kind),
        "",
        *_norm(graph, "embedded", values, "embeddings.LayerNorm"),
        "mask",
    ]
    graph.add("EmbedLayerNormalization", embedding, ["embedded", "lengths"], FUSED, epsilon=config.layer_norm_eps)
    x = "embedded"
    for i in range(config.num_hidden_layers):
        x = _layer(graph, x, i, values, config.num_attention_heads, config.layer_norm_eps)
    graph.add("Cast", ["attention_mask"], ["weights"], to=TensorProto.FLOAT)
    axis = graph.weight("axis", np.array([1], np.int64))
    graph.add("Unsqueeze", ["weights", axis], ["weights_row"])
    graph.add("MatMul", ["weights_row", x], ["sum_row"])
    graph.add("Squeeze", ["sum_row", axis], ["sum"])
    graph.add("LpNormalization", ["sum"], [VECTOR], axis=-1, p=2)  # the mean's direction is the sum's
    tokens = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"]) for name in ("input_ids", "attention_mask")
    ]
    vector = helper.make_tensor_value_info(VECTOR, TensorProto.FLOAT, ["batch", config.hidden_size])
    outputs = [vector]
    if heads is not None:
        scores = graph.add("MatMul", [x, graph.weight("heads", heads["weight"].T)], ["scores"])
        graph.add("Add", [scores, graph.weight("heads_bias", heads["bias"])], [STRUCTURE])
        size = len(heads["bias"])
        outputs.append(helper.make_tensor_value_info(STRUCTURE, TensorProto.FLOAT, ["batch", "tokens", size]))
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(FUSED, 1)]
    written = helper.make_graph(graph.nodes, "sentence", tokens, outputs, graph.weights)
    onnx.save(helper.make_model(written, opset_imports=opsets, ir_version=10), str(target))


def _norm(graph: _Graph, name: str, values: dict[str, np.ndarray], path: str) -> tuple[str, str]:
    return graph.weight(f"{name}_gain", values[f"{path}.weight"]), graph.weight(f"{name}_shift", values[f"{path}.bias"])


def _layer(graph: _Graph, x: str, i: int, values: dict[str, np.ndarray], heads: int, epsilon: float) -> str:
    path = f"encoder.layer.{i}"
    inside = [f"{path}.attention.self.{part}" for part in ("query", "key", "value")]
    packed = graph.weight(f"qkv{i}", np.concatenate([values[f"{part}.weight"].T for part in inside], axis=1))
    shift = graph.weight(f"qkv_bias{i}", np.concatenate([values[f"{part}.bias"] for part in inside]))
    graph.add("Attention", [x, packed, shift, "lengths"], [f"attended{i}"], FUSED, num_heads=heads)

    def dense(source: str, name: str, part: str) -> tuple[str, str]:
        weight = graph.weight(f"{name}_weight", values[f"{path}.{part}.weight"].T)
        return graph.add("MatMul", [source, weight], [name]), graph.weight(f"{name}_bias", values[f"{path}.{part}.bias"])

    def add_norm(product: str, bias: str, skip: str, name: str, part: str) -> str:
        inputs = [product, skip, *_norm(graph, name, values, f"{path}.{part}.LayerNorm"), bias]
        return graph.add("SkipLayerNormalization", inputs, [name], FUSED, epsilon=epsilon)

    product, bias = dense(f"attended{i}", f"out{i}", "attention.output.dense")
    middle = add_norm(product, bias, x, f"middle{i}", "attention.output")
    wide, bias = dense(middle, f"wide{i}", "intermediate.dense")
    active = graph.add("BiasGelu", [wide, bias], [f"active{i}"], FUSED)
    product, bias = dense(active, f"narrow{i}", "output.dense")
    return add_norm(product, bias, middle, f"layer{i}", "output")
