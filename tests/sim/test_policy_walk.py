"""Walking policies through OnnxPolicy in simulation: the project's own, and the published ones where they are at hand.

The published files are not part of this repository: set POLICY_ARBITER_PUBLISHED to the folder that holds
`policy_humanoid.onnx` and `policy_humanoid_legs.onnx` of the Berkeley Humanoid Lite project.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from arbiter.types import Request, frozen
from deploy.robots.description import load_model
from policies.locomotion.policy import OnnxPolicy
from policies.registry import CARDS, SHIPPED
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
    policy = OnnxPolicy(Path(FOLDER) / f"policy_{name}.onnx", MODEL, card=CARDS / f"published_{name}.yaml")
    course = drive(policy, MODEL, lambda now: Request(velocity=frozen((command, 0.0, 0.0))), 8.0)
    assert not course.fell and low < speed(course) < high


@pytest.mark.skipif(not (SHIPPED / "locomotion.onnx").is_file(), reason="the walking policy is not in this tree")
def test_the_project_s_own_policy_goes_forward_and_stays_up():
    """Only that the file runs as its card says. How well it follows a command is measured with the walking skills."""
    policy = OnnxPolicy(SHIPPED / "locomotion.onnx", MODEL)
    course = drive(policy, MODEL, lambda now: Request(velocity=frozen((0.4, 0.0, 0.0))), 6.0)
    assert not course.fell and speed(course) > 0.1
