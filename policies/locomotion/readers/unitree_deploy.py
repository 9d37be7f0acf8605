"""`deploy.yaml` of unitree_rl_lab and unitree_rl_mjlab.

`joint_ids_map` names the motor of each joint of the policy, in the order of Unitree's SDK; `stiffness` and `damping` are by
motor, `default_joint_pos` and the actions' lists by joint of the policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from arbiter.errors import ConfigError
from policies.locomotion.readers.joint_orders import Context, motor_order, way_to_say
from policies.locomotion.readers.loose_yaml import Slice
from policies.locomotion.readers.policy_description import Entries, PolicyDescription, Sourced, by_joint, number
from policies.locomotion.readers.vocabulary import FUNCTIONS, JOINTS, simplest, term_of

MAKER = "unitree_rl_lab, unitree_rl_mjlab"
FLAGS = ("use_gym_history", "scale_first")


def recognises(top: Mapping[str, Any]) -> bool:
    return "joint_ids_map" in top and "step_dt" in top


def read(file: str, top: Mapping[str, Any], context: Context) -> PolicyDescription:
    """Raises ConfigError for a value that is not in this form."""
    found, entries = PolicyDescription(f"{MAKER} deploy.yaml", file), Entries(file, top)
    motors = entries.indices("joint_ids_map")
    order = motor_order(context, motors)
    joints = order.of(motors)
    if order.known:
        found.joints = Sourced(joints, f"{found.at('joint_ids_map')}, {order.source}")
    else:
        found.missing["joints"] = (
            f"{found.at('joint_ids_map')} counts motors that it does not name; {way_to_say(max(motors) + 1)}, motor 0 first"
        )
    found.values["rate_hz"] = Sourced(entries.rate("step_dt"), found.at("step_dt"))
    for key, ours in (("stiffness", "kp"), ("damping", "kd")):
        if key in entries:
            found.values[ours] = Sourced(_by_motor(found, entries, key, motors, joints), found.at(key))
    if "default_joint_pos" in entries:
        found.values["default_pos"] = Sourced(
            by_joint(joints, entries.numbers("default_joint_pos", len(joints))), found.at("default_joint_pos")
        )
    driven = _action(found, entries.entries("actions"), joints)
    if order.known and driven != joints:
        found.joints = Sourced(driven, f"{found.at('actions.JointPositionAction.joint_ids')}, {order.source}")
    _observations(found, entries, joints)
    return found


def _by_motor(found: PolicyDescription, entries: Entries, key: str, motors: list[int], joints: list[str]) -> dict[str, float]:
    values = entries.numbers(key)
    if len(values) > max(motors):
        return {joint: values[motor] for joint, motor in zip(joints, motors, strict=True)}
    if len(values) != len(motors):
        raise ConfigError(f"{entries.file}: {key} has {len(values)} values; joint_ids_map counts to {max(motors)}")
    found.notes.append(
        f"{found.at(key)}: {len(values)} values for motors up to {max(motors)}: taken in the order of joint_ids_map"
    )
    return by_joint(joints, values)


def _action(found: PolicyDescription, actions: Entries, joints: list[str]) -> list[str]:
    """Reads the action; gives back the joints that it drives."""
    if list(actions.values) != ["JointPositionAction"]:
        found.problems.append(
            f"{found.at('actions')}: {', '.join(actions.values) or 'none'}; only JointPositionAction, alone, can be played here"
        )
        return joints
    action = actions.entries("JointPositionAction")
    driven = _chosen(action.get("joint_ids"), joints, found.at(action.key("joint_ids")))
    scale, offset = action.numbers("scale", len(driven)), action.numbers("offset", len(driven))
    found.values["action_scale"] = Sourced(by_joint(driven, scale), found.at(action.key("scale")))
    default = found.values.get("default_pos")
    if not any(offset) and default is not None and any(default.value.values()):
        found.values["action_mode"] = Sourced("absolute", found.at(action.key("offset")))
    elif default is None or any(abs(default.value[joint] - value) > 2e-3 for joint, value in zip(driven, offset, strict=True)):
        found.problems.append(
            f"{found.at(action.key('offset'))} is not default_joint_pos: here the posture of an action of zero is what "
            "joint_pos_rel is measured from"
        )
    if action.get("clip") is not None:
        found.values["target_clip"] = Sourced(action.get("clip"), found.at(action.key("clip")))
    return driven


def _chosen(ids: Any, joints: list[str], source: str) -> list[str]:
    """The joints that `joint_ids` selects out of those of the policy."""
    if ids is None or (isinstance(ids, Slice) and ids.everything):
        return joints
    if isinstance(ids, list) and ids and all(isinstance(i, int) and 0 <= i < len(joints) for i in ids):
        return [joints[i] for i in ids]
    raise ConfigError(f"{source} is {ids!r}; null or a list of indices into the policy's {len(joints)} joints is expected")


def _observations(found: PolicyDescription, entries: Entries, joints: list[str]) -> None:
    group, prefix = entries.entries("observations"), "observations"
    inner = [
        key
        for key, value in group.values.items()
        if isinstance(value, Mapping) and "params" not in value and "scale" not in value
    ]
    if inner:
        if len(inner) > 1:
            found.problems.append(f"{found.at('observations')}: {len(inner)} groups, {', '.join(inner)}; one is read here")
        group, prefix = group.entries(inner[0]), f"observations.{inner[0]}"
    if group.get("use_gym_history"):
        found.values["history_layout"] = Sourced("by_frame", found.at(f"{prefix}.use_gym_history"))
    limits = _limits(entries.entries("commands").entries("base_velocity").entries("ranges"))
    terms, names = [], [name for name in group.values if name not in FLAGS]
    for name in names:
        entry, source = group.entries(name), found.at(f"{prefix}.{name}")
        term, why = term_of(name, FUNCTIONS)
        if term is None:
            found.problems.append(f"{source}: {why}")
            continue
        params = entry.entries("params")
        if term["term"] in JOINTS:
            term["joints"] = _chosen(params.entries("asset_cfg").get("joint_ids"), joints, source)
        if term["term"] == "phase":
            term["period"] = params.number("period")
        if term["term"] == "velocity_command" and limits is not None:
            term["limit"] = limits
        _shaped(term, entry, bool(group.get("scale_first")))
        terms.append(Sourced(term, source))
    if len(terms) == len(names):
        found.terms = terms


def _shaped(term: dict[str, Any], entry: Entries, scale_first: bool) -> None:
    """Scale, clip and history of a term."""
    if "scale" in entry:
        term["scale"] = simplest(entry.numbers("scale")) if isinstance(entry.get("scale"), list) else entry.number("scale")
    if "clip" in entry:
        clip, scale = entry.numbers("clip", 2), number(term.get("scale", 1.0))
        if scale_first and scale:
            clip = sorted(end / scale for end in clip)  # there it clips what is scaled
        term["clip"] = clip
    if entry.count("history_length", 1) > 1:
        term["history"] = entry.count("history_length")


def _limits(ranges: Entries) -> list[float] | None:
    keys = ("lin_vel_x", "lin_vel_y", "ang_vel_z")
    if not all(key in ranges for key in keys):
        return None
    most = [max(abs(end) for end in ranges.numbers(key, 2)) for key in keys]
    return most if all(most) else None
