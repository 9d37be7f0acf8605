"""Walking policies through OnnxPolicy in simulation: the project's own, and the published ones where they are at hand.

The published files are not part of this repository: set POLICY_ARBITER_PUBLISHED to the folder that holds
`policy_humanoid.onnx` and `policy_humanoid_legs.onnx` of the Berkeley Humanoid Lite project, each with its YAML.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from arbiter.types import Request, frozen
from deploy.robots.description import load_model
from deploy.run import main
from deploy.runtime.config import find_tree
from policies.locomotion.policy import OnnxPolicy
from policies.registry import SHIPPED
from tests.policy_rig import Course, drive

MODEL = load_model()
FOLDER = os.environ.get("POLICY_ARBITER_PUBLISHED", "")


def speed(course: Course, start: float = 2.0) -> float:
    """Mean speed in the heading that the base has at `start` [s]."""
    first, last = course.truth[round(start / MODEL.dt)], course.truth[-1]
    w, x, y, z = first.base_quat
    yaw = np.arctan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))
    moved = last.base_pos - first.base_pos
    return float((np.cos(yaw) * moved[0] + np.sin(yaw) * moved[1]) / (last.time - first.time))


@pytest.mark.skipif(not FOLDER, reason="POLICY_ARBITER_PUBLISHED names no folder with the published policies")
@pytest.mark.parametrize(
    ("name", "command", "low", "high"),
    [
        ("humanoid", 0.3, 0.25, 0.40),
        ("humanoid", 0.5, 0.45, 0.70),
        ("humanoid", -0.3, -0.40, -0.20),
        ("humanoid_legs", 0.3, 0.10, 0.30),
        ("humanoid_legs", 0.5, 0.35, 0.60),
    ],
)
def test_published_policies_walk(name, command, low, high):
    policy = OnnxPolicy(
        Path(FOLDER) / f"policy_{name}.onnx", MODEL
    )  # by the YAML beside it, and the card that ships for its bytes
    course = drive(policy, MODEL, lambda now: Request(velocity=frozen((command, 0.0, 0.0))), 8.0)
    assert not course.fell and low < speed(course) < high


@pytest.mark.skipif(not FOLDER, reason="POLICY_ARBITER_PUBLISHED names no folder with the published policies")
def test_the_published_folder_stands_and_walks_in_a_tree_without_a_card(tmp_path):
    for end in ("onnx", "yaml"):
        shutil.copy(Path(FOLDER) / f"policy_humanoid.{end}", tmp_path)
    tree = yaml.safe_load(find_tree("default.yaml").read_text())
    tree["policies"]["locomotion"]["file"] = "policy_humanoid.onnx"
    (tmp_path / "tree.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    report = tmp_path / "report.json"
    assert (
        main(["--tree", str(tmp_path / "tree.yaml"), "--fast", "--say", "walk forward one meter", "--report", str(report)]) == 0
    )
    truth = json.loads(report.read_text())["instructions"][0]["truth"]
    assert truth["ahead_m"] > 0.6 and truth["falls"] == 0


@pytest.mark.skipif(not (SHIPPED / "locomotion.onnx").is_file(), reason="the walking policy is not in this tree")
def test_the_project_s_own_policy_goes_forward_and_stays_up():
    """Only that the file runs as its card says. How well it follows a command is measured with the walking skills."""
    policy = OnnxPolicy(SHIPPED / "locomotion.onnx", MODEL)
    course = drive(policy, MODEL, lambda now: Request(velocity=frozen((0.4, 0.0, 0.0))), 6.0)
    assert not course.fell and speed(course) > 0.1
