"""Shows a policy: a film of the whole robot under a list of commands, and what it reached.

python -m training.locomotion.play walk.onnx walk.mp4 --commands 0,0,0 0.3,0,0 0,0.2,0 0,0,0.8
python -m training.locomotion.play runs/locomotion/cpu-1/model_900.pt walk.png
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from arbiter.errors import ConfigError
from deploy.cli.command import CommandParser, in_one_line
from deploy.cli.extras import extra
from deploy.cli.outputs import output_file


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("training.locomotion.play", description=__doc__)
    p.add_argument("policy", type=Path, help="ONNX file, or a checkpoint model_N.pt of a training run")
    p.add_argument("out", type=output_file, help="video (.mp4), or some pictures side by side (.png)")
    p.add_argument("--card", type=Path, help="YAML card of an ONNX file without metadata")
    p.add_argument(
        "--commands",
        nargs="+",
        default=["0,0,0", "0.3,0,0", "0,0.2,0", "0,0,0.8", "-0.3,0,0"],
        metavar="X,Y,YAW",
        help="velocity commands, one after the other [m/s, m/s, rad/s]",
    )
    p.add_argument("--seconds", type=float, default=4.0, help="duration of each command [s]")
    return p


with extra(__name__, parser, "torch"):
    import mujoco
    import numpy as np

    from deploy.observers.mp4 import Mp4Writer
    from deploy.robots.description import load_model
    from training.common.mujoco_world import RobotParts
    from training.locomotion.arena import Arena, EpisodeConditions, compile_world
    from training.locomotion.episode_record import EpisodeRecord

FPS, WIDTH, HEIGHT = 25, 640, 480
FRAMES_IN_STRIP = 8


def parse_command(text: str) -> tuple[float, float, float]:
    """x,y,yaw. Raises ConfigError otherwise."""
    parts = text.split(",")
    try:
        x, y, yaw = (float(part) for part in parts)
    except ValueError as error:
        raise ConfigError(f"command {text!r}: three numbers x,y,yaw [m/s, m/s, rad/s] are expected, such as 0.3,0,0") from error
    return x, y, yaw


def perform(policy: Path, commands: list[tuple[float, float, float]], seconds: float, card: Path | None = None) -> EpisodeRecord:
    """One episode on the plain robot, each command for `seconds`."""
    world = EpisodeConditions(commands=tuple((k * seconds, command) for k, command in enumerate(commands)))
    return Arena(load_model(), policy, card=card, threads=1).run([world], seconds * len(commands), keep_poses=True)[0]


def pictures(record: EpisodeRecord):
    """RGB pictures of an episode at FPS, shape (HEIGHT, WIDTH, 3), the camera following."""
    model = compile_world(RobotParts(load_model()), record.world, light=True)
    data = mujoco.MjData(model)
    camera = mujoco.MjvCamera()
    camera.distance, camera.elevation, camera.azimuth = 1.8, -12.0, 140.0
    options = mujoco.MjvOption()
    options.geomgroup[3] = 1  # the robot is drawn by its collision shapes
    every = max(1, round(1.0 / (record.dt * FPS)))
    with mujoco.Renderer(model, HEIGHT, WIDTH) as renderer:
        for pose in record.poses[::every]:
            data.qpos[:] = pose
            mujoco.mj_forward(model, data)
            camera.lookat[:] = (pose[0], pose[1], 0.4)
            renderer.update_scene(data, camera, options)
            yield renderer.render()


def film(record: EpisodeRecord, out: Path) -> None:
    """Writes an MP4."""
    with Mp4Writer(out, FPS, WIDTH, HEIGHT) as video:
        for picture in pictures(record):
            video.add(picture)
    if video.error:
        raise ConfigError(f"{out}: {video.error}")


def strip(record: EpisodeRecord, out: Path) -> None:
    """Writes a PNG of some pictures side by side."""
    import matplotlib.image

    every = list(pictures(record))
    chosen = [every[i] for i in np.linspace(0, len(every) - 1, FRAMES_IN_STRIP).astype(int)]
    matplotlib.image.imsave(out, np.concatenate([picture[:, 120:-120] for picture in chosen], 1))


def main(argv: list[str] | None = None) -> None:
    args = parser().parse_args(argv)
    if args.out.suffix not in (".mp4", ".png"):
        raise ConfigError(f"{args.out}: .mp4 (film) or .png (strip of pictures) is expected")
    os.environ.setdefault("MUJOCO_GL", "egl")
    commands = [parse_command(text) for text in args.commands]
    with tempfile.TemporaryDirectory() as folder:
        record = perform(deployable(args.policy, Path(folder)), commands, args.seconds, args.card)
    for k, command in enumerate(commands):
        velocity, _ = record.window((k + 0.5) * args.seconds, (k + 1) * args.seconds)
        reached = "fell" if len(velocity) == 0 else " ".join(f"{v:+.2f}" for v in velocity.mean(0))
        print(f"asked {command[0]:+.2f} {command[1]:+.2f} {command[2]:+.2f}: reached {reached}")
    (film if args.out.suffix == ".mp4" else strip)(record, args.out)


def deployable(policy: Path, folder: Path) -> Path:
    """`policy` itself, or the ONNX file of a checkpoint, written into `folder`."""
    if policy.suffix != ".pt":
        return policy
    from training.locomotion.export import export
    from training.locomotion.task import Task, TaskConfig

    export(policy, folder / "policy.onnx", Task(TaskConfig()))
    return folder / "policy.onnx"


if __name__ == "__main__":
    sys.exit(in_one_line(main))
