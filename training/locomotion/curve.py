"""Draws the training curve of a run, or of a run that was resumed in other folders, from its TensorBoard events.

python -m training.locomotion.curve runs/locomotion/cpu-1 --out curve.png
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from arbiter.errors import ConfigError
from deploy.cli.command import CommandParser, in_one_line
from deploy.cli.outputs import output_file

CURVES = {
    "Train/mean_episode_length": "episode [steps of 20 ms]",
    "/error_linear": "miss x, y [m/s]",
    "/error_yaw": "miss yaw [rad/s]",
    "Policy/mean_std": "exploration noise",
}


def read_curve(folders: list[Path], tag: str) -> tuple[list[int], list[float]]:
    """Iterations and values of a scalar over all folders; where they overlap the later one counts."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found: dict[int, float] = {}
    for folder in folders:
        events = EventAccumulator(str(folder)).Reload()
        if tag not in events.Tags()["scalars"]:
            raise ConfigError(f"{folder}: holds no TensorBoard scalar {tag!r}; give the folder of a training run")
        points = events.Scalars(tag)
        found = {step: value for step, value in found.items() if step < points[0].step}
        found |= {point.step: point.value for point in points}
    return list(found), list(found.values())


def draw(folders: list[Path], out: Path, samples: int, smooth: int = 15) -> None:
    """Writes the curves against millions of control steps; `samples`: control steps an iteration."""
    import matplotlib
    import numpy as np

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(CURVES), figsize=(14, 3.2), constrained_layout=True)
    for axis, (tag, label) in zip(axes, CURVES.items(), strict=True):
        steps, values = read_curve(folders, tag)
        millions = np.array(steps) * samples / 1e6
        axis.plot(millions, values, lw=0.5, alpha=0.4)
        if len(values) >= smooth:
            axis.plot(millions[smooth - 1 :], np.convolve(values, np.ones(smooth) / smooth, "valid"), color="C0")
        axis.set(xlabel="control steps [millions]", title=label)
    figure.savefig(out, dpi=100)
    pyplot.close(figure)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("training.locomotion.curve", description=__doc__)
    p.add_argument("folders", nargs="+", type=Path, help="folder of a run, and of those that resumed it, in order")
    p.add_argument("--out", type=output_file, required=True, help="PNG file to write")
    p.add_argument("--samples", type=int, default=512 * 24, help="control steps per iteration: robots times steps")
    return p


def main() -> None:
    args = parser().parse_args()
    draw(args.folders, args.out, args.samples)


if __name__ == "__main__":
    sys.exit(in_one_line(main))
