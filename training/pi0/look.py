"""Looking: what a tiny π0 learns from pictures and words before, and while, it learns to move.

The flow loss teaches a small network to see only slowly: most of its gradient is about the motion, whose goal the
state half tells. Here the vision tower and the language model are trained to tell the posture in which a demonstration ends,
read out of the keys and values that the action expert will read, and where in the picture each colour is and how large,
which the training picture itself answers. First alone: a pass costs a quarter of a full update and its gradient is all
about where things are. Then beside the flow, whose pass over the observation it shares. The readout is thrown away.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from training.pi0.batches import frame_chances
from training.pi0.flow import observe

PLAIN = 0.5  # a pixel is of a colour when both other channels are below this share of it
LIT = 0.2  # and the channel itself is above this
FEWEST = 6  # pixels that make a spot
MIDDLE, SPREAD = (0.0, 0.0, 7.0), (0.4, 0.3, 2.0)  # of a spot's place (right, down: -1 to 1) and root of its pixels
SPOTS = 9


def spots(picture: Tensor) -> tuple[Tensor, Tensor]:
    """Where each colour is in pictures (B, 3, S, S) in [0, 1]: what is told about them, and what of it counts, (B, 9).

    Place and size of the pixels that are plainly red, green and blue, each about zero with a spread of one.
    """
    others = torch.stack([picture[:, [i for i in range(3) if i != c]].amax(1) for c in range(3)], 1)
    plain = ((others < PLAIN * picture) & (picture > LIT)).float()
    count = plain.sum((2, 3))
    axis = torch.linspace(-1.0, 1.0, picture.shape[-1])
    right, down = ((plain.sum(dim) * axis).sum(2) / count.clamp(min=1.0) for dim in (2, 3))
    told = (torch.stack((right, down, count.sqrt()), 2) - torch.tensor(MIDDLE)) / torch.tensor(SPREAD)
    return told.flatten(1), (count >= FEWEST).float().repeat_interleave(3, 1)


class Readout(nn.Module):
    """Attends to the keys and values of every layer with queries of its own, as the action expert does.

    Args:
        layers, heads, size: Of the language model: layers, query heads, and size of a head.
        joints: Numbers told about the posture; `SPOTS` more are told about the picture.
    """

    def __init__(self, layers: int, heads: int, size: int, joints: int) -> None:
        super().__init__()
        joints = joints + SPOTS
        self.query = nn.Parameter(torch.randn(layers, heads, size) / size**0.5)
        self.told = nn.Sequential(nn.Linear(layers * heads * size, 128), nn.GELU(), nn.Linear(128, joints))

    def forward(self, cache, valid: Tensor) -> Tensor:
        """Posture (B, joints), normalised, from a prefix's cache and its valid tokens (B, S)."""
        found = []
        for query, (key, value, _) in zip(self.query, cache, strict=True):
            score = torch.einsum("hd,bsd->bhs", query, key[:, 0]).masked_fill(~valid[:, None], -1e9)
            found.append(torch.einsum("bhs,bsd->bhd", score.softmax(-1), value[:, 0]).flatten(1))
        return self.told(torch.cat(found, 1))

    def errors(self, cache, valid: Tensor, inputs: dict) -> tuple[Tensor, Tensor]:
        """Mean squared error of the told posture and of the told spots.

        `inputs`: of `Batches.at(..., goal=True)`, whose "goal_weight" decides what counts.
        """
        told = self(cache, valid)
        place, seen = spots(0.5 * (inputs["images"][0] + 1.0))
        return (
            mean_square(told[:, :-SPOTS] - inputs["goal"], inputs["goal_weight"]),
            mean_square(told[:, -SPOTS:] - place, seen),
        )


def mean_square(error: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean of squares; zero where nothing has a weight."""
    return (error.square() * weight).sum() / weight.sum().clamp(min=1e-9)


def make_readout(policy, joints: int) -> Readout:
    """A new readout for the sizes of `policy`."""
    config = policy.model.paligemma_with_expert.paligemma.config.text_config
    return Readout(config.num_hidden_layers, config.num_attention_heads, config.head_dim, joints)


def look(
    policy,
    readout: Readout,
    batches,
    training: np.ndarray,
    held: np.ndarray,
    out: Path,
    *,
    steps: int,
    touch: float = 0.85,
    batch: int = 32,
    rate: float = 1.5e-3,
    every: int = 250,
    seed: int = 0,
    colour: float = 0.1,
    symmetry: float = 0.5,
) -> list[dict]:
    """Trains `readout` and the observation half of `policy` in place.

    `touch`: share of touching in the draws: other postures hardly need the picture. Returns the log, which is also
    written to out/look.jsonl.
    """
    parameters = [*policy.model.paligemma_with_expert.paligemma.parameters(), *readout.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=rate, betas=(0.9, 0.95), weight_decay=0.01)
    data = batches.data
    training, held = (part[batches.postures[data.task[part]]] for part in (training, held))
    chances = frame_chances(data, training, touch)
    test = np.random.default_rng(seed).choice(held, 512, p=frame_chances(data, held, touch)) if len(held) else held
    rng, draw = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    started, log, recent = time.monotonic(), [], []
    policy.train()

    def errors(chosen: np.ndarray, **options) -> tuple[Tensor, Tensor]:
        inputs = batches.at(chosen, rng=draw, goal=True, **options)
        cache, valid = observe(policy.model, inputs["images"], inputs["image_masks"], inputs["tokens"], inputs["token_mask"])
        return readout.errors(cache, valid, inputs)

    with (out / "look.jsonl").open("w") as file:
        for step in range(steps):
            for group in optimiser.param_groups:
                group["lr"] = rate * min(1.0, (step + 1) / 50, max(0.1, 2.0 * (1.0 - step / steps)))
            posture, spot = errors(rng.choice(training, batch, p=chances), colour=colour, symmetry=symmetry)
            (posture + spot).backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            recent.append((posture.item(), spot.item()))
            if (step + 1) % every == 0 or step + 1 == steps:
                policy.eval()
                with torch.no_grad():
                    parts = np.array_split(test, 4) if len(test) else []
                    score = np.mean([[float(x) for x in errors(part)] for part in parts], 0) if parts else np.zeros(2)
                policy.train()
                told = dict(zip(("loss", "spots", "held_out", "spots_held_out"), [*np.mean(recent, 0), *score], strict=True))
                log.append(
                    {
                        "step": step + 1,
                        **{name: round(float(value), 4) for name, value in told.items()},
                        "seconds": round(time.monotonic() - started, 1),
                    }
                )
                file.write(json.dumps(log[-1]) + "\n")
                file.flush()
                print("look", log[-1], flush=True)
                recent = []
    return log
