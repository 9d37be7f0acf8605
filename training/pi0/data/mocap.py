"""Motion capture to demonstrations: BVH files are retargeted to the robot's joints, played in simulation and recorded.

    python -m training.pi0.data.mocap wave.bvh --instruction "wave the right hand" --root datasets/mocap

Upper arms, forearms, thighs and shanks of the robot take the directions of the human's, relative to the torso, as far as
joint ranges allow. The remaining angle is reported as the residual. A motion that is faster than the joints may move is
slowed down as a whole. Files that an earlier run recorded are skipped; a file whose motion makes the robot fall is reported
and the others are still recorded.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from deploy.cli.command import CommandParser, in_one_line
from deploy.cli.extras import extra


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("training.pi0.data.mocap", description=__doc__)
    p.add_argument("files", type=Path, nargs="+", help="BVH files")
    p.add_argument("--instruction", required=True, help="what the motion shows")
    p.add_argument("--root", type=Path, required=True, help="folder of the LeRobotDataset; grown if it exists")
    p.add_argument("--legs", action="store_true", help="let the legs follow too (they stand otherwise)")
    p.add_argument("--picture", type=int, default=224, help="side of the head camera's picture [px]")
    p.add_argument("--pictures", choices=("h264", "av1", "png"), default="h264", help="how pictures are stored")
    return p


with extra(__name__, parser, "mink", "h5py"):
    import mink
    import numpy as np
    from tqdm import tqdm

    from arbiter.robot import RobotModel
    from deploy.robots.description import load_model
    from training.common.mujoco_world import fixed_base
    from training.pi0.data.bvh import CapturedMotion, read_bvh
    from training.pi0.data.demo_simulation import DemoSimulation
    from training.pi0.data.demos import AWAY, STANDING_NOISE
    from training.pi0.data.disk import DiskError
    from training.pi0.data.episode import Layout, RecordingError
    from training.pi0.data.episode_recorder import EpisodeRecorder, job_name
    from training.pi0.data.experts import follow
    from training.pi0.data.success import FALLEN_TILT
    from training.pi0.data.upper_body import SIDES, SOLVER

# Names of the same joints in the skeletons of CMU, Mixamo, LAFAN1 and others; "mixamorig:" is cut off.
NAMES = {
    "arm": ("{S}Arm", "{S}UpArm", "{s}_upperarm", "{S}UpperArm", "{c}Shldr"),
    "forearm": ("{S}ForeArm", "{S}LowArm", "{s}_forearm", "{S}LowerArm", "{c}ForeArm"),
    "hand": ("{S}Hand", "{s}_hand", "{c}Hand", "{S}Wrist"),
    "thigh": ("{S}UpLeg", "{S}UpperLeg", "{s}_thigh", "{c}Thigh", "{S}Hip"),
    "shank": ("{S}Leg", "{S}LowerLeg", "{s}_shin", "{c}Shin", "{S}Knee"),
    "foot": ("{S}Foot", "{s}_foot", "{c}Foot", "{S}Ankle"),
}
# Limbs of the robot: from body, to frame, kind of frame, and the human's two ends.
LIMBS = (
    ("arm_{side}_shoulder_roll", "arm_{side}_elbow_pitch", "body", "arm", "forearm"),
    ("arm_{side}_elbow_pitch", "hand_{side}", "site", "forearm", "hand"),
    ("leg_{side}_hip_pitch", "leg_{side}_knee_pitch", "body", "thigh", "shank"),
    ("leg_{side}_knee_pitch", "leg_{side}_ankle_pitch", "body", "shank", "foot"),
)
ITERATIONS = 12
FIRST_ITERATIONS = 120
STEP = 0.1  # [s] of a step of the differential inverse kinematics
SPEED_SHARE = 0.5  # of the robot's commanded velocity limit that a retargeted motion may use
SMOOTHING = 0.06  # [s] of the filter against the jitter of capturing


@dataclass(frozen=True, slots=True)
class Retargeted:
    """A motion on the robot.

    Attributes:
        q: Joint positions at the robot's rate [rad], shape (T, n), inside the ranges and the velocity limit.
        residual: Mean angle between the robot's and the human's limbs [rad], by limb ("left arm", ...).
        worst: The largest of all those angles [rad].
        slowed: Factor by which the motion was stretched in time; 1: none.
        at_limit: Share of frames in which some joint is at the end of its range.
    """

    q: np.ndarray
    residual: dict[str, float]
    worst: float
    slowed: float
    at_limit: float


def human_joint(names: dict[str, str], part: str, side: str, path: str) -> str:
    """The file's name of a joint. Raises RecordingError listing the names that the file has."""
    wanted = [form.format(S=side.capitalize(), s=side, c=side[0]) for form in NAMES[part]]
    for name in wanted:
        if name.lower() in names:
            return names[name.lower()]
    raise RecordingError(f"{path}: no joint for the {side} {part} ({', '.join(wanted)}); it has {', '.join(names.values())}")


def limb_directions(motion: CapturedMotion, path: str) -> dict[tuple[str, str], np.ndarray]:
    """Direction of each human limb in the torso's frame (x forward, y left, z up), unit vectors, shape (T, 3)."""
    places = motion.positions()
    names = {name.split(":")[-1].lower(): name for name in places}

    def at(part: str, side: str) -> np.ndarray:
        return places[human_joint(names, part, side, path)]

    shoulders, hips = (at(part, "left") - at(part, "right") for part in ("arm", "thigh"))
    up = (at("arm", "left") + at("arm", "right")) - (at("thigh", "left") + at("thigh", "right"))
    # Legs relative to the hips, arms relative to the shoulders: a turned trunk must not turn the legs.
    frames = {"arm": torso_frame(up, shoulders), "leg": torso_frame(up, hips)}
    directions = {}
    for start, _, _, near, far in LIMBS:
        for side in SIDES:
            along = np.einsum("tij,tj->ti", frames[start[:3]], at(far, side) - at(near, side))
            length = np.linalg.norm(along, axis=1, keepdims=True)
            if not (length > 1e-6).all():
                raise RecordingError(f"{path}: the {side} {near} has no length in some frame")
            directions[near, side] = along / length
    return directions


def torso_frame(up: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Orthonormal frame of the torso, rows forward, left and up, shape (T, 3, 3)."""
    up = up / np.linalg.norm(up, axis=1, keepdims=True)
    left = left - np.einsum("ti,ti->t", left, up)[:, None] * up
    left = left / np.linalg.norm(left, axis=1, keepdims=True)
    return np.stack((np.cross(left, up), left, up), axis=1)


class Retargeter:
    """Finds joint positions whose limbs point as the human's do, frame by frame."""

    def __init__(self, model: RobotModel) -> None:
        self._model = model
        self._mj = fixed_base(model)
        self._configuration = mink.Configuration(self._mj, q=np.array(model.default))
        self._limits = [mink.ConfigurationLimit(self._mj, gain=0.95)]
        self._posture = mink.PostureTask(self._mj, cost=3e-3)
        self._posture.set_target(np.array(model.default))
        self._limbs = [
            (near, side, start.format(side=side), end.format(side=side), kind)
            for start, end, kind, near, _ in LIMBS
            for side in SIDES
        ]
        self._tasks = [
            mink.FrameTask(end, kind, position_cost=1.0, orientation_cost=0.0, lm_damping=1e-3)
            for _, _, _, end, kind in self._limbs
        ]
        self._lengths = [
            np.linalg.norm(self._place(end, kind) - self._place(start, "body")) for _, _, start, end, kind in self._limbs
        ]

    def _place(self, name: str, kind: str) -> np.ndarray:
        return self._configuration.get_transform_frame_to_world(name, kind).translation()

    def solve(self, directions: dict[tuple[str, str], np.ndarray], frame: int, iterations: int) -> np.ndarray:
        """Joint positions of one frame [rad], shape (n,), found from those of the one before."""
        for _ in range(iterations):
            for task, (near, side, start, _, _), length in zip(self._tasks, self._limbs, self._lengths, strict=True):
                target = self._place(start, "body") + length * directions[near, side][frame]
                task.set_target(mink.SE3.from_translation(target))
            velocity = mink.solve_ik(self._configuration, [*self._tasks, self._posture], STEP, SOLVER, limits=self._limits)
            self._configuration.integrate_inplace(velocity, STEP)
        return np.clip(self._configuration.q, self._model.lower, self._model.upper)

    def angles(self, directions: dict[tuple[str, str], np.ndarray], frame: int) -> dict[str, float]:
        """Angle between each robot limb and the human's in the current frame [rad]."""
        out = {}
        for near, side, start, end, kind in self._limbs:
            along = self._place(end, kind) - self._place(start, "body")
            cosine = along @ directions[near, side][frame] / np.linalg.norm(along)
            out[f"{side} {near}"] = float(np.arccos(np.clip(cosine, -1.0, 1.0)))
        return out


def retarget(motion: CapturedMotion, model: RobotModel, path: str = "motion", quiet: bool = True) -> Retargeted:
    """A captured motion on the robot, at the robot's rate."""
    directions = limb_directions(motion, path)
    solver, frames = Retargeter(model), len(motion.values)
    solved, angles = [], []
    for frame in tqdm(range(frames), desc=f"retargeting {path}", disable=quiet):
        solved.append(solver.solve(directions, frame, ITERATIONS if frame else FIRST_ITERATIONS))
        angles.append(solver.angles(directions, frame))
    q = smooth(np.array(solved), motion.frame_time)
    fastest = np.max(np.abs(np.diff(q, axis=0)) / motion.frame_time / (SPEED_SHARE * model.velocity))
    slowed = max(1.0, float(fastest))
    times = np.arange(frames) * motion.frame_time * slowed
    ticks = np.arange(0.0, times[-1] + 1e-9, model.dt)
    played = np.stack([np.interp(ticks, times, column) for column in q.T], axis=1)
    edge = (played <= model.lower + 1e-3) | (played >= model.upper - 1e-3)
    return Retargeted(
        np.clip(played, model.lower, model.upper),
        {limb: float(np.mean([one[limb] for one in angles])) for limb in angles[0]},
        float(max(max(one.values()) for one in angles)),
        slowed,
        float(edge.any(axis=1).mean()),
    )


def smooth(q: np.ndarray, dt: float) -> np.ndarray:
    """`q`, shape (T, n), under a normalised window of SMOOTHING seconds."""
    half = round(SMOOTHING / dt)
    if half < 1:
        return q
    window = np.hanning(2 * half + 3)[1:-1]
    padded = np.pad(q, ((half, half), (0, 0)), mode="edge")
    return np.stack([np.convolve(column, window / window.sum(), mode="valid") for column in padded.T], axis=1)


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
    files: list[Path], simulation: DemoSimulation, recorder: EpisodeRecorder, instruction: str, legs: bool
) -> dict[Path, str]:
    """Records the files that are not in the data set yet; returns why others are left out."""
    model, left_out = simulation.model, {}
    for file in files:
        job = job_name("mocap", file=str(file.resolve()), instruction=instruction, legs=legs)
        if job in recorder.done:
            print(f"{file}: recorded by an earlier run")
            continue
        try:
            found = retarget(read_bvh(file), model, str(file), quiet=False)
            perform(simulation, found.q, recorder, instruction, legs, job)
        except DiskError:
            raise
        except RecordingError as error:
            left_out[file] = str(error)
            continue
        print(
            json.dumps(
                {
                    "file": str(file),
                    "seconds": round(len(found.q) * model.dt, 2),
                    "slowed": round(found.slowed, 2),
                    "residual [deg]": {limb: round(np.degrees(angle), 1) for limb, angle in found.residual.items()},
                    "worst [deg]": round(np.degrees(found.worst), 1),
                    "share of frames at a limit": round(found.at_limit, 2),
                }
            )
        )
    return left_out


def main(arguments: list[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    model = load_model()
    simulation = DemoSimulation(model, picture=options.picture, noise=STANDING_NOISE)
    layout = Layout(model.joints, (options.picture, options.picture), round(model.control_hz))
    with EpisodeRecorder(options.root, layout, pictures=options.pictures) as recorder:
        left_out = record(options.files, simulation, recorder, options.instruction, options.legs)
    for file, why in left_out.items():
        print(f"not recorded: {file}: {why}")
    if len(left_out) == len(options.files):
        raise RecordingError(f"{options.root}: none of {len(left_out)} files was recorded; the reasons stand above")


if __name__ == "__main__":
    sys.exit(in_one_line(main))
