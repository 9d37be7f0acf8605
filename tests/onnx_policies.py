"""Small ONNX policies for tests: action = gain * sum of the observation + bias, with a card inside or beside.

Their bytes are written here, field by field of ONNX's protobuf messages: the base install has no package for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from policies.locomotion.card import ObservationTerm, PolicyCard, embed_card


def card_for(model, *, rate_hz: float = 50.0, group: str = "legs", observations=None, **changes) -> PolicyCard:
    """A card that fits `model`."""
    joints = tuple(name for name, wanted in zip(model.joints, model.groups[group], strict=True) if wanted)
    mask = model.groups[group]
    terms = observations or (
        ObservationTerm("velocity_command"),
        ObservationTerm("base_ang_vel"),
        ObservationTerm("projected_gravity"),
        ObservationTerm("joint_pos_rel", joints),
        ObservationTerm("joint_vel", joints),
        ObservationTerm("previous_action"),
    )
    values = {
        "format": 1,
        "kind": "locomotion",
        "name": "test_walk",
        "version": "1",
        "robot": model.name,
        "rate_hz": rate_hz,
        "joints": joints,
        "default_pos": tuple(model.default[mask]),
        "kp": tuple(model.kp[mask]),
        "kd": tuple(model.kd[mask]),
        "action_scale": (0.25,) * len(joints),
        "input": "obs",
        "output": "actions",
        "observations": terms,
    }
    return PolicyCard(**(values | changes))


def varint(value: int) -> bytes:
    """A whole number, seven bits a byte, lowest first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def message(*fields: tuple[int, int | str | bytes]) -> bytes:
    """A protobuf message of (field number, value); the numbers are those of onnx.proto."""
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            content = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(content)) + content
    return out


FLOAT = 1  # TensorProto.DataType


def value_info(name: str, width: int) -> bytes:
    """An input or output of shape (1, width)."""
    shape = message(*((1, message((1, size))) for size in (1, width)))
    return message((1, name), (2, message((1, message((1, FLOAT), (2, shape))))))


def initializer(name: str, values: np.ndarray) -> bytes:
    """Weights inside the graph."""
    return message(*((1, size) for size in values.shape), (2, FLOAT), (8, name), (9, values.astype("<f4").tobytes()))


def policy_bytes(inputs: int, outputs: int, weights: np.ndarray | None = None, bias: float = 0.0) -> bytes:
    """A serialized graph: actions = obs @ weights + bias."""
    weights = np.zeros((inputs, outputs)) if weights is None else weights
    node = message((1, "obs"), (1, "w"), (1, "b"), (2, "actions"), (4, "Gemm"))
    graph = message(
        (1, node),
        (2, "policy"),
        (5, initializer("w", weights)),
        (5, initializer("b", np.full(outputs, bias))),
        (11, value_info("obs", inputs)),
        (12, value_info("actions", outputs)),
    )
    return message((1, 8), (7, graph), (8, message((1, ""), (2, 17))))


def save_policy(path: Path, card: PolicyCard, weights: np.ndarray | None = None, bias: float = 0.0) -> Path:
    """Writes a policy with its card inside."""
    path.write_bytes(embed_card(policy_bytes(card.observation_size, len(card.joints), weights, bias), card))
    return path
