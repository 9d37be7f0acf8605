"""Reports what a data set of demonstrations contains: a table, JSON, a plot and a sheet of pictures.

python -m training.pi0.data.inspect datasets/gestures --out runs/inspect
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from deploy.cli.command import CommandParser, in_one_line
from deploy.cli.extras import extra
from training.pi0.data.reading import add_options, reading_of


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("training.pi0.data.inspect", description=__doc__)
    p.add_argument("source", type=Path, help="a LeRobotDataset, or a folder of HDF5 episodes")
    add_options(p)
    p.add_argument("--out", type=Path, required=True, help="folder for the report")
    p.add_argument("--robot", default="berkeley_humanoid_lite", help="name or folder of the robot's description")
    return p


with extra(__name__, parser, "h5py"):
    import numpy as np
    from tqdm import tqdm

    from arbiter.robot import RobotModel
    from deploy.observers.mp4 import Mp4Writer
    from deploy.robots.description import load_model
    from training.pi0.data.episode import EpisodeFrame, RecordingError, check_joints
    from training.pi0.data.frame_times import LATE
    from training.pi0.data.sources import DemonstrationSource, open_source

COLUMNS = 8  # pictures of an episode on the sheet


@dataclass(frozen=True, slots=True)
class EpisodeReport:
    """Figures of one episode.

    Attributes:
        instruction: Its task. frames: Count. seconds: Duration by the capture times.
        dropped: Frames missing by the capture times.
        low, high: Least and largest measured position of each joint [rad], shape (n,).
        outside: Targets outside a joint's range. fast: Target steps beyond the joint's commanded velocity limit.
        jerk: Root mean square of the third derivative of the measured positions [rad/s³], arms and legs.
    """

    instruction: str
    frames: int
    seconds: float
    dropped: int
    low: np.ndarray
    high: np.ndarray
    outside: int
    fast: int
    jerk: float


def examine(instruction: str, frames: Iterable[EpisodeFrame], model: RobotModel, dt: float) -> EpisodeReport:
    """The figures of an episode; `dt`: nominal time between two frames [s]."""
    rows = [(frame.time, frame.joint_pos, frame.action, frame.joint_vel) for frame in frames]
    time, pos, action, vel = (np.array([row[i] for row in rows], float) for i in range(4))
    gaps = np.diff(time)
    missing = np.round(gaps[gaps > LATE * dt] / dt - 1.0).sum()
    eps = 1e-6
    # From the measured velocities: a third derivative of positions would amplify the encoder noise further.
    jerk = np.diff(vel, 2, axis=0) / dt**2
    return EpisodeReport(
        instruction,
        len(rows),
        float(time[-1] - time[0] + dt),
        int(missing),
        pos.min(axis=0),
        pos.max(axis=0),
        outside=int(np.count_nonzero((action < model.lower - eps) | (action > model.upper + eps))),
        fast=int(np.count_nonzero(np.abs(np.diff(action, axis=0)) > model.velocity * dt + eps)),
        jerk=float(np.sqrt(np.mean(jerk**2))) if len(jerk) else 0.0,
    )


def summary(reports: list[EpisodeReport], model: RobotModel) -> dict:
    """Figures of the whole set, ready for JSON."""
    by_text: dict[str, list[EpisodeReport]] = defaultdict(list)
    for report in reports:
        by_text[report.instruction].append(report)
    low, high = np.min([r.low for r in reports], axis=0), np.max([r.high for r in reports], axis=0)
    return {
        "episodes": len(reports),
        "frames": sum(r.frames for r in reports),
        "minutes": round(sum(r.seconds for r in reports) / 60.0, 2),
        "dropped frames": sum(r.dropped for r in reports),
        "targets outside the range": sum(r.outside for r in reports),
        "target steps beyond the velocity limit": sum(r.fast for r in reports),
        "instructions": {
            text: {
                "episodes": len(some),
                "frames": sum(r.frames for r in some),
                "seconds": [round(float(f([r.seconds for r in some])), 2) for f in (np.min, np.median, np.max)],
                "jerk": round(float(np.mean([r.jerk for r in some])), 1),
                "dropped": sum(r.dropped for r in some),
            }
            for text, some in sorted(by_text.items())
        },
        "joints": {
            name: {
                "low": round(float(low[i]), 3),
                "high": round(float(high[i]), 3),
                "coverage": round(float((high[i] - low[i]) / (model.upper[i] - model.lower[i])), 3),
            }
            for i, name in enumerate(model.joints)
        },
    }


def table(report: dict) -> str:
    """The summary as text."""
    lines = [
        f"{report['episodes']} episodes, {report['frames']} frames, {report['minutes']} min; "
        f"{report['dropped frames']} frames dropped, {report['targets outside the range']} targets outside the "
        f"range, {report['target steps beyond the velocity limit']} steps too fast",
        "",
        f"{'instruction':32s} {'episodes':>8s} {'frames':>8s} {'s (min med max)':>18s} {'jerk':>9s}",
    ]
    for text, row in report["instructions"].items():
        seconds = " ".join(f"{value:.1f}" for value in row["seconds"])
        lines.append(f"{text:32s} {row['episodes']:8d} {row['frames']:8d} {seconds:>18s} {row['jerk']:9.1f}")
    return "\n".join(lines)


def plot(report: dict, model: RobotModel, file: Path) -> None:
    """Coverage of each joint's range, and episodes for each instruction."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 7), layout="constrained")
    joints, counts = figure.subplots(1, 2, width_ratios=(3, 2))
    y = np.arange(model.n)
    joints.barh(y, model.upper - model.lower, left=model.lower, color="#d5dae1", label="range")
    low = np.array([row["low"] for row in report["joints"].values()])
    high = np.array([row["high"] for row in report["joints"].values()])
    joints.barh(y, high - low, left=low, height=0.45, color="#2563a8", label="demonstrated")
    joints.set_yticks(y, [name.removesuffix("_joint") for name in model.joints], fontsize=8)
    joints.invert_yaxis()
    joints.set_xlabel("rad")
    joints.legend(loc="lower right", fontsize=8)
    texts = list(report["instructions"])
    counts.barh(np.arange(len(texts)), [row["episodes"] for row in report["instructions"].values()], color="#d9822b")
    counts.set_yticks(np.arange(len(texts)), texts, fontsize=8)
    counts.invert_yaxis()
    counts.set_xlabel("episodes")
    figure.savefig(file, dpi=110)


def strip(frames: Iterable[EpisodeFrame], columns: int = COLUMNS) -> np.ndarray:
    """Pictures of an episode at even times, side by side, uint8, shape (H, columns · W, 3)."""
    images = [frame.image for frame in frames]
    at = np.linspace(0, len(images) - 1, columns).round().astype(int)
    return np.concatenate([images[i] for i in at], axis=1)


def write_sheet(strips: dict[str, np.ndarray], file: Path) -> None:
    """One row of pictures for each instruction, with its name."""
    from PIL import Image, ImageDraw

    width = max(row.shape[1] for row in strips.values())
    margin = 16
    sheet = Image.new("RGB", (width, sum(row.shape[0] + margin for row in strips.values())), "white")
    draw, top = ImageDraw.Draw(sheet), 0
    for text, row in strips.items():
        draw.text((4, top + 2), text, fill="black")
        sheet.paste(Image.fromarray(row), (0, top + margin))
        top += row.shape[0] + margin
    sheet.save(file)


def write_video(clips: list[np.ndarray], file: Path, fps: int) -> None:
    """Episodes side by side in a grid, each (T, H, W, 3); short ones hold their last picture."""
    columns = int(np.ceil(np.sqrt(len(clips))))
    height, width = clips[0].shape[1:3]
    rows = -(-len(clips) // columns)
    even = 2 * (columns * width // 2), 2 * (rows * height // 2)
    with Mp4Writer(file, fps, *even) as video:
        for t in range(max(len(clip) for clip in clips)):
            grid = np.zeros((rows * height, columns * width, 3), np.uint8)
            for i, clip in enumerate(clips):
                row, column = divmod(i, columns)
                grid[row * height : (row + 1) * height, column * width : (column + 1) * width] = clip[min(t, len(clip) - 1)]
            video.add(grid[: even[1], : even[0]])
    if video.error:
        raise RecordingError(f"{file}: {video.error}")


def inspect(source: DemonstrationSource, out: Path, model: RobotModel, quiet: bool = False) -> dict:
    """Writes report.json, coverage.png, sheet.png and sheet.mp4 to `out`; returns the summary."""
    layout = source.layout
    check_joints(layout.joints, model.joints, str(source.path))
    out.mkdir(parents=True, exist_ok=True)
    reports, shown = [], {}
    for one in tqdm(source.episodes, desc="episodes", disable=quiet):
        frames = list(one.frames())
        reports.append(examine(one.instruction, frames, model, 1.0 / (one.timing.rate or layout.fps)))
        shown.setdefault(one.instruction, frames)
    report = summary(reports, model)
    report["frames per second"] = {
        "stated": layout.fps,
        "by the times": sorted({round(one.timing.rate, 1) for one in source.episodes if one.timing.rate}),
    }
    report |= {"gaps": {one.name: one.timing.told() for one in source.episodes if one.timing.gaps}, "left out": source.left_out}
    (out / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    plot(report, model, out / "coverage.png")
    write_sheet({text: strip(frames) for text, frames in sorted(shown.items())}, out / "sheet.png")
    write_video(
        [np.stack([frame.image for frame in frames]) for _, frames in sorted(shown.items())], out / "sheet.mp4", layout.fps
    )
    return report


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    model = load_model(options.robot)
    source = open_source(options.source, model, reading_of(options))
    status = source.tell()
    print(table(inspect(source, options.out, model)))
    return status


if __name__ == "__main__":
    sys.exit(in_one_line(main))
