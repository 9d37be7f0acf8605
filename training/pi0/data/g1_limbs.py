"""The limbs of a Unitree G1 whose joints are known: LAFAN1 was retargeted to it, and goes on to other robots from there."""

from __future__ import annotations

import numpy as np

from training.pi0.data.bvh import axis_rotations
from training.pi0.data.disk import RecordingError
from training.pi0.data.joint_motion import JointMotion
from training.pi0.data.skeletons import Directions

RATE = 30.0  # frames per second of LAFAN1's retargeted motions
_LEG = ("hip_pitch", "hip_roll", "hip_yaw", "knee", "ankle_pitch", "ankle_roll")
_ARM = ("shoulder_pitch", "shoulder_roll", "shoulder_yaw", "elbow", "wrist_roll", "wrist_pitch", "wrist_yaw")
# The order of its 29 joints in those files, as their description has it.
JOINTS = tuple(
    f"{name}_joint"
    for name in (
        *(f"{side}_{joint}" for side in ("left", "right") for joint in _LEG),
        *("waist_yaw", "waist_roll", "waist_pitch"),
        *(f"{side}_{joint}" for side in ("left", "right") for joint in _ARM),
    )
)
X, Y, Z = 0, 1, 2
# Of the left side [m]: shoulder to yaw joint to elbow, elbow to wrist, hip to yaw joint to knee, knee to ankle.
UPPER_ARM = np.array((0.0, 0.006, -0.103)), np.array((0.016, 0.0, -0.081))
FOREARM = np.array((0.1, 0.002, -0.01))
THIGH = np.array((0.025, 0.0, -0.124)), np.array((-0.078, 0.002, -0.177))
SHANK = np.array((0.0, 0.0, -0.3))
SHOULDER_TILT = 0.2793  # [rad] by which the shoulder's pitch axis leans outwards
HIP_TILT = 0.1749  # [rad] by which the thigh's frame leans back, and the shank's forward again


def is_g1(joints: tuple[str, ...]) -> bool:
    """Whether names are those of a G1, with or without its waist and wrists."""
    return {"left_shoulder_pitch_joint", "left_elbow_joint", "left_hip_pitch_joint", "left_knee_joint"} <= set(joints)


def directions(motion: JointMotion, where: str) -> Directions:
    """Direction of each limb: arms in the frame of the trunk, legs in that of the hips (x forward, y left, z up), (T, 3)."""
    q = dict(zip(motion.joints, motion.q.T, strict=True))
    found = {}
    for side, sign in (("left", 1.0), ("right", -1.0)):

        def turn(name: str, axis: int, off: float = 0.0, side: str = side) -> np.ndarray:
            joint = f"{side}_{name}_joint"
            if joint not in q:
                raise RecordingError(f"{where}: no {joint}; a G1's arms and legs are expected")
            return axis_rotations(q[joint] + off, axis)

        mirrored = np.array((1.0, sign, 1.0))
        lean = axis_rotations(np.array([sign * SHOULDER_TILT]), X)
        roll = lean @ turn("shoulder_pitch", Y) @ np.swapaxes(lean, 1, 2) @ turn("shoulder_roll", X)
        yaw = roll @ turn("shoulder_yaw", Z)
        hip = turn("hip_pitch", Y, -HIP_TILT) @ turn("hip_roll", X)
        thigh = hip @ turn("hip_yaw", Z)
        for part, along in (
            ("arm", roll @ (UPPER_ARM[0] * mirrored) + yaw @ (UPPER_ARM[1] * mirrored)),
            ("forearm", yaw @ turn("elbow", Y) @ (FOREARM * mirrored)),
            ("thigh", hip @ (THIGH[0] * mirrored) + thigh @ (THIGH[1] * mirrored)),
            ("shank", thigh @ turn("knee", Y, HIP_TILT) @ (SHANK * mirrored)),
        ):
            found[part, side] = along / np.linalg.norm(along, axis=1, keepdims=True)
    return found
