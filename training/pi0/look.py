"""Looking first: what a tiny π0 learns from pictures and words before it learns to move.

The flow loss teaches a small network to see only slowly: most of its gradient is about the motion, whose goal the
state half tells. Here the vision tower and the language model are trained alone to tell the posture in which a
demonstration ends, read out of the keys and values that the action expert will read. A pass costs a seventh of a full
update and its gradient is all about where things are. The readout is thrown away.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from training.pi0.flow import observe
from training.pi0.train_tiny import RHYTHMIC, Batches


class Readout(nn.Module):
    """Attends to the keys and values of every layer with queries of its own, as the action expert does.

    Args:
        layers, heads, size: Of the language model: layers, query heads, and size of a head.
        joints: Numbers told.
    """

    def __init__(self, layers: int, heads: int, size: int, joints: int) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.randn(layers, heads, size) / size ** 0.5)
        self.told = nn.Sequential(nn.Linear(layers * heads * size, 128), nn.GELU(), nn.Linear(128, joints))

    def forward(self, cache, valid: Tensor) -> Tensor:
        """Posture (B, joints), normalised, from a prefix's cache and its valid tokens (B, S)."""
        found = []
        for query, (key, value, _) in zip(self.query, cache, strict=True):
            score = torch.einsum("hd,bsd->bhs", query, key[:, 0]).masked_fill(~valid[:, None], -1e9)
            found.append(torch.einsum("bhs,bsd->bhd", score.softmax(-1), value[:, 0]).flatten(1))
        return self.told(torch.cat(found, 1))


def goal_chances(data, frames: np.ndarray, share: float = 0.85) -> np.ndarray:
    """How often to draw each of `frames`: those of postures only, `share` of the draws where the picture decides."""
    from training.pi0.data.instructions import find

    skills = np.array([find(task).skill for task in data.tasks])
    skill = skills[data.task[frames]]
    kept, seen = ~np.isin(skill, RHYTHMIC), skill == "touch_ball"
    weight = np.where(seen, share / max(1, seen.sum()), (1 - share) / max(1, (kept & ~seen).sum())) * kept
    return weight / max(weight.sum(), 1e-12)


def look(policy, batches: Batches, training: np.ndarray, held: np.ndarray, out: Path, *, steps: int,
         batch: int = 64, rate: float = 2e-3, every: int = 200, seed: int = 0, symmetry: float = 0.5) -> list[dict]:
    """Trains the observation half of `policy` in place. Returns the log, which is also written to out/look.jsonl."""
    data, model = batches.data, policy.model.paligemma_with_expert
    config = model.paligemma.config.text_config
    joints = data.action.shape[1]
    readout = Readout(config.num_hidden_layers, config.num_attention_heads, config.head_dim, joints)
    parameters = [*model.paligemma.parameters(), *readout.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=rate, betas=(0.9, 0.95), weight_decay=0.01)
    chance = goal_chances(data, training)
    test = held[goal_chances(data, held) > 0.0] if len(held) else held
    test = test[np.random.default_rng(seed).permutation(len(test))[:512]]
    rng, draw = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    started, log, recent = time.monotonic(), [], []
    policy.train()

    def error(chosen: np.ndarray, **options) -> Tensor:
        """Squared error of the told posture, (B, joints), weighted by the skill's joints."""
        last = data.end[chosen] - 1
        inputs = batches.at(chosen, goal=last, rng=draw, **options)
        cache, valid = observe(policy.model, inputs["images"], inputs["image_masks"], inputs["tokens"],
                               inputs["token_mask"])
        weight = inputs["weight"][:, 0]
        return ((readout(cache, valid) - inputs["actions"][:, 0]).square() * weight).sum() / weight.sum()

    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 50, max(0.02, 2.0 * (1.0 - step / steps)))
        value = error(rng.choice(training, batch, p=chance), colour=0.1, symmetry=symmetry)
        value.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        recent.append(value.item())
        if (step + 1) % every == 0 or step + 1 == steps:
            policy.eval()
            with torch.no_grad():
                parts = np.array_split(test, 4) if len(test) else []
                score = float(np.mean([float(error(part)) for part in parts])) if parts else 0.0
            policy.train()
            log.append({"step": step + 1, "loss": round(float(np.mean(recent)), 4), "held_out": round(score, 4),
                        "seconds": round(time.monotonic() - started, 1)})
            print("look", log[-1], flush=True)
            recent = []
    (out / "look.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in log))
    return log
