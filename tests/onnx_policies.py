"""Small ONNX policies for tests: action = gain * sum of the observation + bias, with a card inside or beside."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from policies.card import ObservationTerm, PolicyCard, embed_card


def card_for(model, *, rate_hz: float = 50.0, group: str = "legs", observations=None, **changes) -> PolicyCard:
    """A card that fits `model`."""
    joints = tuple(name for name, wanted in zip(model.joints, model.groups[group], strict=True) if wanted)
    mask = model.groups[group]
    terms = observations or (
        ObservationTerm("velocity_command"), ObservationTerm("base_ang_vel"), ObservationTerm("projected_gravity"),
        ObservationTerm("joint_pos_rel", joints), ObservationTerm("joint_vel", joints), ObservationTerm("previous_action"))
    values = {"format": 1, "kind": "locomotion", "name": "test_walk", "version": "1", "robot": model.name, "rate_hz": rate_hz,
              "joints": joints, "default_pos": tuple(model.default[mask]), "kp": tuple(model.kp[mask]),
              "kd": tuple(model.kd[mask]), "action_scale": (0.25,) * len(joints), "input": "obs", "output": "actions",
              "observations": terms}
    return PolicyCard(**(values | changes))


def policy_bytes(inputs: int, outputs: int, weights: np.ndarray | None = None, bias: float = 0.0) -> bytes:
    """A serialized graph: actions = obs @ weights + bias."""
    weights = np.zeros((inputs, outputs)) if weights is None else weights
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["obs", "w", "b"], ["actions"])], "policy",
        [helper.make_tensor_value_info("obs", TensorProto.FLOAT, [1, inputs])],
        [helper.make_tensor_value_info("actions", TensorProto.FLOAT, [1, outputs])],
        [numpy_helper.from_array(weights.astype(np.float32), "w"),
         numpy_helper.from_array(np.full(outputs, bias, np.float32), "b")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def save_policy(path: Path, card: PolicyCard, weights: np.ndarray | None = None, bias: float = 0.0) -> Path:
    """Writes a policy with its card inside."""
    path.write_bytes(embed_card(policy_bytes(card.observation_size, len(card.joints), weights, bias), card))
    onnx.checker.check_model(str(path))
    return path
