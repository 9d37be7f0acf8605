"""Captured motions on the robot: limbs that point where the human's do, at a speed that the joints can follow."""

from __future__ import annotations

from dataclasses import dataclass, replace

import mink
import numpy as np
from tqdm import tqdm

from arbiter.robot import RobotModel
from training.common.mujoco_world import fixed_base
from training.pi0.data.disk import RecordingError
from training.pi0.data.joint_motion import JointMotion
from training.pi0.data.skeletons import LIMBS, Directions
from training.pi0.data.time_warp import warped
from training.pi0.data.upper_body import SIDES, SOLVER

ITERATIONS = 12
FIRST_ITERATIONS = 120
STEP = 0.1  # [s] of a step of the differential inverse kinematics
POSTURE_COST = 0.025  # against 1 per metre: a straight arm does not twist for the last degrees; costs 1 degree elsewhere
SMOOTHING = 0.06  # [s] of the filter against the jitter of capturing
SHORTEST = 0.3  # [s] of a motion that shows anything
LEAP, LEAP_SPEED, LEAP_RATIO = 0.35, 15.0, 5.0  # [rad], [rad/s] of a limb, and times the usual: no human moves so
REFERENCE_FRAMES = 5  # at either end, among which a pose for reference is looked for
PERCENTILE = 90.0  # of the frames whose residual counts: a wave is not excused by the time for which the arm hangs


@dataclass(frozen=True, slots=True)
class Retargeted:
    """A motion on the robot.

    Attributes:
        q: Joint positions at the robot's rate [rad], shape (T, n), inside the ranges and the limits of speed and acceleration.
        residual: Mean angle between the robot's and the human's limbs [rad], by limb ("left arm", ...).
        high: The angle [rad] that PERCENTILE of the frames stay below, by limb.
        worst: The largest of all those angles [rad].
        slowed: By what factor the whole became longer; 1: none.
        at_limit: Share of frames in which some joint is at the end of its range.
        skipped: Frames at the start and at the end that were poses for reference.
        limbs: Direction of each limb in the torso's frame, captured and robot's, shape (T', 3); empty for joint trajectories.
    """

    q: np.ndarray
    residual: dict[str, float]
    high: dict[str, float]
    worst: float
    slowed: float
    at_limit: float
    skipped: tuple[int, int] = (0, 0)
    limbs: tuple[Directions, Directions] = ({}, {})


class Retargeter:
    """Finds joint positions whose limbs point where the human's do, frame after frame."""

    def __init__(self, model: RobotModel) -> None:
        self._model = model
        self._mj = fixed_base(model)
        self._configuration = mink.Configuration(self._mj, q=np.array(model.default))
        self._limits = [mink.ConfigurationLimit(self._mj, gain=0.95)]
        self._posture = mink.PostureTask(self._mj, cost=POSTURE_COST)
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

    def solve(self, directions: Directions, frame: int, iterations: int) -> np.ndarray:
        """Joint positions of one frame [rad], shape (n,), found from those of the one before."""
        for _ in range(iterations):
            for task, (near, side, start, _, _), length in zip(self._tasks, self._limbs, self._lengths, strict=True):
                target = self._place(start, "body") + length * directions[near, side][frame]
                task.set_target(mink.SE3.from_translation(target))
            velocity = mink.solve_ik(self._configuration, [*self._tasks, self._posture], STEP, SOLVER, limits=self._limits)
            self._configuration.integrate_inplace(velocity, STEP)
        return np.clip(self._configuration.q, self._model.lower, self._model.upper)

    def limbs(self) -> dict[tuple[str, str], np.ndarray]:
        """Direction of each robot limb now, unit vectors, shape (3,)."""
        out = {}
        for near, side, start, end, kind in self._limbs:
            along = self._place(end, kind) - self._place(start, "body")
            out[near, side] = along / np.linalg.norm(along)
        return out


def retarget(
    directions: Directions, frame_time: float, model: RobotModel, path: str = "motion", quiet: bool = True, legs: bool = True
) -> Retargeted:
    """A captured motion, by the directions of its limbs, on the robot, at the robot's rate; `legs`: whether theirs count."""
    directions, skipped = without_reference(directions, frame_time)
    frames = len(next(iter(directions.values())))
    if frames * frame_time < SHORTEST or frames < 3:
        raise RecordingError(f"{path}: {frames} frames, {frames * frame_time:.2f} s; at least {SHORTEST} s are expected")
    solver, solved, found = Retargeter(model), [], []
    for frame in tqdm(range(frames), desc=f"retargeting {path}", disable=quiet or None):
        solved.append(solver.solve(directions, frame, ITERATIONS if frame else FIRST_ITERATIONS))
        found.append(solver.limbs())
    robot = {limb: np.array([one[limb] for one in found]) for limb in directions}
    angles = {
        f"{side} {part}": np.arccos(np.clip(np.sum(robot[part, side] * along, axis=1), -1.0, 1.0))
        for (part, side), along in directions.items()
        if legs or part in ("arm", "forearm")
    }
    made = followable(smooth(np.array(solved), frame_time), frame_time, model)
    return replace(
        made,
        residual={limb: float(one.mean()) for limb, one in angles.items()},
        high={limb: float(np.percentile(one, PERCENTILE)) for limb, one in angles.items()},
        worst=float(max(one.max() for one in angles.values())),
        skipped=skipped,
        limbs=(directions, robot),
    )


def followable(q: np.ndarray, frame_time: float, model: RobotModel) -> Retargeted:
    """Joint positions [rad], shape (T, n), at the robot's rate, inside the ranges, slowed where the joints could not follow."""
    q = np.clip(q, model.lower, model.upper)
    played, slowed = warped(q, frame_time, model.velocity, model.acceleration, model.dt)
    edge = (played <= model.lower + 1e-3) | (played >= model.upper - 1e-3)
    return Retargeted(played, {}, {}, 0.0, slowed, float(edge.any(axis=1).mean()))


def of_joints(motion: JointMotion, model: RobotModel, path: str) -> Retargeted:
    """A trajectory of this robot's own joints; those that it does not name stay in the default posture. Raises RecordingError."""
    known = {name: i for i, name in enumerate(model.joints)} | {
        name.removesuffix("_joint"): i for i, name in enumerate(model.joints)
    }
    foreign = [name for name in motion.joints if name not in known]
    if foreign:
        raise RecordingError(
            f"{path}: joints of another robot ({', '.join(foreign[:3])}, ...); {model.name} has {model.joints[0]}, ...: "
            "retarget it to this robot, or give the captured motion"
        )
    q = np.tile(model.default, (len(motion.q), 1))
    q[:, [known[name] for name in motion.joints]] = motion.q
    if len(q) / motion.rate < SHORTEST:
        raise RecordingError(f"{path}: {len(q)} frames, {len(q) / motion.rate:.2f} s; at least {SHORTEST} s are expected")
    beyond = np.maximum(np.maximum(model.lower - q, q - model.upper), 0.0)
    made = followable(q, 1.0 / motion.rate, model)
    moved = {name: beyond[:, known[name]] for name in motion.joints if beyond[:, known[name]].any()}
    return replace(
        made,
        residual={name: float(one.mean()) for name, one in moved.items()},
        high={name: float(np.percentile(one, PERCENTILE)) for name, one in moved.items()},
        worst=float(beyond.max()),
    )


def without_reference(directions: Directions, frame_time: float) -> tuple[Directions, tuple[int, int]]:
    """The motion without poses for reference at its ends (a T-pose in frame 0), and how many frames these were."""
    stacked = np.stack(list(directions.values()))
    turned = np.arccos(np.clip(np.sum(stacked[:, 1:] * stacked[:, :-1], axis=2), -1.0, 1.0)).max(axis=0)  # of the fastest limb
    usual = float(np.median(turned)) if len(turned) else 0.0
    leaps = (turned > LEAP) & (turned > LEAP_SPEED * frame_time) & (turned > LEAP_RATIO * usual)
    count = len(turned)
    first = max((i + 1 for i in np.flatnonzero(leaps) if i < REFERENCE_FRAMES and i < count // 4), default=0)
    last = max((count - i for i in np.flatnonzero(leaps) if i >= count - REFERENCE_FRAMES and i > count - count // 4), default=0)
    stop = stacked.shape[1] - last
    return {limb: along[first:stop] for limb, along in directions.items()}, (first, last)


def smooth(q: np.ndarray, dt: float) -> np.ndarray:
    """`q`, shape (T, n), under a normalised window of SMOOTHING seconds."""
    half = min(round(SMOOTHING / dt), len(q) // 2)
    if half < 1:
        return q
    window = np.hanning(2 * half + 3)[1:-1]
    padded = np.pad(q, ((half, half), (0, 0)), mode="edge")
    return np.stack([np.convolve(column, window / window.sum(), mode="valid") for column in padded.T], axis=1)
