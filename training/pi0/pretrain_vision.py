"""Vision pretraining of a tiny π0: auxiliary losses on the prefix (final posture, colour positions); their probe is discarded.

The flow-matching loss teaches a small network to see only slowly: most of its gradient is about the motion, whose goal the
state already reveals. Here the vision tower and the language model learn to predict the posture in which a demonstration ends,
from the keys and values that the action expert attends to, and the position and size of each colour in the picture, whose
targets come from the picture itself. First alone, at a quarter of the cost of a full update; then as an auxiliary loss beside
the flow-matching loss, sharing its pass over the observation.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from tqdm import tqdm

from training.pi0.batches import Batches, sampling_probabilities
from training.pi0.flow_matching import encode_observation

PURE = 0.5  # a pixel has a colour when both other channels are below this fraction of it
BRIGHT = 0.2  # and the channel itself is above this
MIN_PIXELS = 6  # of a colour that is counted as visible
# Mean and scale of a colour's targets: position (right, down: -1 to 1) and square root of its number of pixels.
MEAN, SCALE = (0.0, 0.0, 7.0), (0.4, 0.3, 2.0)
COLOUR_TARGETS = 9
WARMUP = 50  # updates


def colour_targets(picture: Tensor) -> tuple[Tensor, Tensor]:
    """Normalised position and size of the red, green and blue pixels of pictures (B, 3, S, S) in [0, 1].

    Returns:
        The targets and their weights, 0 where a colour is not visible, each of shape (B, 9).
    """
    others = torch.stack([picture[:, [i for i in range(3) if i != c]].amax(1) for c in range(3)], 1)
    coloured = ((others < PURE * picture) & (picture > BRIGHT)).float()
    count = coloured.sum((2, 3))
    axis = torch.linspace(-1.0, 1.0, picture.shape[-1])
    right, down = ((coloured.sum(dim) * axis).sum(2) / count.clamp(min=1.0) for dim in (2, 3))
    targets = (torch.stack((right, down, count.sqrt()), 2) - torch.tensor(MEAN)) / torch.tensor(SCALE)
    return targets.flatten(1), (count >= MIN_PIXELS).float().repeat_interleave(3, 1)


class Probe(nn.Module):
    """Attends to the keys and values of every layer with its own queries, as the action expert does.

    Args:
        layers, heads, size: Of the language model: layers, query heads, and size of a head.
        joints: Number of predicted joint positions; `COLOUR_TARGETS` more are predicted about the picture.
    """

    def __init__(self, layers: int, heads: int, size: int, joints: int) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.randn(layers, heads, size) / size**0.5)
        self.head = nn.Sequential(nn.Linear(layers * heads * size, 128), nn.GELU(), nn.Linear(128, joints + COLOUR_TARGETS))

    def forward(self, cache, valid: Tensor) -> Tensor:
        """Predictions (B, joints + COLOUR_TARGETS), normalised, from a prefix's cache and its valid tokens (B, S)."""
        found = []
        for query, (key, value, _) in zip(self.query, cache, strict=True):
            score = torch.einsum("hd,bsd->bhs", query, key[:, 0]).masked_fill(~valid[:, None], -1e9)
            found.append(torch.einsum("bhs,bsd->bhd", score.softmax(-1), value[:, 0]).flatten(1))
        return self.head(torch.cat(found, 1))

    def auxiliary_losses(self, cache, valid: Tensor, inputs: dict[str, Any]) -> tuple[Tensor, Tensor]:
        """Mean squared errors of the predicted final posture and of the predicted colours.

        `inputs`: of `Batches.at(..., goal=True)`, whose "goal_weight" weights the posture.
        """
        predicted = self(cache, valid)
        targets, visible = colour_targets(0.5 * (inputs["images"][0] + 1.0))
        return (
            mean_square(predicted[:, :-COLOUR_TARGETS] - inputs["goal"], inputs["goal_weight"]),
            mean_square(predicted[:, -COLOUR_TARGETS:] - targets, visible),
        )


def mean_square(error: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean of squares; zero where all weights are."""
    return (error.square() * weight).sum() / weight.sum().clamp(min=1e-9)


def make_probe(policy, joints: int) -> Probe:
    """A new probe for the sizes of `policy`."""
    config = policy.model.paligemma_with_expert.paligemma.config.text_config
    return Probe(config.num_hidden_layers, config.num_attention_heads, config.head_dim, joints)


@dataclass(frozen=True, slots=True)
class VisionPretraining:
    """Hyper-parameters.

    Attributes:
        steps: Number of updates.
        batch: Observations per update.
        rate: Peak learning rate; it rises over `WARMUP` updates and falls linearly to a tenth over the second half.
        touch_fraction: Fraction of the samples that show a touch; other postures hardly need the picture.
        every: Updates between evaluations.
        colour: Largest change of brightness and colour.
        symmetry: Fraction of mirrored demonstrations, and of those with permuted colours.
        seed: Seed of all random generators.
    """

    steps: int
    batch: int = 32
    rate: float = 1.5e-3
    touch_fraction: float = 0.85
    every: int = 250
    colour: float = 0.1
    symmetry: float = 0.5
    seed: int = 0

    def scale(self, step: int) -> float:
        """Learning rate of `step` as a fraction of the peak."""
        return min(1.0, (step + 1) / WARMUP, max(0.1, 2.0 * (1.0 - step / self.steps)))


def pretrain_vision(
    policy, probe: Probe, batches: Batches, training: np.ndarray, held: np.ndarray, out: Path, options: VisionPretraining
) -> list[dict]:
    """Trains `probe` and the prefix of `policy` in place.

    `training`, `held`: frames to train on and held-out frames. Returns the log, also written to out/pretrain_vision.jsonl.
    """
    parameters = [*policy.model.paligemma_with_expert.paligemma.parameters(), *probe.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=options.rate, betas=(0.9, 0.95), weight_decay=0.01)
    schedule = LambdaLR(optimiser, options.scale)
    data, seed = batches.data, options.seed
    training, held = (part[batches.postures[data.task[part]]] for part in (training, held))
    chances = sampling_probabilities(data, training, options.touch_fraction)
    test = held
    if len(held):
        test = np.random.default_rng(seed).choice(held, 512, p=sampling_probabilities(data, held, options.touch_fraction))
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    started, log, recent = time.monotonic(), [], []
    policy.train()

    def losses(frames: np.ndarray, colour: float = 0.0, symmetry: float = 0.0) -> tuple[Tensor, Tensor]:
        inputs = batches.at(frames, colour=colour, rng=generator, symmetry=symmetry, goal=True)
        return probe.auxiliary_losses(*encode_observation(policy.model, inputs), inputs)

    with (out / "pretrain_vision.jsonl").open("w") as file:
        for step in tqdm(range(options.steps), desc="vision pretraining", unit="update", disable=None):
            frames = rng.choice(training, options.batch, p=chances)
            posture, colours = losses(frames, colour=options.colour, symmetry=options.symmetry)
            (posture + colours).backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            schedule.step()
            recent.append((posture.item(), colours.item()))
            if (step + 1) % options.every == 0 or step + 1 == options.steps:
                policy.eval()
                with torch.no_grad():
                    score = (
                        np.mean([[float(x) for x in losses(part)] for part in np.array_split(test, 4)], 0)
                        if len(test)
                        else (0, 0)
                    )
                policy.train()
                names = ("loss", "colours", "held_out", "colours_held_out")
                values = {name: round(float(value), 4) for name, value in zip(names, (*np.mean(recent, 0), *score), strict=True)}
                log.append({"step": step + 1, **values, "seconds": round(time.monotonic() - started, 1)})
                file.write(json.dumps(log[-1]) + "\n")
                file.flush()
                tqdm.write(f"vision pretraining {log[-1]}")
                recent = []
    return log
