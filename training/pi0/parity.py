"""Compares an exported π0 with its checkpoint: error per joint on the same observations and noise, and closed-loop success."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from policies.chunk.backends import load_backend
from policies.chunk.backends.card import Pi0Card
from policies.chunk.backends.lerobot.backend import LeRobotBackend
from policies.chunk.protocol import ChunkObservation
from training.pi0.evaluate import evaluate, jobs
from training.pi0.results import plain, summary

PROMPTS = ("wave the right hand", "raise both arms", "touch the red ball", "sit down")


def observations(card: Pi0Card, count: int, seed: int = 0) -> list[tuple[ChunkObservation, str]]:
    """Random observations within the statistics of the training data, and a prompt for each."""
    rng, n = np.random.default_rng(seed), len(card.joints)
    offset, scale = np.array(card.state_offset), np.array(card.state_scale)
    found = []
    for i in range(count):
        state = offset + scale * rng.standard_normal(2 * n).clip(-2, 2)
        blocks = rng.integers(0, 256, (14, 14, 3), dtype=np.uint8)
        picture = np.kron(blocks, np.ones((16, 16, 1), np.uint8))
        found.append((ChunkObservation(0.0, state[:n], state[n:], picture, 0.0), PROMPTS[i % len(PROMPTS)]))
    return found


def compare(checkpoint: Path, folder: Path, kind: str, samples: list[tuple[ChunkObservation, str]], device: str = "cpu") -> dict:
    """Runs both on `samples`: cosine, largest and rms error, per joint, and the time of a chunk."""
    exported: Any = load_backend(folder, kind)  # an exported π0, which has a card and reports the time of a chunk
    ours = LeRobotBackend(checkpoint, joints=exported.joints, device=device)
    wanted, got, seconds = [], [], []
    for seed, (observation, prompt) in enumerate(samples):
        wanted.append(ours.predict(observation, prompt, seed=seed))
        got.append(exported.predict(observation, prompt, seed=seed))
        seconds.append(exported.seconds)
    a, b = np.concatenate(wanted), np.concatenate(got)
    error, scale = b - a, np.array(exported.card.action_scale)
    cosine = np.sum(a / scale * b / scale) / (np.linalg.norm(a / scale) * np.linalg.norm(b / scale))
    return {
        "checkpoint": checkpoint.name,
        "to": kind,
        "precision": exported.card.precision,
        "chunks": len(samples),
        "cosine": float(cosine),
        "rms_rad": float(np.sqrt(np.mean(error**2))),
        "max_rad": float(np.abs(error).max()),
        "rms_of_spread": float(np.sqrt(np.mean((error / scale) ** 2))),
        "joints": {
            joint: {"rms_rad": float(np.sqrt(np.mean(error[:, i] ** 2))), "max_rad": float(np.abs(error[:, i]).max())}
            for i, joint in enumerate(exported.joints)
        },
        "prefix_ms": float(np.median([s[0] for s in seconds]) * 1e3),
        "steps_ms": float(np.median([s[1] for s in seconds]) * 1e3),
        "steps": exported.steps,
    }


def closed_loop(checkpoint: Path, folder: Path, texts: list[str], runs: int, device: str = "cpu", seed: int = 1000) -> dict:
    """Runs the checkpoint ("before") and the exported folder ("after") from the same starts, `runs` times each of `texts`.

    Returns a row of `training.pi0.results.summary` for each instruction and for all, under "before" and "after".
    """
    work = jobs({"before": checkpoint, "after": folder}, "auto", texts, runs, seed, device=device)
    rows = summary(evaluate(work))
    return {
        "runs": runs,
        "seed": seed,
        **{side: [plain(row) for row in rows if row["policy"] == side] for side in ("before", "after")},
    }


def side_by_side(report: dict) -> list[str]:
    """Closed-loop success before and after as lines of text."""

    def told(row: dict) -> str:
        falls = f", {row['falls']} falls" if row["falls"] else ""
        return f"{100 * row['success']:3.0f} % ({100 * row['low']:.0f} to {100 * row['high']:.0f}{falls})"

    lines = [f"  {'closed loop':22s} {'runs':>4s}  {'before':24s}  after (95 % interval)"]
    return lines + [
        f"  {a['instruction']:22s} {a['runs']:4d}  {told(a):24s}  {told(b)}"
        for a, b in zip(report["before"], report["after"], strict=True)
    ]


def table(report: dict) -> str:
    """The report as text."""
    lines = [
        f"{report['to']} {report['precision']}: {report['chunks']} chunks against LeRobot, same noise",
        f"  cosine {report['cosine']:.6f}   rms {report['rms_rad']:.2e} rad   max {report['max_rad']:.2e} rad   "
        f"rms {100 * report['rms_of_spread']:.2f} % of the actions' spread",
        f"  prefix {report['prefix_ms']:.1f} ms + {report['steps']} steps {report['steps_ms']:.1f} ms",
    ]
    if "bytes" in report:
        lines[-1] += f"   {report['bytes'] / 1e6:.2f} MB"
    worst = sorted(report["joints"].items(), key=lambda item: -item[1]["max_rad"])[:5]
    lines += [f"  {joint:32s} rms {error['rms_rad']:.2e}  max {error['max_rad']:.2e} rad" for joint, error in worst]
    if "closed_loop" in report:
        lines += side_by_side(report["closed_loop"])
    return "\n".join(lines)
