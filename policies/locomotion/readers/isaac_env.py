"""`params/env.yaml` of Isaac Lab, and of mjlab: the whole configuration of the environment, by patterns of joint names.

The order of the joints is not in the file unless it names every joint and keeps that order: it is the articulation's, which in
Isaac Lab goes by depth.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from arbiter.errors import ConfigError
from arbiter.strict import short
from policies.locomotion.readers.joint_orders import Context
from policies.locomotion.readers.loose_yaml import Slice
from policies.locomotion.readers.policy_description import Entries, PolicyDescription, Sourced, number
from policies.locomotion.readers.vocabulary import FUNCTIONS, JOINTS, simplest, term_of

MAKER = "Isaac Lab"
PATTERN = 200  # [characters] of a pattern of joint names
ACTIONS = {"JointPositionAction": "default_offset", "RelativeJointPositionAction": "residual"}
GROUPS = ("policy", "actor")
NO_PART = {"joint", "left", "right", "l", "r", "roll", "pitch", "yaw", "leg", "arm"}  # words of names that no part is known by


def recognises(top: Mapping[str, Any]) -> bool:
    return "observations" in top and "decimation" in top and isinstance(top.get("scene"), Mapping)


def read(file: str, top: Mapping[str, Any], context: Context) -> PolicyDescription:
    """Raises ConfigError for a value that is not in this form."""
    entries = Entries(file, top)
    scene = entries.entries("scene")
    mjlab = "entities" in scene
    found = PolicyDescription(f"{'mjlab' if mjlab else MAKER} env.yaml", file)
    sim = entries.entries("sim")
    step, key = (sim.entries("mujoco"), "timestep") if mjlab else (sim, "dt")
    if key in step:
        rate = step.rate(key) / entries.positive("decimation")
        found.values["rate_hz"] = Sourced(rate, found.at(f"{step.key(key)} * decimation"))
    robot = (scene.entries("entities") if mjlab else scene).entries("robot")
    names = context.order or context.robot
    if not names:
        found.missing["joints"] = "env.yaml has patterns of joint names; say of which robot: --robot NAME or FOLDER"
        return found
    _posture(found, robot, names)
    _gains(found, robot, names, mjlab)
    driven = _action(found, entries.entries("actions"), names, context)
    _observations(found, entries, names, driven, context)
    return found


def chosen(patterns: Any, names: Sequence[str], keep: bool, source: str) -> list[str]:
    """Joints that patterns select: in the order of `names`, or, where it is kept, in that of the patterns."""
    listed = [patterns] if isinstance(patterns, str) else patterns
    if not isinstance(listed, list) or not all(isinstance(item, str) and len(item) <= PATTERN for item in listed):
        raise ConfigError(f"{source} is {patterns!r}; patterns of joint names are expected")
    try:
        compiled = [re.compile(item) for item in listed]
    except re.error as error:
        raise ConfigError(f"{source}: not a pattern of joint names: {error}") from error
    if keep:
        return list(dict.fromkeys(name for one in compiled for name in names if one.fullmatch(name)))
    return [name for name in names if any(one.fullmatch(name) for one in compiled)]


def by_pattern(values: Any, names: Sequence[str], source: str) -> dict[str, float]:
    """Numbers by joint out of one number, or out of numbers by pattern."""
    single = number(values)
    if single is not None:
        return dict.fromkeys(names, single)
    if values is not None and not isinstance(values, Mapping):
        raise ConfigError(f"{source} is {short(values)}; a number, or numbers by patterns of joint names, are expected")
    found = {}
    for pattern, value in (values or {}).items():
        item = number(value)
        if item is None:
            raise ConfigError(f"{source}.{pattern} is {value!r}; a number is expected")
        found |= dict.fromkeys(chosen(pattern, names, False, source), item)
    return found


def _posture(found: PolicyDescription, robot: Entries, names: Sequence[str]) -> None:
    state = robot.entries("init_state")
    if "joint_pos" in state:
        source = found.at(state.key("joint_pos"))
        values = by_pattern(state.get("joint_pos"), names, source)
        if lost := _unmatched(state.get("joint_pos"), names):
            found.missing["default_pos"] = (
                f"{source} has {lost}, a name that no joint of the robot has: --order NAME,NAME,... with the maker's names, or "
                "--set 'default_pos=[...]'"
            )
            return
        found.values["default_pos"] = Sourced(dict.fromkeys(names, 0.0) | values, source)


def _unmatched(values: Any, names: Sequence[str]) -> str:
    """A pattern with an angle that selects none of `names`, though one of them may be meant; "" for none. A part that the robot
    does not have at all, such as fingers, is not asked for."""
    parts = {part for name in names for part in re.findall("[a-z]+", name.lower())} - NO_PART
    for pattern, value in values.items() if isinstance(values, Mapping) else ():
        meant = {*re.findall("[a-z]+", pattern.lower())} & parts
        if value and meant and not chosen(pattern, names, False, pattern):
            return repr(pattern)
    return ""


def _gains(found: PolicyDescription, robot: Entries, names: Sequence[str], mjlab: bool) -> None:
    listed = robot.entries("articulation").get("actuators") if mjlab else robot.get("actuators")
    if isinstance(listed, Mapping):
        groups = [(key, value) for key, value in listed.items() if isinstance(value, Mapping)]
    else:
        items = listed if isinstance(listed, list) else []
        groups = [(str(k), value) for k, value in enumerate(items) if isinstance(value, Mapping)]
    for key, ours in (("stiffness", "kp"), ("damping", "kd")):
        values: dict[str, float] = {}
        for name, group in groups:
            patterns = group.get("joint_names_expr", group.get("target_names_expr", group.get("joint_names", [".*"])))
            joints = chosen(patterns, names, False, found.at(f"actuators.{name}"))
            values |= by_pattern(group.get(key), joints, found.at(f"actuators.{name}.{key}"))
        if values:
            found.values[ours] = Sourced(values, found.at(f"scene.robot.actuators.*.{key}"))
        else:
            found.missing[ours] = (
                f"{found.at('scene.robot.actuators')} has no {key} (it may stand in the USD); --set '{ours}=[...]'"
            )


def _action(found: PolicyDescription, actions: Entries, names: Sequence[str], context: Context) -> list[str] | None:
    """Reads the action; gives back the joints that it drives in their order; None: the order is not known."""
    terms = [key for key, value in actions.values.items() if isinstance(value, Mapping)]
    if len(terms) != 1:
        found.problems.append(
            f"{found.at('actions')}: {', '.join(terms) or 'none'}; one action, of joint positions, can be played here"
        )
        return None
    action = actions.entries(terms[0])
    kind = re.split(r"[:.]", str(action.get("class_type", "JointPositionAction")))[-1].removesuffix("Cfg")
    if kind not in ACTIONS:
        found.problems.append(f"{found.at(action.key('class_type'))} is {kind}; {' and '.join(ACTIONS)} can be played here")
        return None
    key = "joint_names" if "joint_names" in action else "actuator_names"
    patterns, keep = action.get(key, [".*"]), bool(action.get("preserve_order"))
    driven = chosen(patterns, names, keep, found.at(action.key(key)))
    if not driven:
        found.missing["joints"] = (
            f"{found.at(action.key(key))}: no joint of the robot has such a name: --order NAME,NAME,... with the maker's "
            "names, and --rename NAME=JOINT for those that the robot calls otherwise"
        )
        return None
    literal = keep and isinstance(patterns, list) and patterns == driven
    if literal or context.order:
        by = found.at(action.key(key)) if literal else f"{found.at(action.key(key))}, {context.said_by}"
        found.joints = Sourced(driven, by)
    else:
        found.missing["joints"] = (
            f"{found.at(action.key(key))} selects {len(driven)} joints in the order of the articulation, which it does not tell: "
            "--order breadth-first (as Isaac Lab numbers them), --order robot, or --order NAME,NAME,..."
        )
    scale = by_pattern(action.get("scale", 1.0), driven, found.at(action.key("scale")))
    found.values["action_scale"] = Sourced(scale, found.at(action.key("scale")))
    _offset(found, action, driven, kind)
    _target_clip(found, action, driven)
    return driven if found.joints is not None else None


def _offset(found: PolicyDescription, action: Entries, driven: list[str], kind: str) -> None:
    """What an action of zero asks for."""
    source, default = found.at(action.key("offset")), found.values.get("default_pos")
    if ACTIONS[kind] == "residual":
        found.values["action_mode"] = Sourced("residual", found.at(action.key("class_type")))
        return
    if action.get("use_default_offset", True):
        return
    offset = by_pattern(action.get("offset", 0.0), driven, source)
    if not any(offset.values()):
        found.values["action_mode"] = Sourced("absolute", source)
    elif default is None or any(abs(default.value[joint] - offset.get(joint, 0.0)) > 2e-3 for joint in driven):
        found.problems.append(f"{source} is not the default posture, which joint_pos_rel is measured from")


def _target_clip(found: PolicyDescription, action: Entries, driven: list[str]) -> None:
    clips = action.get("clip")
    if clips is None or clips == {}:
        return
    if not isinstance(clips, Mapping):
        raise ConfigError(f"{found.at(action.key('clip'))} is {short(clips)}; [low, high] by patterns of joint names is expected")
    source, ends = found.at(action.key("clip")), {}
    for pattern, pair in clips.items():
        values = Entries(found.file, {"clip": pair}, action.prefix).numbers("clip", 2)
        ends |= dict.fromkeys(chosen(pattern, driven, False, source), values)
    if len({tuple(pair) for pair in ends.values()}) == 1 and len(ends) == len(driven):
        found.values["target_clip"] = Sourced(next(iter(ends.values())), source)
    elif len(ends) == len(driven) and found.joints is not None:
        found.values["target_clip"] = Sourced([ends[joint] for joint in driven], source)
    else:
        found.missing["target_clip"] = (
            f"{source} clips {len(ends)} of {len(driven)} joints; --set 'target_clip=[[low, high], ...]'"
        )


def _observations(
    found: PolicyDescription, entries: Entries, names: Sequence[str], driven: list[str] | None, context: Context
) -> None:
    groups = entries.entries("observations")
    name = next((group for group in GROUPS if group in groups), "")
    if not name:
        found.missing["observations"] = (
            f"{found.at('observations')} has no group {' or '.join(GROUPS)}: --from a file with the terms"
        )
        return
    group, prefix = groups.entries(name), f"observations.{name}"
    shared = group.get("history_length")
    if "terms" in group:
        group, prefix = group.entries("terms"), f"{prefix}.terms"
    keys = [key for key, value in group.values.items() if isinstance(value, Mapping) and "func" in value]
    terms = []
    for key in keys:
        entry, source = group.entries(key), found.at(f"{prefix}.{key}")
        term, why = term_of(re.split(r"[:.]", str(entry.get("func")))[-1], FUNCTIONS)
        if term is not None and term["term"] == "velocity_command" and "command_name" in entry.entries("params"):
            why = _command(term, entries.entries("commands"), str(entry.entries("params").get("command_name")))
        if entry.get("modifiers"):
            why = (
                "it has modifiers (filters, scales, biases), which are not played here: train without, or put them into the graph"
            )
        if term is None or why:
            found.problems.append(f"{source}: {why}")
            continue
        if term["term"] in JOINTS:
            term["joints"] = _seen(entry, names, context, source)
        if term["term"] == "phase":
            term["period"] = entry.entries("params").number("period")
        _shaped(term, entry, shared)
        terms.append(Sourced(term, source))
    if len(terms) == len(keys):
        found.terms = terms


def _seen(entry: Entries, names: Sequence[str], context: Context, source: str) -> list[str] | None:
    """Joints of a term in their order; None: all of them, in an order that the file does not tell."""
    asset = entry.entries("params").entries("asset_cfg")
    patterns, keep = asset.get("joint_names"), bool(asset.get("preserve_order"))
    ids = asset.get("joint_ids")
    if patterns is None and isinstance(ids, list) and not isinstance(ids, Slice) and context.order:
        return [names[i] for i in ids if isinstance(i, int) and i < len(names)]
    if patterns is None:
        return list(names) if context.order else None
    joints = chosen(patterns, names, keep, source)
    return joints if context.order or (keep and patterns == joints) else None


def _command(term: dict[str, Any], commands: Entries, name: str) -> str:
    """Adds the limits of a velocity command; gives back why it is none."""
    command = commands.entries(name)
    ranges = command.entries("ranges")
    keys = ("lin_vel_x", "lin_vel_y", "ang_vel_z")
    if command.values and not all(key in ranges for key in keys):
        return f"the command {name!r} is no velocity, which is what skills ask a walk for"
    if command.values:
        most = [max(abs(end) for end in ranges.numbers(key, 2)) for key in keys]
        if all(most):
            term["limit"] = most
    return ""


def _shaped(term: dict[str, Any], entry: Entries, shared: Any) -> None:
    scale = entry.get("scale")
    if scale is not None:
        term["scale"] = simplest(entry.numbers("scale")) if isinstance(scale, list) else entry.number("scale")
    if entry.get("clip") is not None:
        term["clip"] = entry.numbers("clip", 2)
    history = Entries(entry.file, {"history_length": shared}, entry.prefix) if shared is not None else entry
    if history.count("history_length", 1) > 1:
        term["history"] = history.count("history_length")
