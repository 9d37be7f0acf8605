"""rl_sar's `config.yaml` of a policy, with the `base.yaml` of its robot: joints by index into the robot's motors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from arbiter.errors import ConfigError
from policies.locomotion.readers.joint_orders import Context, Order, motor_order, way_to_say
from policies.locomotion.readers.loose_yaml import read_loose
from policies.locomotion.readers.policy_description import Entries, PolicyDescription, Sourced, by_joint
from policies.locomotion.readers.vocabulary import simplest

MAKER = "rl_sar"
PARENTS = 3  # folders above config.yaml in which base.yaml is looked for
NO_CLIP = 100.0
TERMS = {
    "lin_vel": ("base_lin_vel", "lin_vel_scale"),
    "ang_vel": ("base_ang_vel", "ang_vel_scale"),
    "gravity_vec": ("projected_gravity", ""),
    "commands": ("velocity_command", "commands_scale"),
    "dof_pos": ("joint_pos_rel", "dof_pos_scale"),
    "dof_vel": ("joint_vel", "dof_vel_scale"),
    "actions": ("previous_action", ""),
}


def recognises(top: Mapping[str, Any]) -> bool:
    return any(isinstance(value, Mapping) and "rl_kp" in value and "observations" in value for value in top.values())


def read(file: str, top: Mapping[str, Any], context: Context) -> PolicyDescription:
    """Raises ConfigError for a value that is not in this form."""
    name = next(key for key, value in top.items() if isinstance(value, Mapping) and "rl_kp" in value)
    found, own = PolicyDescription(f"{MAKER} settings", file), Entries(file, top).entries(name)
    base, base_file = _base(name, context.folder)
    n = own.count("num_of_dofs")
    motors = own.indices("joint_mapping") if "joint_mapping" in own else list(range(n))
    if len(motors) != n:
        raise ConfigError(f"{file}: {own.key('joint_mapping')} has {len(motors)} values; num_of_dofs is {n}")
    order = _order(own, base, base_file, context, motors)
    joints = order.of(motors)
    if order.known:
        found.joints = Sourced(joints, f"{found.at('joint_mapping')}, {order.source}")
    else:
        found.missing["joints"] = (
            f"{found.at('joint_mapping')} counts motors; put the robot's base.yaml beside it, or {way_to_say(max(motors) + 1)}"
        )
    for part, where in ((own, file), (base, base_file)):
        if "dt" in part and "decimation" in part:
            rate = part.rate("dt", "decimation")
            found.values["rate_hz"] = Sourced(rate, f"{where}:dt * decimation")
            break
    for key, ours in (("rl_kp", "kp"), ("rl_kd", "kd"), ("default_dof_pos", "default_pos"), ("action_scale", "action_scale")):
        if key in own:
            found.values[ours] = Sourced(by_joint(joints, own.numbers(key, n)), found.at(key))
    if own.get("wheel_indices"):
        found.problems.append(
            f"{found.at('wheel_indices')} is not empty: wheels are driven by velocity, which is not played here"
        )
    _clips(found, own, n)
    _observations(found, own, joints)
    return found


def _base(name: str, folder: Path | None) -> tuple[Entries, str]:
    """What base.yaml, in a folder above, says of the robot."""
    for place in [] if folder is None else [folder, *folder.resolve().parents[:PARENTS]]:
        file = place / "base.yaml"
        if file.is_file():
            return Entries(file.name, read_loose(file)).entries(name.split("/")[0]), file.name
    return Entries("base.yaml", {}), "base.yaml"


def _order(own: Entries, base: Entries, base_file: str, context: Context, motors: list[int]) -> Order:
    for part, where in ((own, own.file), (base, base_file)):
        if "joint_names" in part and len(part.texts("joint_names")) > max(motors):
            return Order(tuple(part.texts("joint_names")), f"{where}:joint_names")
    return motor_order(context, motors)


def _clips(found: PolicyDescription, own: Entries, n: int) -> None:
    if "clip_obs" in own:
        found.values["observation_clip"] = Sourced(own.number("clip_obs"), found.at("clip_obs"))
    if own.get("clip_actions_lower") and own.get("clip_actions_upper"):
        pairs = [
            list(pair) for pair in zip(own.numbers("clip_actions_lower", n), own.numbers("clip_actions_upper", n), strict=True)
        ]
        value = pairs[0] if all(pair == pairs[0] for pair in pairs) else pairs
        found.values["action_clip"] = Sourced(value, found.at("clip_actions_lower, clip_actions_upper"))


def _observations(found: PolicyDescription, own: Entries, joints: list[str]) -> None:
    history, lag = _history(found, own)
    terms = []
    for i, name in enumerate(own.texts("observations")):
        source = found.at(f"observations[{i}]")
        if name not in TERMS:
            found.problems.append(f"{source}: {name!r} is not measured here; known: {', '.join(TERMS)}")
            continue
        ours, scale = TERMS[name]
        term: dict[str, Any] = {"term": ours}
        if scale and scale in own:
            value = own.get(scale)
            term["scale"] = simplest(own.numbers(scale)) if isinstance(value, list) else own.number(scale)
        if ours in ("joint_pos_rel", "joint_vel"):
            term["joints"] = joints
        term |= ({"history": history} if history > 1 else {}) | ({"lag": lag} if lag else {})
        terms.append(Sourced(term, source))
    if len(terms) == len(own.texts("observations")):
        found.terms = terms


def _history(found: PolicyDescription, own: Entries) -> tuple[int, int]:
    """(how many past values, how many of the newest are left out); says their order and layout."""
    if not own.get("observations_history"):
        return 1, 0
    ids = own.indices("observations_history")
    newest = ids == list(range(ids[0], ids[0] + len(ids)))
    if not newest and ids != list(range(ids[0], ids[0] - len(ids), -1)):
        found.problems.append(f"{found.at('observations_history')} is {ids}: a history with gaps cannot be played here")
        return 1, 0
    if len(ids) > 1:
        found.values["history_order"] = Sourced("newest_first" if newest else "oldest_first", found.at("observations_history"))
        by_term = own.get("observations_history_priority", "time") == "term"
        found.values["history_layout"] = Sourced("by_term" if by_term else "by_frame", found.at("observations_history_priority"))
    return len(ids), min(ids)
