"""Draws the log of a tiny π0's training, and prints it as a table.

python -m training.pi0.curve runs/pi0/training --out docs/assets/pi0_training.png
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from arbiter.errors import ConfigError
from deploy.cli.command import CommandParser, in_one_line
from deploy.cli.outputs import output_file

PHASES = (
    (
        "pretrain_vision.jsonl",
        "vision pretraining",
        {"loss": "posture", "held_out": "posture, held out", "colours": "colours", "colours_held_out": "colours, held out"},
    ),
    ("log.jsonl", "training", {"loss": "flow and auxiliary", "held_out": "flow, held out"}),
)


def read_log(file: Path) -> list[dict]:
    """The entries of a log, oldest first. Raises ConfigError without one."""
    if not file.is_file():
        raise ConfigError(f"{file}: no such log; give the folder of a run of the preset tiny (--out)")
    return [json.loads(line) for line in file.read_text().splitlines()]


def table(entries: list[dict], columns: tuple[str, ...]) -> str:
    """`entries` as a Markdown table."""
    rows = [
        " | ".join(columns),
        "|".join("---" for _ in columns),
        *(" | ".join(str(entry[column]) for column in columns) for entry in entries),
    ]
    return "\n".join(f"| {row} |" for row in rows)


def draw(logs: list[list[dict]], out: Path) -> None:
    """Writes both phases side by side, losses on a logarithmic scale."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(PHASES), figsize=(10, 3.2), constrained_layout=True)
    for axis, log, (_, name, curves) in zip(axes, logs, PHASES, strict=True):
        for key, label in curves.items():
            axis.semilogy([entry["step"] for entry in log], [entry[key] for entry in log], label=label)
        axis.set(title=name, xlabel="updates", ylabel="mean squared error")
        axis.grid(alpha=0.3, which="both")
        axis.legend(fontsize=8)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=90)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("training.pi0.curve", description=__doc__)
    p.add_argument("run", type=Path, help="folder of a training run")
    p.add_argument("--out", type=output_file, required=True, help="PNG file to write")
    return p


def main(arguments: list[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    logs = [read_log(options.run / file) for file, _, _ in PHASES]
    draw(logs, options.out)
    for log, (_, _, curves) in zip(logs, PHASES, strict=True):
        print(table(log, ("step", *curves, "seconds")), end="\n\n")


if __name__ == "__main__":
    sys.exit(in_one_line(main))
