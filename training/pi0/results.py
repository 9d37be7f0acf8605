"""Results of evaluations: success rate with its confidence interval, smoothness, falls, interventions."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, slots=True)
class EpisodeResult:
    """One run.

    Attributes:
        policy, instruction: What was run.
        seed: Seed of the block of runs on one robot, plus the index in the block; the same `--seed` and `--runs` repeat it.
        success: Whether the run met its criterion.
        measured, unit: The quantity that the criterion judges.
        text: What happened, for people.
        fell: The robot fell over.
        jerk: Root mean square of the third derivative of the commanded arm joints [rad/s³].
        interventions: Changes by the safety layer per second.
        seconds: Length of the run [s].
        inference_ms: Median time of a chunk [ms]; nan where the backend does not report it.
        scene: Where the ball was at the start, base frame [m]; () without one.
    """

    policy: str
    instruction: str
    seed: int
    success: bool | None
    measured: float
    unit: str
    text: str
    fell: bool
    jerk: float
    interventions: float
    seconds: float
    inference_ms: float
    scene: tuple[float, ...] = ()


def wilson(successes: int, runs: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % confidence interval of a rate (Wilson's score interval)."""
    if runs == 0:
        return 0.0, 1.0
    rate, zz = successes / runs, z * z / runs
    middle = (rate + zz / 2) / (1 + zz)
    half = z * math.sqrt(rate * (1 - rate) / runs + zz / (4 * runs)) / (1 + zz)
    return max(0.0, middle - half), min(1.0, middle + half)


def rms_jerk(q: np.ndarray, dt: float) -> float:
    """Root mean square of the third derivative of joint targets (T, n) [rad/s³]."""
    return float(np.sqrt(np.mean((np.diff(q, 3, axis=0) / dt**3) ** 2))) if len(q) > 3 else 0.0


def summary(results: Sequence[EpisodeResult]) -> list[dict]:
    """A row for each policy and instruction, and one for all instructions of a policy."""
    rows = []
    for policy in dict.fromkeys(one.policy for one in results):
        mine = [one for one in results if one.policy == policy]
        groups = {
            text: [one for one in mine if one.instruction == text] for text in dict.fromkeys(one.instruction for one in mine)
        }
        for text, runs in {**groups, "all": mine}.items():
            judged = [bool(one.success) for one in runs if one.success is not None]
            good = sum(judged)
            low, high = wilson(good, len(judged))
            rows.append(
                {
                    "policy": policy,
                    "instruction": text,
                    "runs": len(runs),
                    "success": good / len(judged) if judged else float("nan"),
                    "low": low,
                    "high": high,
                    "measured": float(np.median([one.measured for one in runs])),
                    "unit": runs[0].unit if text != "all" else "",
                    "falls": sum(one.fell for one in runs),
                    "jerk": float(np.median([one.jerk for one in runs])),
                    "interventions": float(np.mean([one.interventions for one in runs])),
                    "inference_ms": float(np.median([one.inference_ms for one in runs])),
                }
            )
    return rows


def table(rows: Sequence[dict]) -> str:
    """The summary as a Markdown table."""
    lines = [
        "| policy | instruction | runs | success | 95 % interval | median | falls | jerk rad/s³ | changes/s | ms |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        measured = f"{row['measured']:.3g} {row['unit']}" if row["unit"] else ""
        rate = (
            "ended, no criterion | "
            if math.isnan(row["success"])
            else f"{100 * row['success']:.0f} % | {100 * row['low']:.0f} to {100 * row['high']:.0f} %"
        )
        lines.append(
            f"| {row['policy']} | {row['instruction']} | {row['runs']} | {rate} | {measured} | {row['falls']} | "
            f"{row['jerk']:.0f} | {row['interventions']:.1f} | {row['inference_ms']:.0f} |"
        )
    return "\n".join(lines)


def demonstrations_to_collect(results: Sequence[EpisodeResult], most: int = 20) -> list[str]:
    """The failed runs, those of the least successful instructions first: where new demonstrations help most."""
    rate = {(row["policy"], row["instruction"]): row["success"] for row in summary(results)}
    failed = sorted((one for one in results if one.success is False), key=lambda one: rate[one.policy, one.instruction])
    several, lines = len({one.policy for one in results}) > 1, []
    for one in failed[:most]:
        ball = f"; ball in the base frame at ({', '.join(f'{x:.2f}' for x in one.scene)}) m" if one.scene else ""
        lines.append(f"{f'{one.policy}: ' if several else ''}{one.instruction!r}, seed {one.seed}: {one.text}{ball}")
    return lines


def plain(values: dict) -> dict:
    """`values` as JSON allows them: null for what is not finite."""
    return {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in values.items()}


def write(file: Path, results: Sequence[EpisodeResult], rows: Sequence[dict], wanted: Sequence[str]) -> None:
    """All results as JSON."""
    data = {"summary": [plain(row) for row in rows], "runs": [plain(asdict(one)) for one in results], "collect": list(wanted)}
    file.write_text(json.dumps(data, indent=1, allow_nan=False) + "\n")
