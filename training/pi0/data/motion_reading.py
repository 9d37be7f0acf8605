"""How motion files are read, and the options that say so."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

SLOW_WARN, SLOW_MOST = 1.5, 3.0  # times as long
RESIDUAL_WARN, RESIDUAL_MOST = 20.0, 40.0  # [deg]


@dataclass(frozen=True, slots=True)
class MotionReading:
    """How motion files are read.

    Attributes:
        names: Names of the captured joints, by (side, part), None: they are found. rate: Of files that do not tell it [Hz].
        degrees: Joint trajectories are in degrees. legs: The legs follow too.
        residual: Most that a limb may be off for most of the time [deg]. slow: Most that a motion may become longer, times.
    """

    names: dict[tuple[str, str], str] | None = None
    rate: float = 0.0
    degrees: bool = False
    legs: bool = False
    residual: float = RESIDUAL_MOST
    slow: float = SLOW_MOST


def add_motion_options(p: argparse.ArgumentParser) -> None:
    """The options of `MotionReading`."""
    p.add_argument("--legs", action="store_true", help="let the legs follow too (they stand otherwise)")
    p.add_argument("--names", type=Path, metavar="FILE", help="YAML that names the skeleton's joints, where they are not found")
    p.add_argument("--source-rate", type=float, default=0.0, metavar="HZ", help="rate of trajectories that do not tell it")
    p.add_argument("--degrees", action="store_true", help="joint trajectories are in degrees")
    p.add_argument(
        "--most-residual",
        type=float,
        default=RESIDUAL_MOST,
        metavar="DEG",
        help="refuse a motion whose limbs are farther off [degrees]",
    )
    p.add_argument(
        "--most-slowed",
        type=float,
        default=SLOW_MOST,
        metavar="FACTOR",
        help="refuse a motion that becomes longer by this factor",
    )


def motion_reading(options: argparse.Namespace) -> MotionReading:
    """What `add_motion_options` found."""
    from training.pi0.data.skeletons import read_names

    names = read_names(options.names) if options.names else None
    return MotionReading(
        names, options.source_rate, options.degrees, options.legs, options.most_residual, max(1.0, options.most_slowed)
    )
