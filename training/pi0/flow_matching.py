"""The flow-matching loss of π0 with several samples of noise and time per observation.

The prefix (pictures and prompt) does not attend to the actions, so its keys and values are computed once and shared by all
samples: that and fused attention make training about twice as fast on a CPU as LeRobot's joint forward pass, with the same
loss (a test compares them).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def encode_observation(core, inputs: dict[str, Any]) -> tuple[Any, Tensor]:
    """Keys and values of the prefix, with the mask of its valid tokens (B, S).

    Args:
        core: LeRobot's PI0Pytorch.
        inputs: "images", "image_masks", "tokens" and "token_mask", as in `flow_loss`.
    """
    from lerobot.policies.common.vla_utils import make_att_2d_masks, prepare_attention_masks_4d

    embeddings, valid, blocks = core.embed_prefix(inputs["images"], inputs["image_masks"], inputs["tokens"], inputs["token_mask"])
    mask = prepare_attention_masks_4d(make_att_2d_masks(valid, blocks))
    core.paligemma_with_expert.paligemma.model.language_model.config._attn_implementation = "sdpa"
    _, cache = core.paligemma_with_expert.forward(
        attention_mask=mask,
        position_ids=torch.cumsum(valid, 1) - 1,
        past_key_values=None,
        inputs_embeds=[embeddings, None],
        use_cache=True,
    )
    return cache, valid


def _velocity(core, cache, valid: Tensor, state: Tensor, x_t: Tensor, time: Tensor) -> Tensor:
    """Predicted velocity of the flow, shape (B, T, A), given the observation's cache repeated to the same B."""
    from lerobot.policies.common.vla_utils import make_att_2d_masks, prepare_attention_masks_4d

    embeddings, suffix_valid, blocks, _ = core.embed_suffix(state, x_t, time)
    length = embeddings.shape[1]
    sees = torch.cat((valid[:, None, :].expand(-1, length, -1), make_att_2d_masks(suffix_valid, blocks)), 2)
    core.paligemma_with_expert.gemma_expert.model.config._attn_implementation = "sdpa"
    positions = valid.sum(-1)[:, None] + torch.cumsum(suffix_valid, 1) - 1
    (_, out), _ = core.paligemma_with_expert.forward(
        attention_mask=prepare_attention_masks_4d(sees),
        position_ids=positions,
        past_key_values=cache,
        inputs_embeds=[None, embeddings],
        use_cache=False,
    )
    return core.action_out_proj(out[:, -core.config.chunk_size :].float())


def flow_loss(
    core,
    images: list[Tensor],
    image_masks: list[Tensor],
    tokens: Tensor,
    token_mask: Tensor,
    state: Tensor,
    actions: Tensor,
    samples: int = 2,
    weight: Tensor | None = None,
    noise: Tensor | None = None,
    time: Tensor | None = None,
    encoded: tuple[Any, Tensor] | None = None,
) -> Tensor:
    """Mean squared error of the predicted flow.

    Args:
        core: LeRobot's PI0Pytorch.
        images: Pictures in [-1, 1], each (B, 3, H, W); image_masks, each (B,) bool.
        tokens, token_mask: The prompt, (B, L).
        state: Normalised state, (B, state).
        actions: Normalised chunk, (B, T, A).
        samples: Samples of noise and time per observation.
        weight: Weight of each error, (B, T, A); None: all one.
        noise, time: Fixed samples, (samples * B, T, A) and (samples * B,), for tests and held-out losses.
        encoded: Result of `encode_observation` for the same observation, if at hand.
    """
    from transformers import DynamicCache

    if encoded is None:
        prefix = {"images": images, "image_masks": image_masks, "tokens": tokens, "token_mask": token_mask}
        encoded = encode_observation(core, prefix)
    cache, valid = encoded
    if samples > 1:
        cache = DynamicCache(tuple((k.repeat(samples, 1, 1, 1), v.repeat(samples, 1, 1, 1), w) for k, v, w in cache))
        valid, state, actions = valid.repeat(samples, 1), state.repeat(samples, 1), actions.repeat(samples, 1, 1)
        weight = None if weight is None else weight.repeat(samples, 1, 1)
    if noise is None:
        noise = torch.randn_like(actions)
    if time is None:
        time = core.sample_time(len(actions), actions.device)
    t = time[:, None, None]
    velocity = _velocity(core, cache, valid, state, t * noise + (1 - t) * actions, time)
    error = (noise - actions - velocity).square()
    if weight is None:
        return error.mean()
    return (error * weight).sum() / weight.sum()
