"""π0 as two ONNX graphs: the observation's keys and values, and one denoising step.

The sampling loop stays outside (`policies.chunk.backends.sampler`): its number of steps and the guidance of real-time chunking
are then free at run time, and the costly prefix runs once a chunk.
"""

from __future__ import annotations

import contextlib
import importlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

LARGE = 1_900_000_000  # bytes; a protobuf message ends at 2 GB, larger weights go beside it


class PrefixGraph(nn.Module):
    """Pictures (1, C, 3, S, S) in [-1, 1], their masks, tokens and their mask to k, v (L, 1, heads, S, d) and pad."""

    def __init__(self, core) -> None:
        super().__init__()
        self.core = core

    def forward(self, images: Tensor, img_masks: Tensor, tokens: Tensor, tok_mask: Tensor):
        from lerobot.policies.common.vla_utils import make_att_2d_masks, prepare_attention_masks_4d

        core, cameras = self.core, range(images.shape[1])
        embeddings, pad, blocks = core.embed_prefix(
            [images[:, i] for i in cameras], [img_masks[:, i] for i in cameras], tokens, tok_mask
        )
        core.paligemma_with_expert.paligemma.model.language_model.config._attn_implementation = "eager"
        _, cache = core.paligemma_with_expert.forward(
            attention_mask=prepare_attention_masks_4d(make_att_2d_masks(pad, blocks)),
            position_ids=torch.cumsum(pad, dim=1) - 1,
            past_key_values=None,
            inputs_embeds=[embeddings, None],
            use_cache=True,
        )
        keys, values, _ = zip(*cache, strict=True)
        return torch.stack(keys), torch.stack(values), pad


class DenoisingStepGraph(nn.Module):
    """Keys, values and mask of the prefix, state (1, n), noisy chunk (1, T, A) and time (1,) to the flow (1, T, A)."""

    def __init__(self, core, with_state: bool = True) -> None:
        super().__init__()
        self.core, self.with_state = core, with_state

    def forward(self, k: Tensor, v: Tensor, pad: Tensor, state: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        from transformers import DynamicCache

        cache = DynamicCache(tuple((k[i], v[i], None) for i in range(k.shape[0])))
        options = {"state": state} if self.with_state else {}
        return self.core.denoise_step(prefix_pad_masks=pad, past_key_values=cache, x_t=x_t, timestep=t, **options)


@contextlib.contextmanager
def exact_time(kind: str):
    """Inside this context the frequencies of the time embedding are a constant in double precision.

    ONNX Runtime computes LeRobot's own formula (a power in double precision) with an error of 1e-5.
    """
    module: Any = importlib.import_module(f"lerobot.policies.{kind}.modeling_{kind}")
    before = module.create_sinusoidal_pos_embedding

    def embed(time: Tensor, dimension: int, min_period: float, max_period: float, device="cpu") -> Tensor:
        period = min_period * (max_period / min_period) ** np.linspace(0.0, 1.0, dimension // 2)
        angle = torch.from_numpy(2.0 * np.pi / period).to(time.device)[None, :] * time[:, None].double()
        return torch.cat((angle.sin(), angle.cos()), 1)

    module.create_sinusoidal_pos_embedding = embed
    try:
        yield
    finally:
        module.create_sinusoidal_pos_embedding = before


def example(config, seed: int = 0) -> dict[str, Tensor]:
    """Inputs of both graphs with the shapes of `config`."""
    draw = torch.Generator().manual_seed(seed)
    side, length = config.image_resolution[0], config.tokenizer_max_length
    tokens, mask = torch.zeros(1, length, dtype=torch.long), torch.zeros(1, length, dtype=torch.bool)
    tokens[:, :6], mask[:, :6] = torch.randint(3, 200, (1, 6), generator=draw), True
    return {
        "images": torch.rand(1, 1, 3, side, side, generator=draw) * 2 - 1,
        "img_masks": torch.ones(1, 1, dtype=torch.bool),
        "tokens": tokens,
        "tok_mask": mask,
        "state": torch.randn(1, config.max_state_dim, generator=draw),
        "x_t": torch.randn(1, config.chunk_size, config.max_action_dim, generator=draw),
        "t": torch.tensor([0.7]),
    }


@torch.no_grad()
def export_graphs(policy, prefix_file: Path, step_file: Path) -> None:
    """Writes both graphs, float32, batch 1; weights beyond 2 GB go into `<file>.data` beside their graph."""
    core, config = policy.model, policy.config
    inputs = {key: value.to(config.device) for key, value in example(config).items()}
    first = {key: inputs[key] for key in ("images", "img_masks", "tokens", "tok_mask")}
    size = sum(p.numel() * p.element_size() for p in core.parameters())
    options: dict[str, Any] = {"opset_version": 18, "dynamo": True, "external_data": size > LARGE, "verbose": False}
    with exact_time(config.type):
        prefix = PrefixGraph(core).eval()
        k, v, pad = prefix(**first)
        torch.onnx.export(
            prefix, tuple(first.values()), str(prefix_file), input_names=list(first), output_names=["k", "v", "pad"], **options
        )
        second = {"k": k, "v": v, "pad": pad, "state": inputs["state"], "x_t": inputs["x_t"], "t": inputs["t"]}
        torch.onnx.export(
            DenoisingStepGraph(core, config.type == "pi0").eval(),
            tuple(second.values()),
            str(step_file),
            input_names=list(second),
            output_names=["v_t"],
            **options,
        )
    for file in (prefix_file, step_file):
        _forget_the_source(file)


def _forget_the_source(file: Path) -> None:
    """Removes the stack traces that torch's exporter adds to each node: they hold local paths and half of a tiny graph's size."""
    import onnx

    graph = onnx.load(str(file), load_external_data=False)
    for node in graph.graph.node:
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    onnx.save(graph, str(file))
