"""Wrong cards out of a right one: the mistakes that people make when they describe a policy that somebody else trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from arbiter.robot import RobotModel
from policies.locomotion.card import ObservationTerm, PolicyCard

DEGREES = 180.0 / np.pi


def terms(card: PolicyCard, name: str, change: Callable[[ObservationTerm], ObservationTerm]) -> PolicyCard:
    """The card with every term of that name changed."""
    return replace(card, observations=tuple(change(term) if term.term == name else term for term in card.observations))


def scaled(term: ObservationTerm, factor) -> ObservationTerm:
    value = np.asarray(term.scale) * np.asarray(factor)
    return replace(term, scale=float(value) if value.ndim == 0 else tuple(value.tolist()))


def exchanged(name: str) -> str:
    """The joint's name on the other side."""
    for here, there in (("left", "right"), ("right", "left")):
        if here in name:
            return name.replace(here, there)
    return name


def renamed(card: PolicyCard, rename: Callable[[str], str], action: bool = True, seen: bool = True) -> PolicyCard:
    """Joints under other names, in the order of the actions, of the observations, or both."""
    joints = tuple(map(rename, card.joints)) if action else card.joints
    found = tuple(replace(term, joints=tuple(map(rename, term.joints))) if seen else term for term in card.observations)
    return replace(card, joints=joints, observations=found)


def swapped_legs(card: PolicyCard) -> PolicyCard:
    """Left and right legs exchanged, everywhere."""
    return renamed(card, lambda name: exchanged(name) if is_leg(name) else name)


def is_leg(name: str) -> bool:
    return any(part in name for part in ("hip", "knee", "ankle"))


def side_by_side(card: PolicyCard) -> dict[str, str]:
    """From limb after limb to left and right alternating (or back): the order in which Isaac Lab lists joints."""
    alternate = sorted(card.joints, key=lambda name: (order_in_limb(card, name), "right" in name))
    ordered = list(card.joints)
    if alternate == ordered:
        alternate = sorted(card.joints, key=lambda name: "right" in name)
    return dict(zip(card.joints, alternate, strict=True))


def order_in_limb(card: PolicyCard, name: str) -> int:
    side = "left" if "left" in name else "right" if "right" in name else ""
    return [other for other in card.joints if side in other].index(name)


def two_joints(card: PolicyCard) -> dict[str, str]:
    """Hip roll and hip pitch exchanged on both sides."""
    pairs = {}
    for name in card.joints:
        other = name.replace("hip_roll", "hip_@").replace("hip_pitch", "hip_roll").replace("hip_@", "hip_pitch")
        pairs[name] = other
    return pairs


def shuffled(card: PolicyCard, seed: int) -> dict[str, str]:
    order = np.random.default_rng(seed).permutation(len(card.joints))
    return {name: card.joints[i] for name, i in zip(card.joints, order, strict=True)}


def axis(index: int, size: int) -> np.ndarray:
    sign = np.ones(size)
    sign[index] = -1.0
    return sign


def factor(card: PolicyCard, key: str, by: float) -> PolicyCard:
    return replace(card, **{key: tuple(value * by for value in getattr(card, key))})


def joint_sign(card: PolicyCard, part: str) -> PolicyCard:
    """Joints of one kind turn the other way, seen and driven."""
    sign = np.array([-1.0 if part in name else 1.0 for name in card.joints])
    found = replace(card, action_scale=tuple(np.array(card.action_scale) * sign))
    for term in ("joint_pos_rel", "joint_vel"):
        found = terms(found, term, lambda t: scaled(t, [-1.0 if part in name else 1.0 for name in t.joints]))
    return found


# Kind of mistake -> name of the mistake -> what it does to a right card.
MISTAKES: dict[str, dict[str, Callable[[PolicyCard, RobotModel], PolicyCard]]] = {
    "legs": {
        "swapped": lambda card, model: swapped_legs(card),
        "swapped in what is seen": lambda card, model: renamed(card, lambda n: exchanged(n) if is_leg(n) else n, action=False),
    },
    "order": {
        "left and right alternate": lambda card, model: renamed(card, side_by_side(card).__getitem__),
        "alternate in what is seen": lambda card, model: renamed(card, side_by_side(card).__getitem__, action=False),
        "alternate in the actions": lambda card, model: renamed(card, side_by_side(card).__getitem__, seen=False),
        "hip roll and pitch": lambda card, model: renamed(card, two_joints(card).__getitem__),
        "shuffled": lambda card, model: renamed(card, shuffled(card, 1).__getitem__),
    },
    "sign": {
        "angular velocity y": lambda card, model: terms(card, "base_ang_vel", lambda t: scaled(t, axis(1, 3))),
        "angular velocity x": lambda card, model: terms(card, "base_ang_vel", lambda t: scaled(t, axis(0, 3))),
        "gravity x": lambda card, model: terms(card, "projected_gravity", lambda t: scaled(t, axis(0, 3))),
        "gravity y": lambda card, model: terms(card, "projected_gravity", lambda t: scaled(t, axis(1, 3))),
        "command x": lambda card, model: terms(card, "velocity_command", lambda t: scaled(t, axis(0, 3))),
        "command y": lambda card, model: terms(card, "velocity_command", lambda t: scaled(t, axis(1, 3))),
        "command yaw": lambda card, model: terms(card, "velocity_command", lambda t: scaled(t, axis(2, 3))),
        "knees": lambda card, model: joint_sign(card, "knee"),
        "hip rolls": lambda card, model: joint_sign(card, "hip_roll"),
    },
    "degrees": {
        "angular velocity": lambda card, model: terms(card, "base_ang_vel", lambda t: scaled(t, DEGREES)),
        "joint velocity": lambda card, model: terms(card, "joint_vel", lambda t: scaled(t, DEGREES)),
        "angular velocity, radians taken for degrees": lambda card, model: terms(
            card, "base_ang_vel", lambda t: scaled(t, 1.0 / DEGREES)
        ),
    },
    "gravity": {
        "from (x, y, z, w)": lambda card, model: terms(card, "projected_gravity", lambda t: scaled(t, (-1.0, 0.0, -1.0))),
        "upwards": lambda card, model: terms(card, "projected_gravity", lambda t: scaled(t, -1.0)),
    },
    "scale": {
        "joint velocity times 20": lambda card, model: terms(card, "joint_vel", lambda t: scaled(t, 20.0)),
        "joint velocity by 20": lambda card, model: terms(card, "joint_vel", lambda t: scaled(t, 0.05)),
        "angular velocity by 4": lambda card, model: terms(card, "base_ang_vel", lambda t: scaled(t, 0.25)),
        "angular velocity times 5": lambda card, model: terms(card, "base_ang_vel", lambda t: scaled(t, 5.0)),
        "command times 2": lambda card, model: terms(card, "velocity_command", lambda t: scaled(t, 2.0)),
        "command by 4": lambda card, model: terms(card, "velocity_command", lambda t: scaled(t, 0.25)),
        "action times 2": lambda card, model: factor(card, "action_scale", 2.0),
        "action times 4": lambda card, model: factor(card, "action_scale", 4.0),
        "action by 2": lambda card, model: factor(card, "action_scale", 0.5),
        "previous action times 4": lambda card, model: terms(card, "previous_action", lambda t: scaled(t, 4.0)),
        "previous action by 4": lambda card, model: terms(card, "previous_action", lambda t: scaled(t, 0.25)),
    },
    "gains": {
        "kp by 2": lambda card, model: factor(card, "kp", 0.5),
        "kp times 2": lambda card, model: factor(card, "kp", 2.0),
        "kd by 5": lambda card, model: factor(card, "kd", 0.2),
        "kp by 5": lambda card, model: factor(card, "kp", 0.2),
        "20 % weaker": lambda card, model: factor(card, "kp", 0.8),
        "of another order": lambda card, model: replace(
            card,
            kp=tuple(np.array(card.kp)[np.random.default_rng(3).permutation(len(card.kp))]),
            kd=tuple(np.array(card.kd)[np.random.default_rng(3).permutation(len(card.kd))]),
        ),
    },
    "history": {
        "newest first": lambda card, model: replace(card, history_order="newest_first"),
        "by frame": lambda card, model: replace(card, history_layout="by_frame"),
    },
    "rate": {
        "half": lambda card, model: replace(card, rate_hz=card.rate_hz / 2.0),
        "double": lambda card, model: replace(card, rate_hz=card.rate_hz * 2.0),
    },
    "posture": {
        "zero": lambda card, model: replace(card, default_pos=(0.0,) * len(card.joints)),
        "halved": lambda card, model: factor(card, "default_pos", 0.5),
        "mirrored knees": lambda card, model: replace(
            card, default_pos=tuple(-v if "knee" in n else v for n, v in zip(card.joints, card.default_pos, strict=True))
        ),
        "of another order": lambda card, model: replace(
            card, default_pos=tuple(np.array(card.default_pos)[np.random.default_rng(2).permutation(len(card.kp))])
        ),
    },
}


# One of each kind for each of four right cards. Chosen after all mistakes had been surveyed in simulation, those that do not show
# among them, and not changed after the check was measured on it.
FORTY: dict[str, dict[str, str]] = {
    "shipped": {
        "legs": "swapped",
        "order": "alternate in what is seen",
        "sign": "angular velocity y",
        "degrees": "angular velocity",
        "gravity": "from (x, y, z, w)",
        "history": "newest first",
        "scale": "action times 2",
        "gains": "kp by 2",
        "rate": "half",
        "posture": "zero",
    },
    "humanoid": {
        "legs": "swapped",
        "order": "left and right alternate",
        "sign": "gravity y",
        "degrees": "joint velocity",
        "gravity": "from (x, y, z, w)",
        "history": "newest first",
        "scale": "joint velocity times 20",
        "gains": "kp times 2",
        "rate": "double",
        "posture": "halved",
    },
    "humanoid_legs": {
        "legs": "swapped in what is seen",
        "order": "hip roll and pitch",
        "sign": "command yaw",
        "degrees": "angular velocity, radians taken for degrees",
        "gravity": "upwards",
        "history": "by frame",
        "scale": "command times 2",
        "gains": "20 % weaker",
        "rate": "double",
        "posture": "zero",
    },
    "g1": {
        "legs": "swapped",
        "order": "alternate in what is seen",
        "sign": "knees",
        "degrees": "joint velocity",
        "gravity": "from (x, y, z, w)",
        "history": "newest first",
        "scale": "angular velocity times 5",
        "gains": "kd by 5",
        "rate": "half",
        "posture": "halved",
    },
}


def with_history(model: bytes, card: PolicyCard, frames: int) -> tuple[bytes, PolicyCard]:
    """The same policy, asked through a history of `frames` of every term, of which it looks at the newest only.

    A policy without a history has no order of it that could be wrong. Needs the package onnx.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    graph = onnx.load_model_from_string(model)
    index, at = [], 0
    for term in card.observations:
        size = term.size(len(card.joints))
        index += range(at + (frames - 1) * size, at + frames * size)
        at += frames * size
    graph.graph.initializer.append(numpy_helper.from_array(np.array(index, np.int64), "newest"))
    graph.graph.node.insert(0, helper.make_node("Gather", ["history", "newest"], [card.input], axis=1))
    del graph.graph.input[:]
    graph.graph.input.append(helper.make_tensor_value_info("history", TensorProto.FLOAT, [1, at]))
    terms_ = tuple(replace(term, history=frames) for term in card.observations)
    return graph.SerializeToString(), replace(card, input="history", observations=terms_, sha256="")
