"""The checkpoint of an exported tiny π0, rebuilt from its ONNX graphs: what ships can be trained further.

The graphs hold every weight that takes part in predicting actions, in single precision; what does not (the vocabulary heads, the
last layer of the language model behind its keys and values) starts anew. Biases and norms have their names; a matrix is known by
its place: the exporter keeps the order in which the network computes.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from arbiter.errors import ConfigError
from policies.chunk.backends.card import PREFIX, STEP, Pi0Card, read_card
from policies.chunk.backends.card import TOKENIZER as TOKENIZER_FILE
from policies.chunk.backends.lerobot import checkpoint
from policies.chunk.backends.lerobot.tiny import TinySpec, seeded
from policies.chunk.backends.lerobot.tokenizers import TOKENIZER
from training.pi0.tokenizer import SPECIAL
from training.pi0.train_tiny import TinyModel

VISION = "paligemma_with_expert.paligemma.model.vision_tower.vision_model"
LANGUAGE = "paligemma_with_expert.paligemma.model.language_model"
EXPERT = "paligemma_with_expert.gemma_expert.model"
PROJECTOR = "paligemma_with_expert.paligemma.model.multi_modal_projector.linear"
ATTENTION = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj")
MLP = ("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")
LAYER = re.compile(r"vision_model\.encoder\.layers\.(\d+)\.")
AGREE = 1e-3  # [rad] by which the rebuilt checkpoint may differ from the graphs


@dataclass(frozen=True, slots=True)
class GraphWeights:
    """The weights of a graph. `named`: by the exporter's name without "core."; `matrices`: those of products, transposed, in the
    order of computing; `scales`: 1 + weight of each root-mean-square norm, likewise."""

    named: dict[str, np.ndarray]
    matrices: list[np.ndarray]
    scales: list[np.ndarray]


def graph_weights(file: Path) -> GraphWeights:
    """Reads them. Raises ConfigError for weights that are not in single precision."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(str(file)).graph
    held = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    named = {name.removeprefix("core."): value for name, value in held.items() if name.startswith("core.")}
    named |= {"embedding": held["embedding"]} if "embedding" in held else {}
    matrices, scales = [], []
    for node in graph.node:
        for name in node.input:
            value = held.get(name)
            if node.op_type == "MatMul" and value is not None and value.ndim == 2:
                matrices.append(value.T)
            if node.op_type == "Mul" and value is not None and value.ndim == 1 and len(value) > 1:
                scales.append(value)
    if not matrices or any(one.dtype != np.float32 for one in (*matrices, *scales)):
        raise ConfigError(f"{file}: not weights in single precision; a tiny π0 exported as fp32 can be trained further")
    return GraphWeights(named, matrices, scales)


def rebuild(folder: Path, words: Path) -> TinyModel:
    """The checkpoint of the exported tiny π0 in `folder`; its tokenizer is written to `words`.

    Raises ConfigError for another export, and when the rebuilt network does not predict what the graphs do.
    """
    card = read_card(folder)
    prefix, step = graph_weights(folder / PREFIX), graph_weights(folder / STEP)
    spec = _spec(card, prefix, step)
    policy = seeded(spec, state_dim=card.state_size, action_dim=card.action_size, chunk=card.horizon)
    own = policy.state_dict()
    found = _prefix_weights(prefix, spec) | _step_weights(step, spec)
    for name, value in found.items():
        key = f"model.{name}"
        if key not in own or tuple(own[key].shape) != value.shape:
            raise ConfigError(f"{folder}: {name} {value.shape} does not fit a tiny π0; train from nothing instead")
        own[key] = torch.from_numpy(np.array(value))
    policy.load_state_dict(own)
    stats = _statistics(card)
    _write_tokenizer(folder / TOKENIZER_FILE, words)
    before, after = checkpoint.make_processors(policy.config, stats, words)
    return TinyModel(policy, before, after, stats, spec, words)


def save_rebuilt(folder: Path, out: Path) -> Path:
    """Writes the rebuilt checkpoint to the folder `out`, and checks that it predicts what the graphs do. Returns `out`."""
    from training.pi0.parity import compare, observations

    model = rebuild(folder, out / "words" / TOKENIZER)
    model.save(out)
    off = compare(out, folder, "onnx", observations(read_card(folder), 2))["max_rad"]
    if not off < AGREE:
        shutil.rmtree(out)
        raise ConfigError(f"{folder}: the rebuilt checkpoint is {off:g} rad off its graphs; they come from another exporter")
    return out


def _prefix_weights(graph: GraphWeights, spec: TinySpec) -> dict[str, np.ndarray]:
    names = []
    for i in range(spec.vision_depth):
        layer = f"{VISION}.encoder.layers.{i}"
        names += [f"{layer}.self_attn.{part}_proj" for part in ("q", "k", "v", "out")] + [f"{layer}.mlp.fc1", f"{layer}.mlp.fc2"]
    names.append(PROJECTOR)
    layers = [f"{LANGUAGE}.layers.{i}" for i in range(spec.depth)]
    for layer in layers[:-1]:
        names += [f"{layer}.{part}" for part in (*ATTENTION, *MLP)]
    names += [f"{layers[-1]}.{part}" for part in ATTENTION[1:3]]  # only its keys and values are asked for
    norms = [f"{layer}.{norm}_layernorm" for layer in layers for norm in ("input", "post_attention")][:-1]
    named = {name: value for name, value in graph.named.items() if name != "embedding" and not name.endswith("embed_scale")}
    named[f"{VISION}.embeddings.position_embedding.weight"] = graph.named["embedding"][0]
    return named | _by_order(names, graph.matrices) | _norms(norms, graph.scales)


def _step_weights(graph: GraphWeights, spec: TinySpec) -> dict[str, np.ndarray]:
    layers = [f"{EXPERT}.layers.{i}" for i in range(spec.depth)]
    names = ["action_in_proj", "action_time_mlp_in", "action_time_mlp_out"]
    names += [f"{layer}.{part}" for layer in layers for part in (*ATTENTION, *MLP)] + ["action_out_proj"]
    norms = [f"{layer}.{norm}_layernorm" for layer in layers for norm in ("input", "post_attention")] + [f"{EXPERT}.norm"]
    return graph.named | _by_order(names, graph.matrices) | _norms(norms, graph.scales)


def _by_order(names: list[str], matrices: list[np.ndarray]) -> dict[str, np.ndarray]:
    if len(names) != len(matrices):
        raise ConfigError(f"exported π0: {len(matrices)} matrices in a graph; {len(names)} are expected of a tiny π0")
    return {f"{name}.weight": value for name, value in zip(names, matrices, strict=True)}


def _norms(names: list[str], scales: list[np.ndarray]) -> dict[str, np.ndarray]:
    if len(names) != len(scales):
        raise ConfigError(f"exported π0: {len(scales)} norms in a graph; {len(names)} are expected of a tiny π0")
    return {f"{name}.weight": value - 1.0 for name, value in zip(names, scales, strict=True)}


def _spec(card: Pi0Card, prefix: GraphWeights, step: GraphWeights) -> TinySpec:
    """The sizes, by the shapes of the weights."""
    filters = prefix.named[f"{VISION}.embeddings.patch_embedding.weight"]
    words = prefix.named[f"{LANGUAGE}.embed_tokens.weight"]
    depth = (len(step.matrices) - 4) // (len(ATTENTION) + len(MLP))
    gate, key = step.matrices[7], step.matrices[4]
    vision = {int(match[1]) for name in prefix.named if (match := LAYER.search(name))}
    first = prefix.matrices[6 * len(vision) + 1 + len(ATTENTION)]
    return TinySpec(
        width=words.shape[1],
        mlp=first.shape[0],
        expert_width=gate.shape[1],
        expert_mlp=gate.shape[0],
        depth=depth,
        head_dim=key.shape[0],
        vocab=words.shape[0],
        vision_width=filters.shape[0],
        vision_depth=len(vision),
        vision_mlp=prefix.matrices[4].shape[0],
        patch=filters.shape[2],
        image=card.image,
        tokens=card.tokens,
        steps=card.steps,
    )


def _statistics(card: Pi0Card) -> dict[str, dict[str, np.ndarray]]:
    """Mean and standard deviation of states and targets."""
    pairs = {"observation.state": (card.state_offset, card.state_scale), "action": (card.action_offset, card.action_scale)}
    return {
        key: {"mean": np.array(offset, np.float32), "std": np.array(scale, np.float32)} for key, (offset, scale) in pairs.items()
    }


def _write_tokenizer(file: Path, folder: Path) -> None:
    from transformers import PreTrainedTokenizerFast

    pad, end, begin, unknown = SPECIAL
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(file), pad_token=pad, eos_token=end, bos_token=begin, unk_token=unknown, padding_side="right"
    )
    tokenizer.save_pretrained(str(folder))
