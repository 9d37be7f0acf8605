"""Motions to demonstrations: captured or retargeted elsewhere, put on the robot's joints, played in simulation and recorded.

    python -m training.pi0.data.mocap wave.bvh --instruction "wave the right hand" --root datasets/mocap

Reads BVH of any humanoid skeleton, AMASS / SMPL (.npz), and joint trajectories (.csv, .npz with names; LAFAN1 for the G1).

Upper arms, forearms, thighs and shanks of the robot take the directions of the human's, relative to the torso, as far as
joint ranges allow. The remaining angle is reported as the residual, with a picture of both. A motion is slowed down where it is
faster than the joints may move. Files that an earlier run recorded are skipped; one that cannot be used, or whose motion makes
the robot fall, is named, the others are still recorded, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from deploy.cli.command import CommandParser, in_one_line
from deploy.cli.extras import extra
from training.pi0.data.motion_reading import MotionReading, add_motion_options, motion_reading


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("training.pi0.data.mocap", description=__doc__)
    p.add_argument("files", type=Path, nargs="+", help="motion files: .bvh, .npz, .csv")
    p.add_argument("--instruction", required=True, help="what the motion shows")
    p.add_argument("--root", type=Path, required=True, help="folder of the LeRobotDataset; grown if it exists")
    add_motion_options(p)
    p.add_argument("--picture", type=int, default=224, help="side of the head camera's picture [px]")
    p.add_argument("--pictures", choices=("h264", "av1", "png"), default="h264", help="how pictures are stored")
    return p


with extra(__name__, parser, "mink", "h5py"):
    import numpy as np

    from deploy.robots.description import load_model
    from training.pi0.data.demo_simulation import DemoSimulation
    from training.pi0.data.demos import AWAY, STANDING_NOISE
    from training.pi0.data.disk import DiskError
    from training.pi0.data.episode import Layout, RecordingError
    from training.pi0.data.episode_recorder import EpisodeRecorder, job_name
    from training.pi0.data.experts import follow
    from training.pi0.data.motions import judged, on_robot
    from training.pi0.data.retarget import Retargeted
    from training.pi0.data.retarget_picture import draw
    from training.pi0.data.success import FALLEN_TILT


def perform(
    simulation: DemoSimulation, q: np.ndarray, recorder: EpisodeRecorder, instruction: str, legs: bool, job: str = ""
) -> None:
    """Plays joint positions, shape (T, n), in simulation and records them. Raises RecordingError when the robot falls."""
    model = simulation.model
    arms = model.groups["arms"]
    if not legs:
        q = np.where(arms, q, model.default)
    speed = np.gradient(q, model.dt, axis=0)
    simulation.reset(q[0], AWAY)
    recorder.begin(instruction, job)
    start = simulation.now
    for posture, velocity in zip(q, speed, strict=True):
        seen = simulation.observe()
        if seen.state.tilt > FALLEN_TILT:
            recorder.discard()
            raise RecordingError(
                f"{instruction!r}: the robot fell after {simulation.now - start:.1f} s of the motion; leave "
                "the legs to the balance reflex (without --legs)"
            )
        # Gravity feed-forward at the wanted posture: without it the arms sag below the human's.
        ahead = follow(simulation.body, posture, velocity, velocity)
        action = np.where(arms, ahead, posture)
        recorder.add(simulation.frame(seen, action, start))
        simulation.step(seen, action, None)
    recorder.end()


def record(
    files: list[Path], simulation: DemoSimulation, recorder: EpisodeRecorder, instruction: str, how: MotionReading
) -> dict[Path, str]:
    """Records the files that are not in the data set yet; returns why others are left out."""
    model, left_out = simulation.model, {}
    shown = recorder.root.with_name(f"{recorder.root.name}.motions")
    for file in files:
        job = job_name("mocap", file=str(file.resolve()), instruction=instruction, legs=how.legs)
        if job in recorder.done:
            print(f"{file}: recorded by an earlier run")
            continue
        try:
            found = on_robot(file, model, how, quiet=False)
            if found.limbs[0]:
                draw(found, shown / f"{file.stem}.png")
            for warning in judged(found, how, str(file)):
                print(f"note: {warning}", file=sys.stderr)
            perform(simulation, found.q, recorder, instruction, how.legs, job)
        except DiskError:
            raise
        except RecordingError as error:
            left_out[file] = str(error)
            continue
        print(json.dumps(told(file, found, model.dt)))
    return left_out


def told(file: Path, found: Retargeted, dt: float) -> dict:
    """What came of a motion, for people and programs."""
    return {
        "file": str(file),
        "seconds": round(len(found.q) * dt, 2),
        "slowed": round(found.slowed, 2),
        "skipped frames": list(found.skipped),
        "residual [deg]": {limb: round(np.degrees(angle), 1) for limb, angle in found.residual.items()},
        "worst [deg]": round(np.degrees(found.worst), 1),
        "share of frames at a limit": round(found.at_limit, 2),
    }


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    if not options.instruction.strip():
        raise RecordingError("--instruction is empty; say what the motion shows")
    how, model = motion_reading(options), load_model()
    simulation = DemoSimulation(model, picture=options.picture, noise=STANDING_NOISE)
    layout = Layout(model.joints, (options.picture, options.picture), round(model.control_hz))
    with EpisodeRecorder(options.root, layout, pictures=options.pictures) as recorder:
        left_out = record(options.files, simulation, recorder, options.instruction, how)
    for file, why in left_out.items():
        print(f"not recorded: {why if str(file) in why else f'{file}: {why}'}")
    if len(left_out) == len(options.files):
        raise RecordingError(f"{options.root}: none of {len(left_out)} files was recorded; the reasons stand above")
    return 1 if left_out else 0


if __name__ == "__main__":
    sys.exit(in_one_line(main))
