"""Augments a data set: cropped and recoloured pictures, noise on joint readings, paraphrased instructions.

    python -m training.pi0.data.augment datasets/gestures datasets/gestures_more --copies 2 --seed 1

An interrupted run continues when it is started again with the same arguments.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from arbiter.errors import ConfigError
from deploy.cli.command import CommandParser, in_one_line
from deploy.cli.extras import extra
from deploy.cli.options import seed
from training.pi0.data.reading import add_options, reading_of


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("training.pi0.data.augment", description=__doc__)
    p.add_argument("source", type=Path, help="a LeRobotDataset, or a folder of HDF5 episodes")
    p.add_argument("root", type=Path, help="folder of the new LeRobotDataset")
    add_options(p, rate="frames per second of the result, resampled by time (0: those of the recording)")
    p.add_argument("--copies", type=int, default=1, help="varied copies of each episode")
    p.add_argument("--seed", type=seed, default=0, help="seed of all random generators")
    p.add_argument("--robot", default="berkeley_humanoid_lite", help="name or folder of the robot's description")
    p.add_argument("--pictures", choices=("h264", "av1", "png"), default="h264", help="how pictures are stored")
    for name, default, text in (
        ("crop", 0.06, "largest part of the picture's side that is cut off"),
        ("brightness", 0.2, "largest relative change of brightness"),
        ("contrast", 0.2, "largest relative change of contrast"),
        ("saturation", 0.2, "largest relative change of saturation"),
        ("joint-pos", 0.005, "standard deviation of the noise on joint positions [rad]"),
        ("joint-vel", 0.05, "standard deviation of the noise on joint velocities [rad/s]"),
    ):
        p.add_argument(f"--{name}", type=float, default=default, help=text)
    p.add_argument("--same-words", action="store_true", help="keep the instructions as they are")
    return p


with extra(__name__, parser, "h5py", "cv2"):
    import numpy as np
    from tqdm import tqdm

    from deploy.robots.description import load_model
    from training.pi0.data.episode import EpisodeFrame
    from training.pi0.data.episode_recorder import EpisodeRecorder, job_name
    from training.pi0.data.instructions import find
    from training.pi0.data.sources import DemonstrationSource, open_source

GREY = np.array((0.299, 0.587, 0.114), np.float32)


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Ranges of the augmentation; sampled once per episode, except the noise.

    Attributes:
        crop: Largest part of the picture's side that is cut off before it is scaled back.
        brightness, contrast, saturation: Largest relative change.
        joint_pos: Standard deviation of the noise of positions [rad]. joint_vel: Of velocities [rad/s].
        words: Whether the instruction is replaced by one of its paraphrases.
    """

    crop: float = 0.06
    brightness: float = 0.2
    contrast: float = 0.2
    saturation: float = 0.2
    joint_pos: float = 0.005
    joint_vel: float = 0.05
    words: bool = True

    def __post_init__(self) -> None:
        for name in ("crop", "brightness", "contrast", "saturation"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ConfigError(f"augmentation: {name} {getattr(self, name)}; 0 to 1 is possible")
        if self.joint_pos < 0.0 or self.joint_vel < 0.0:
            raise ConfigError(f"augmentation: noise {self.joint_pos}, {self.joint_vel}; it cannot be negative")


def cut(image: np.ndarray, top: int, left: int, size: tuple[int, int]) -> np.ndarray:
    """The square of side `size` at (top, left) of a picture, scaled up to the picture's size."""
    import cv2

    part = image[top : top + size[0], left : left + size[1]]
    return cv2.resize(part, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR)


def recolour(image: np.ndarray, brightness: float, contrast: float, saturation: float) -> np.ndarray:
    """A picture with brightness, contrast and saturation multiplied by these factors; 1 changes nothing."""
    colour = image.astype(np.float32) * brightness
    colour += (1.0 - contrast) * (colour.mean() - colour)
    grey = (colour @ GREY)[..., None]
    colour = grey + saturation * (colour - grey)
    return np.clip(colour + 0.5, 0.0, 255.0).astype(np.uint8)


def reword(instruction: str, rng: np.random.Generator) -> str:
    """The instruction or one of its paraphrases, at random; unknown instructions are unchanged."""
    try:
        known = find(instruction)
    except ConfigError:
        return instruction
    choices = (known.text, *known.paraphrases)
    return choices[rng.integers(len(choices))]


def vary(
    instruction: str, frames: Iterable[EpisodeFrame], how: Augmentation, rng: np.random.Generator
) -> tuple[str, Iterator[EpisodeFrame]]:
    """An episode under one random augmentation. Actions and times are unchanged."""
    text = reword(instruction, rng) if how.words else instruction
    share, place = rng.uniform(0.0, how.crop), rng.uniform(size=2)
    factors = [1.0 + rng.uniform(-spread, spread) for spread in (how.brightness, how.contrast, how.saturation)]

    def changed() -> Iterator[EpisodeFrame]:
        for frame in frames:
            height, width = frame.image.shape[:2]
            size = (round(height * (1.0 - share)), round(width * (1.0 - share)))
            top, left = (int(at * (whole - part)) for at, whole, part in zip(place, (height, width), size, strict=True))
            image = recolour(cut(frame.image, top, left, size), *factors)
            n = len(frame.joint_pos)
            yield replace(
                frame,
                image=image,
                joint_pos=frame.joint_pos + how.joint_pos * rng.normal(size=n),
                joint_vel=frame.joint_vel + how.joint_vel * rng.normal(size=n),
            )

    return text, changed()


def augment(
    source: DemonstrationSource,
    root: Path,
    how: Augmentation,
    copies: int,
    seed: int,
    *,
    pictures: str = "h264",
    quiet: bool = False,
) -> int:
    """Records `copies` varied copies of every episode at `root`, but for those that are there; returns how many are new."""
    with EpisodeRecorder(root, source.layout, pictures=pictures, quiet=quiet) as recorder:
        first = recorder.recorded
        for copy in range(copies):
            for number, one in enumerate(tqdm(source.episodes, desc=str(root), disable=quiet)):
                job = job_name("augment", source=str(source.path.resolve()), episode=number, copy=copy, seed=seed, **asdict(how))
                if job in recorder.done:
                    continue
                said, changed = vary(one.instruction, one.frames(), how, np.random.default_rng((seed, copy, number)))
                recorder.begin(said, job)
                for frame in changed:
                    recorder.add(frame)
                recorder.end()
        return recorder.recorded - first


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    how = Augmentation(
        options.crop,
        options.brightness,
        options.contrast,
        options.saturation,
        options.joint_pos,
        options.joint_vel,
        not options.same_words,
    )
    source = open_source(options.source, load_model(options.robot), reading_of(options))
    status = source.tell()
    count = augment(source, options.root, how, options.copies, options.seed, pictures=options.pictures)
    print(f"{options.root}: {count} new episodes")
    return status


if __name__ == "__main__":
    sys.exit(in_one_line(main))
