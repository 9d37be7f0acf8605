"""Motion files of every kind, as the robot can play them: BVH, AMASS / SMPL, trajectories retargeted elsewhere."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from arbiter.robot import RobotModel
from training.pi0.data import g1_limbs
from training.pi0.data.bvh import read_bvh
from training.pi0.data.disk import RecordingError
from training.pi0.data.joint_motion import JointMotion, JointOrders, read_csv, read_npz
from training.pi0.data.motion_reading import RESIDUAL_WARN, SLOW_WARN, MotionReading
from training.pi0.data.retarget import Retargeted, of_joints, retarget
from training.pi0.data.skeletons import CapturedBody, limb_directions
from training.pi0.data.smpl import is_smpl, read_smpl

SUFFIXES = (".bvh", ".npz", ".csv")
PICKLES = (".pkl", ".pickle", ".p", ".joblib", ".npy")
OTHERS = {
    ".fbx": "export it as BVH (Blender, Maya, MotionBuilder do)",
    ".c3d": "markers without a skeleton: solve it to BVH",
    ".glb": "export it as BVH",
    ".gltf": "export it as BVH",
    ".asf": "CMU's files are to be had as BVH",
    ".amc": "CMU's files are to be had as BVH",
    ".trc": "markers without a skeleton: solve it to BVH",
    ".mp4": "a video: estimate the pose first (GVHMR, WHAM give SMPL)",
}


def on_robot(path: Path, model: RobotModel, how: MotionReading, quiet: bool = True) -> Retargeted:
    """The motion in a file, on the robot. Raises RecordingError in one line, with the way out."""
    motion = read_motion(path, model, how)
    if isinstance(motion, CapturedBody):
        directions, frame_time = limb_directions(motion, str(path), how.names), motion.frame_time
    elif g1_limbs.is_g1(motion.joints):
        directions, frame_time = g1_limbs.directions(motion, str(path)), 1.0 / motion.rate
    else:
        return of_joints(motion, model, str(path))
    return retarget(directions, frame_time, model, str(path), quiet, how.legs)


def read_motion(path: Path, model: RobotModel, how: MotionReading) -> CapturedBody | JointMotion:
    """The motion in a file, as it is stored."""
    kind = path.suffix.lower()
    if kind in PICKLES:
        raise RecordingError(
            f"{path}: a pickle can run any code when it is read, so none is read; where it comes from, save it as .npz: "
            "np.savez(FILE, joint_pos=d['dof_pos'], joint_names=[...], fps=d['fps'])"
        )
    if kind not in SUFFIXES:
        way = OTHERS.get(kind, "for HDF5 and LeRobotDatasets see training.pi0.data.convert")
        raise RecordingError(
            f"{path}: {kind or 'a file without a suffix'} is no motion file; {', '.join(SUFFIXES)} are read: {way}"
        )
    if not path.is_file():
        raise RecordingError(f"{path}: no such file")
    if kind == ".bvh":
        return read_bvh(path).body()
    orders = JointOrders({model.n: (model.joints, 0.0), len(g1_limbs.JOINTS): (g1_limbs.JOINTS, g1_limbs.RATE)})
    if kind == ".csv":
        return read_csv(path, orders, how.rate, how.degrees)
    return _npz(path, lambda data: _from_npz(path, data, how))


def _from_npz(path: Path, data, how: MotionReading) -> CapturedBody | JointMotion:
    return read_smpl(path, data, how.rate) if is_smpl(data) else read_npz(path, data, how.rate, how.degrees)


def _npz[T](path: Path, read: Callable[[dict], T]) -> T:
    """What `read` finds in the arrays of an .npz file; objects in it, which are pickles, are left alone."""
    data, objects = {}, []
    try:
        with np.load(path, allow_pickle=False) as file:
            for name in file.files:
                try:
                    data[name] = file[name]
                except ValueError:  # an object: AMASS has the gender so in some files
                    objects.append(name)
    except (OSError, ValueError, TypeError, KeyError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise RecordingError(
            f"{path}: not a readable .npz file: cut short, or another kind (a pickle, a single .npy); np.savez writes one"
        ) from error
    try:
        return read(data)
    except RecordingError as error:
        raise RecordingError(f"{error}{_pickled(objects)}") from error
    except (ValueError, TypeError) as error:
        raise RecordingError(f"{path}: {error}") from error


def _pickled(objects: list[str]) -> str:
    """What was left alone."""
    return f" ({', '.join(objects)}: objects, which are pickles and are not read; save plain arrays)" if objects else ""


def judged(found: Retargeted, how: MotionReading, path: str) -> list[str]:
    """What to warn of. Raises RecordingError for a motion that is not the one that was captured any more."""
    warnings = []
    if any(found.skipped):
        warnings.append(
            f"{path}: {found.skipped[0]} frames at the start and {found.skipped[1]} at the end skipped: poses for reference"
        )
    if found.slowed > how.slow:
        raise RecordingError(
            f"{path}: it would become {found.slowed:.1f} times longer, because the joints cannot follow ({how.slow:g} at most "
            "is allowed); take a calmer motion, or --most-slowed"
        )
    if found.slowed > SLOW_WARN:
        warnings.append(f"{path}: {found.slowed:.2f} times longer, where the joints could not follow")
    high = {limb: float(np.degrees(angle)) for limb, angle in found.high.items()}
    worst = sorted(high, key=lambda limb: -high[limb])
    off = ", ".join(f"{limb} {high[limb]:.0f} degrees" for limb in worst if high[limb] > RESIDUAL_WARN)
    if max(high.values(), default=0.0) > how.residual:
        raise RecordingError(
            f"{path}: the robot cannot do this motion: off by {off} ({how.residual:g} at most is allowed); take another take, or "
            "--most-residual"
        )
    if off:
        warnings.append(f"{path}: the robot comes short by {off}")
    return warnings
