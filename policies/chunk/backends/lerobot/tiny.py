"""Tiny π0: LeRobot's own π0 classes, unmodified, with every size cut down to what two CPU cores can train.

LeRobot fixes the sizes of π0 in three module globals of `modeling_pi0`. They are replaced while a policy is being
constructed and put back afterwards. What LeRobot hard-codes stays: 8 attention heads, one key-value head, equal depth
and head size of the language model and the action expert.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import math
from collections.abc import Generator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from arbiter.errors import ConfigError
from arbiter.strict import Problems, build, read_text
from arbiter.strict.json_text import parse_json

SPEC_FILE = "tiny.json"


@dataclass(frozen=True, slots=True)
class TinySpec:
    """Sizes of a tiny π0.

    Attributes:
        width, mlp: Width and hidden width of the language model.
        expert_width, expert_mlp: The same of the action expert; the width must be even.
        depth: Layers of both.
        head_dim: Size of one of the 8 heads.
        vocab: Entries of the tokenizer, at most.
        vision_width, vision_depth, vision_heads, vision_mlp: The SigLIP tower.
        patch: Side of a picture patch [px]; divides the picture's side.
        image: Side of the picture [px].
        tokens: Length of a prompt [tokens].
        steps: Denoising steps at inference.
        time_alpha: Shape of the distribution of flow times in training. LeRobot's 1.5 spends much of a batch on nearly
            clean actions, which teach a small network little about the picture.
    """

    width: int = 64
    mlp: int = 128
    expert_width: int = 64
    expert_mlp: int = 192
    depth: int = 4
    head_dim: int = 16
    vocab: int = 512
    vision_width: int = 64
    vision_depth: int = 2
    vision_heads: int = 4
    vision_mlp: int = 128
    patch: int = 14
    image: int = 84
    tokens: int = 16
    steps: int = 5
    time_alpha: float = 2.5

    def __post_init__(self) -> None:
        if self.image % self.patch:
            raise ConfigError(
                f"tiny π0: patch {self.patch} does not divide the picture's side {self.image}; "
                f"choose one of {[p for p in range(4, self.image) if self.image % p == 0]}"
            )
        if self.expert_width % 2:
            raise ConfigError(f"tiny π0: expert_width {self.expert_width} must be even (sine and cosine of time)")

    def save(self, folder: Path) -> None:
        """Writes the sizes beside a checkpoint, where `load_spec` finds them."""
        (Path(folder) / SPEC_FILE).write_text(json.dumps(asdict(self), indent=1) + "\n")


def load_spec(folder: Path) -> TinySpec | None:
    """The sizes stored beside a checkpoint; None: the checkpoint has LeRobot's own sizes."""
    file = Path(folder) / SPEC_FILE
    if not file.is_file():
        return None
    problems = Problems()
    spec = build(TinySpec, parse_json(read_text(file), str(file)), problems)
    problems.raise_if_any()
    return spec


@contextlib.contextmanager
def tiny_sizes(spec: TinySpec, kind: str = "pi0") -> Generator[None]:
    """Inside this context LeRobot constructs its `kind` ("pi0", "pi05" or "pi0_fast") policy in the sizes of `spec`."""
    module = importlib.import_module(f"lerobot.policies.{kind}.modeling_{kind}")
    vlm_class = module.PaliGemmaForConditionalGenerationWithPiGemma
    expert_class = getattr(module, "PiGemmaForCausalLM", None)  # pi0_fast has none: its actions are words

    def sizes(variant: str):
        if variant == "gemma_300m":
            return module.GemmaConfig(spec.expert_width, spec.depth, spec.expert_mlp, 8, 1, spec.head_dim)
        return module.GemmaConfig(spec.width, spec.depth, spec.mlp, 8, 1, spec.head_dim)

    def vlm(config):
        config._vocab_size, config.image_token_index, config.projection_dim = spec.vocab, spec.vocab - 1, spec.width
        text, vision = config.text_config, config.vision_config
        text.vocab_size, text.pad_token_id = spec.vocab, 0
        vision.hidden_size, vision.num_hidden_layers = spec.vision_width, spec.vision_depth
        vision.num_attention_heads, vision.intermediate_size = spec.vision_heads, spec.vision_mlp
        vision.patch_size, vision.projection_dim = spec.patch, spec.width
        vision.image_size = spec.image  # LeRobot's pi0_fast leaves it at 224
        return vlm_class(config=config)

    replaced = {"get_gemma_config": sizes, "PaliGemmaForConditionalGenerationWithPiGemma": vlm}
    if expert_class is not None:

        def expert(config):
            config.vocab_size = 8  # the expert's own vocabulary is never used
            return expert_class(config=config)

        replaced["PiGemmaForCausalLM"] = expert
    before = {name: getattr(module, name) for name in replaced}
    for name, value in replaced.items():
        setattr(module, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(module, name, value)


def initialise(policy: Any, spec: TinySpec) -> None:
    """Scales the first weights of a LeRobot policy to these widths: transformers' fixed 0.02 is meant for widths in the
    thousands."""
    for name, module in policy.named_modules():
        if isinstance(module, nn.Linear):
            residual = name.endswith(("o_proj", "down_proj", "out_proj", "fc2"))
            scale = 1.0 / math.sqrt(module.in_features * (2 * spec.depth if residual else 1))
            nn.init.normal_(module.weight, std=scale)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    eye = policy.model.paligemma_with_expert.paligemma.model.vision_tower.vision_model.embeddings
    with torch.no_grad():
        eye.patch_embedding.weight.copy_(first_filters(spec.vision_width, spec.patch))
        eye.patch_embedding.bias.zero_()
        eye.position_embedding.weight.copy_(first_places(spec.vision_width, spec.image // spec.patch))
    # Gemma multiplies embeddings by the root of the width: words then enter at the scale of the picture's tokens.
    embedding = policy.model.paligemma_with_expert.paligemma.model.language_model.embed_tokens.weight
    nn.init.normal_(embedding, std=1.0 / math.sqrt(spec.width))


def cosines(side: int) -> torch.Tensor:
    """Cosine patterns on a square of `side` x `side`, the slowest first, shape (side², side, side)."""
    turns = torch.cos(math.pi * torch.arange(side)[:, None] * (torch.arange(side) + 0.5) / side)
    order = sorted(((u, v) for u in range(side) for v in range(side)), key=lambda pair: (sum(pair), pair))
    return torch.stack([turns[u][:, None] * turns[v] for u, v in order])


def first_places(width: int, side: int, slowest: int = 8, spread: float = 0.3) -> torch.Tensor:
    """Embeddings of the places of `side` x `side` patches that change smoothly from patch to patch.

    Random mixtures of the slowest cosines, (side², width), of standard deviation `spread`: with embeddings that have
    nothing to do with each other, where a patch is must be learnt patch by patch.
    """
    if side == 1:
        return torch.zeros(1, width)
    patterns = cosines(side)[1 : slowest + 1].flatten(1)
    mixed = patterns.T @ torch.randn(len(patterns), width)
    return spread * mixed / mixed.std()


def first_filters(number: int, patch: int, norm: float = 0.3) -> torch.Tensor:
    """Filters of a patch that tell where in it which colour is: slow cosines of each colour's excess and of the light.

    Random filters of some hundred pixels hardly answer to a ball of eight; these give its place to the first layer.
    Shape (number, 3, patch, patch), each of Euclidean norm `norm`.
    """
    colours = torch.tensor(((1.0, -0.5, -0.5), (-0.5, 1.0, -0.5), (-0.5, -0.5, 1.0), (1.0, 1.0, 1.0)))
    patterns = cosines(patch)
    filters = [colours[i % 4, :, None, None] * patterns[i // 4] for i in range(number)]
    return torch.stack([norm * one / one.norm() for one in filters])


def make_tiny(
    spec: TinySpec,
    state_dim: int = 44,
    action_dim: int = 22,
    camera: str = "head_camera",
    source: int = 224,
    chunk: int = 50,
    kind: str = "pi0",
):
    """A new tiny policy (LeRobot's PI0Policy) on the CPU.

    `source` is the side of the camera's picture [px] as the dataset and the robot give it; LeRobot resizes it.
    """
    from lerobot.configs import FeatureType, PolicyFeature
    from lerobot.policies.factory import get_policy_class, make_policy_config

    config = make_policy_config(
        kind,
        device="cpu",
        chunk_size=chunk,
        n_action_steps=chunk,
        max_state_dim=state_dim,
        max_action_dim=action_dim,
        image_resolution=(spec.image, spec.image),
        tokenizer_max_length=spec.tokens,
        num_inference_steps=spec.steps,
        time_sampling_beta_alpha=spec.time_alpha,
        push_to_hub=False,
        input_features={
            "observation.state": PolicyFeature(FeatureType.STATE, (state_dim,)),
            f"observation.images.{camera}": PolicyFeature(FeatureType.VISUAL, (3, source, source)),
        },
        output_features={"action": PolicyFeature(FeatureType.ACTION, (action_dim,))},
    )
    with tiny_sizes(spec, kind):
        policy = get_policy_class(kind)(config)
    initialise(policy, spec)
    return policy


def count(policy: nn.Module) -> int:
    """Parameters that inference uses: all but the two vocabulary heads."""
    return sum(p.numel() for name, p in policy.named_parameters() if "lm_head" not in name)


def seeded(spec: TinySpec, seed: int = 0, **options):
    """`make_tiny` from a fixed seed."""
    torch.manual_seed(seed)
    return make_tiny(spec, **options)
