"""Writes the folder of a Unitree G1: mjlab's MJCF under its own joint names, and a public velocity policy of unitree_rl_lab.

Neither ships with this project: mjlab comes with the extra `train`, the policy's folder (policy.onnx, deploy.yaml) is named by
the environment variable UNITREE_G1_POLICY.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from pathlib import Path

import mujoco
import numpy as np
import pytest
import yaml

VARIABLE = "UNITREE_G1_POLICY"
MODEL = "package:mjlab/asset_zoo/robots/unitree_g1/xmls/g1.xml"
# By the end of a joint's name, as mjlab's constants have them: torque [N·m], armature [kg·m²].
MOTORS = {
    "hip_pitch": (88.0, 0.01018),
    "hip_yaw": (88.0, 0.01018),
    "waist_yaw": (88.0, 0.01018),
    "hip_roll": (139.0, 0.02510),
    "knee": (139.0, 0.02510),
    "ankle_pitch": (50.0, 0.00722),
    "ankle_roll": (50.0, 0.00722),
    "waist_roll": (50.0, 0.00722),
    "waist_pitch": (50.0, 0.00722),
    "wrist_pitch": (5.0, 0.00425),
    "wrist_yaw": (5.0, 0.00425),
}
SMALL = (25.0, 0.00361)  # shoulders, elbows, wrist_roll


def policy_folder() -> Path:
    """The public policy's folder. Skips the test where it or mjlab is not given."""
    if importlib.util.find_spec("mjlab") is None:
        pytest.skip("mjlab, which brings the G1's MJCF, is not installed (extra train)")
    given = os.environ.get(VARIABLE, "")
    if not given:
        pytest.skip(f"{VARIABLE} names no folder with a public policy of the Unitree G1 (policy.onnx, deploy.yaml)")
    return Path(given)


def group_of(joint: str) -> str:
    parts = {"legs": ("hip", "knee", "ankle"), "waist": ("waist",), "arms": ("shoulder", "elbow", "wrist")}
    return next(group for group, words in parts.items() if any(word in joint for word in words))


def write_folder(folder: Path, policy: Path) -> Path:
    """robot.yaml, policies/locomotion.onnx and what its makers wrote beside it, deploy.yaml: nobody writes a card."""
    text = (policy / "deploy.yaml").read_text()
    deploy = yaml.safe_load(re.sub(r"joint_ids: !!python.*", "joint_ids: null", text))
    mjlab = Path(importlib.util.find_spec("mjlab").submodule_search_locations[0])
    mj = mujoco.MjModel.from_xml_path(str(mjlab / MODEL.removeprefix("package:mjlab/")))
    names = [mj.joint(i).name for i in range(1, mj.njnt)]
    order = deploy["joint_ids_map"]
    default = np.zeros(len(names))
    default[order] = deploy["default_joint_pos"]
    joints = []
    for i, name in enumerate(names):
        effort, armature = next((motor for end, motor in MOTORS.items() if f"{end}_joint" in name), SMALL)
        lower, upper = map(float, mj.joint(name).range)
        group = group_of(name)
        joints.append(
            {"name": name, "group": group, "lower": lower, "upper": upper, "velocity": 20.0 if group == "legs" else 8.0}
            | {"acceleration": 1500.0 if group == "legs" else 200.0, "effort": effort, "armature": armature}
            | {"kp": float(deploy["stiffness"][i]), "kd": float(deploy["damping"][i]), "default": float(default[i])}
            | {"kp_max": 250.0, "kd_max": max(7.0, float(deploy["damping"][i]))}
        )
    (folder / "policies").mkdir(parents=True)
    robot = {"name": "unitree_g1", "version": 1, "model": MODEL, "stand": "locomotion", "joints": joints}
    robot["camera"] = {"body": "torso_link", "position": [0.09, 0.0, 0.42], "down": 0.7, "field": 1.5}
    robot["speeds"] = {
        "forward": [0.25, 0.5, 1.0],
        "backward": [0.2, 0.3, 0.5],
        "sideways": [0.25, 0.3, 0.3],
        "turn": [0.3, 0.6, 0.8],
    }
    robot["roles"] = {"hands": ["left_palm", "right_palm"]}
    (folder / "robot.yaml").write_text(yaml.safe_dump(robot, sort_keys=False))
    for file in policy.glob("policy.onnx*"):
        shutil.copy(file, folder / "policies" / file.name)
    (folder / "policies" / "policy.onnx").rename(folder / "policies" / "locomotion.onnx")
    shutil.copy(policy / "deploy.yaml", folder / "policies" / "deploy.yaml")
    return folder
