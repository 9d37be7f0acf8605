"""How a source of demonstrations is read, and the options that say so."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from arbiter.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Reading:
    """How a source is read.

    Attributes:
        rate: Frames per second that it is resampled to; 0: those that it has.
        source_rate: Of files that hold no times and do not tell their rate [Hz]; 0: none.
        degrees: Its joints are in degrees.
        camera: Which of a data set's cameras; "": the head camera, or the only one.
    """

    rate: int = 0
    source_rate: float = 0.0
    degrees: bool = False
    camera: str = ""


def add_options(p: argparse.ArgumentParser, *, rate: str = "") -> None:
    """The options of `Reading`; `rate`: help of --rate where a command has it."""
    if rate:
        p.add_argument("--rate", type=int, default=0, metavar="HZ", help=rate)
    p.add_argument(
        "--source-rate", type=float, default=0.0, metavar="HZ", help="rate of files that hold no times and do not tell it"
    )
    p.add_argument("--degrees", action="store_true", help="the source's joints are in degrees")
    p.add_argument("--camera", default="", help="which camera of a LeRobotDataset (default: head_camera, or the only one)")


def reading_of(options: argparse.Namespace, rate: int = 0) -> Reading:
    """What `add_options` found; `rate`: where the command has no --rate."""
    asked = getattr(options, "rate", 0) or rate
    if not 0 <= asked <= 1000:
        raise ConfigError(f"--rate {asked}; 1 to 1000 frames a second are possible (0: as recorded)")
    if not 0.0 <= options.source_rate <= 1000.0:
        raise ConfigError(f"--source-rate {options.source_rate}; up to 1000 frames a second are possible (0: not known)")
    return Reading(asked, options.source_rate, options.degrees, options.camera)
