"""AMASS and SMPL motions: rotations of a body model's joints in an .npz file, without the body model.

The model's files may not be passed on; the limbs' directions need only its joints at rest, and those of an average person do.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.pi0.data.disk import RecordingError
from training.pi0.data.skeletons import CapturedBody

# The first 22 joints of SMPL, SMPL-H and SMPL-X: name, parent, place at rest [m] of an average person (x left, y up, z ahead),
# of the left side or the middle; the right side is its mirror image.
MIDDLE = {
    "Pelvis": ("", (0.0, 0.0, 0.0)),
    "Spine1": ("Pelvis", (0.0, 0.11, -0.03)),
    "Spine2": ("Spine1", (0.0, 0.25, -0.03)),
    "Spine3": ("Spine2", (0.0, 0.30, 0.0)),
    "Neck": ("Spine3", (0.0, 0.51, -0.04)),
    "Head": ("Neck", (0.0, 0.58, 0.01)),
}
LEFT = {
    "Hip": ("Pelvis", (0.07, -0.09, -0.01)),
    "Knee": ("L_Hip", (0.10, -0.47, -0.01)),
    "Ankle": ("L_Knee", (0.09, -0.87, -0.05)),
    "Foot": ("L_Ankle", (0.11, -0.92, 0.07)),
    "Collar": ("Spine3", (0.08, 0.42, -0.03)),
    "Shoulder": ("L_Collar", (0.17, 0.45, -0.04)),
    "Elbow": ("L_Shoulder", (0.43, 0.44, -0.07)),
    "Wrist": ("L_Elbow", (0.68, 0.44, -0.07)),
}
ORDER = (
    "Pelvis L_Hip R_Hip Spine1 L_Knee R_Knee Spine2 L_Ankle R_Ankle Spine3 L_Foot R_Foot Neck L_Collar R_Collar Head "
    "L_Shoulder R_Shoulder L_Elbow R_Elbow L_Wrist R_Wrist"
).split()
RATES = ("mocap_framerate", "mocap_frame_rate", "fps")


def is_smpl(keys) -> bool:
    """Whether the arrays of an .npz file are those of AMASS."""
    return "poses" in keys or {"root_orient", "pose_body"} <= set(keys)


def read_smpl(path: Path, data, rate: float = 0.0) -> CapturedBody:
    """The motion in an open .npz file; `rate` [Hz]: where it does not tell. Raises RecordingError."""
    if len({len(data[key]) for key in ("root_orient", "pose_body") if key in data}) > 1 or not all(
        len(data[key]) for key in ("poses", "root_orient", "pose_body") if key in data
    ):
        raise RecordingError(f"{path}: its rotations are empty, or differ in how many frames they have")
    parts = [data["poses"]] if "poses" in data else [data["root_orient"], data["pose_body"]]
    poses = np.concatenate([np.reshape(part, (len(part), -1)) for part in parts], axis=1).astype(float)
    turns = poses[:, : 3 * len(ORDER)]
    if turns.shape[1] != 3 * len(ORDER) or not np.isfinite(turns).all():
        raise RecordingError(
            f"{path}: poses of shape {poses.shape}; finite rotations of {len(ORDER)} joints and more are expected"
        )
    rate = next((float(data[key]) for key in RATES if key in data), 0.0) or rate
    if not rate > 0.0:
        raise RecordingError(f"{path}: it does not tell its rate ({', '.join(RATES)}); tell it: --source-rate HZ")
    rests, parents = _skeleton()
    turns = rotations_of(turns.reshape(len(poses), len(ORDER), 3))
    places: dict[str, np.ndarray] = {}
    world: dict[str, np.ndarray] = {}
    for i, name in enumerate(ORDER):
        parent = parents[name]
        if not parent:
            places[name], world[name] = np.zeros((len(poses), 3)), turns[:, i]
        else:
            places[name] = places[parent] + np.einsum("tij,j->ti", world[parent], rests[name] - rests[parent])
            world[name] = world[parent] @ turns[:, i]
    return CapturedBody(places, parents, 1.0 / rate)


def _skeleton() -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Place at rest [m] and parent of each joint."""
    rests = {name: np.array(at) for name, (_, at) in MIDDLE.items()}
    parents = {name: parent for name, (parent, _) in MIDDLE.items()}
    for name, (parent, at) in LEFT.items():
        for side, sign in (("L", 1.0), ("R", -1.0)):
            rests[f"{side}_{name}"] = np.array(at) * (sign, 1.0, 1.0)
            parents[f"{side}_{name}"] = parent.replace("L_", f"{side}_")
    return rests, parents


def rotations_of(vectors: np.ndarray) -> np.ndarray:
    """Rotation matrices of rotation vectors (axis times angle [rad]), (..., 3) to (..., 3, 3)."""
    angle = np.linalg.norm(vectors, axis=-1)[..., None, None]
    x, y, z = np.moveaxis(vectors, -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack((np.stack((zero, -z, y), -1), np.stack((z, zero, -x), -1), np.stack((-y, x, zero), -1)), -2)
    small = angle < 1e-8
    safe = np.where(small, 1.0, angle)
    first, second = np.where(small, 1.0, np.sin(safe) / safe), np.where(small, 0.5, (1.0 - np.cos(safe)) / safe**2)
    return np.eye(3) + first * cross + second * (cross @ cross)
