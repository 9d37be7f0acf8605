"""The YAML that the Berkeley Humanoid Lite project publishes with its policies.

The order of its observations stands in the code that plays them (RlController of its low-level package): velocity command,
angular velocity, gravity, joint positions minus the default posture, joint velocities, previous action; past frames first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from arbiter.errors import ConfigError
from policies.locomotion.readers.joint_orders import Context
from policies.locomotion.readers.policy_description import Entries, PolicyDescription, Sourced, by_joint

MAKER = "Berkeley Humanoid Lite"
UNLIMITED = 1000.0  # action limits of 10000 mean none


def recognises(top: Mapping[str, Any]) -> bool:
    return "joint_kp" in top and "policy_dt" in top and "action_indices" in top


def read(file: str, top: Mapping[str, Any], context: Context) -> PolicyDescription:
    """Raises ConfigError for a value that is not in this form."""
    found, entries = PolicyDescription(f"{MAKER} settings", file), Entries(file, top)
    names, driven = entries.texts("joints"), entries.indices("action_indices")
    if max(driven) >= len(names):
        raise ConfigError(f"{file}: action_indices counts to {max(driven)}; joints has {len(names)} names")
    joints = [names[i] for i in driven]
    found.joints = Sourced(joints, found.at("joints[action_indices]"))
    found.values["rate_hz"] = Sourced(entries.rate("policy_dt"), found.at("policy_dt"))
    for key, ours in (("joint_kp", "kp"), ("joint_kd", "kd"), ("default_joint_positions", "default_pos")):
        found.values[ours] = Sourced(by_joint(names, entries.numbers(key, len(names))), found.at(key))
    scale = entries.numbers("action_scale", len(joints))
    found.values["action_scale"] = Sourced(by_joint(joints, scale), found.at("action_scale"))
    if "action_limit_lower" in entries and "action_limit_upper" in entries:
        low, high = entries.number("action_limit_lower"), entries.number("action_limit_upper")
        if min(-low, high) < UNLIMITED:
            found.values["action_clip"] = Sourced([low, high], found.at("action_limit_lower, action_limit_upper"))
    history = entries.count("history_length", 0) + 1
    extra: dict[str, Any] = {"history": history} if history > 1 else {}
    if extra:
        found.values["history_layout"] = Sourced("by_frame", "RlController of berkeley_humanoid_lite_lowlevel")
    source = "RlController of berkeley_humanoid_lite_lowlevel"
    terms: list[dict[str, Any]] = [
        {"term": "velocity_command"},
        {"term": "base_ang_vel"},
        {"term": "projected_gravity"},
        {"term": "joint_pos_rel", "joints": joints},
        {"term": "joint_vel", "joints": joints},
        {"term": "previous_action"},
    ]
    found.terms = [Sourced(term | extra, source) for term in terms]
    return found
