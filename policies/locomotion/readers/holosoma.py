"""holosoma's metadata in an ONNX file: JSON values; the whole configuration of the training among them, from its exporter on.

Its observation groups are concatenated in the alphabetical order of their terms; at zero command both legs' phases are pi.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from arbiter.errors import ConfigError
from arbiter.strict.json_text import load_json
from policies.locomotion.readers.joint_orders import Context
from policies.locomotion.readers.policy_description import Entries, PolicyDescription, Sourced, by_joint, number

MAKER = "holosoma"
GROUP = "observation.groups.actor_obs"
LEGS = [0.0, 0.5]
STANDING = {"sin": 0.0, "cos": -1.0}  # both phases are pi
TERMS: dict[str, dict[str, Any]] = {
    "base_ang_vel": {"term": "base_ang_vel"},
    "base_lin_vel": {"term": "base_lin_vel"},
    "projected_gravity": {"term": "projected_gravity"},
    "command_lin_vel": {"term": "velocity_command", "axes": ["x", "y"]},
    "command_ang_vel": {"term": "velocity_command", "axes": ["yaw"]},
    "dof_pos": {"term": "joint_pos_rel"},
    "dof_vel": {"term": "joint_vel"},
    "actions": {"term": "previous_action"},
    "sin_phase": {"term": "phase", "axes": ["sin"]},
    "cos_phase": {"term": "phase", "axes": ["cos"]},
}
WITHOUT = "the metadata has no experiment_config, which newer versions of holosoma write; "


def recognises(metadata: Mapping[str, str]) -> bool:
    return "dof_names" in metadata and ("kp" in metadata or "experiment_config" in metadata)


def read(file: str, metadata: Mapping[str, str], context: Context) -> PolicyDescription:
    """Raises ConfigError for a value that is not in holosoma's form."""
    found = PolicyDescription(f"{MAKER} metadata", file)
    known = ("dof_names", "kp", "kd", "command_ranges", "experiment_config")
    top = Entries(file, {key: _json(file, key, metadata[key]) for key in known if key in metadata})
    names = top.texts("dof_names")
    found.joints = Sourced(names, found.at("dof_names"))
    for key in ("kp", "kd"):
        if key in top:
            found.values[key] = Sourced(by_joint(names, top.numbers(key, len(names))), found.at(key))
    limits = _limits(top.get("command_ranges"))
    if "experiment_config" in top:
        _experiment(found, top.entries("experiment_config"), names, limits)
    else:
        found.missing |= {
            "rate_hz": WITHOUT + "--set rate_hz=50 (holosoma's own tasks: 50)",
            "default_pos": WITHOUT + "--from a file that has it, or --set 'default_pos=[...]'",
            "action_scale": WITHOUT + "--set action_scale=0.25 (holosoma's own locomotion tasks)",
            "observations": WITHOUT + "--from a file that has the terms, in the alphabetical order of holosoma's names",
        }
    return found


def _json(file: str, key: str, text: str) -> Any:
    try:
        return load_json(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file}: {key} (metadata): not valid JSON: {str(error)[:120]}") from error


def _limits(ranges: Any) -> dict[str, float]:
    """Largest command by axis."""
    found = {}
    for axis, keys in (("x", ("lin_vel_x",)), ("y", ("lin_vel_y",)), ("yaw", ("ang_vel_yaw", "ang_vel_z"))):
        for key in keys:
            ends = ranges.get(key) if isinstance(ranges, Mapping) else None
            values = [number(end) for end in ends] if isinstance(ends, list) else []
            if values and None not in values:
                found[axis] = max(abs(value) for value in values if value is not None)
    return found


def _experiment(found: PolicyDescription, top: Entries, joints: list[str], limits: dict[str, float]) -> None:
    robot, simulator = top.entries("robot"), top.entries("simulator")
    control = robot.entries("control")
    sim = simulator.entries("config").entries("sim") if "config" in simulator else simulator.entries("sim")
    if "fps" in sim and "control_decimation" in sim:
        rate = sim.positive("fps") / sim.positive("control_decimation")
        found.values["rate_hz"] = Sourced(rate, found.at(f"{sim.key('fps')} / control_decimation"))
    pose = robot.entries("init_state").entries("default_joint_angles")
    if pose.values:
        found.values["default_pos"] = Sourced(
            {joint: pose.number(joint) if joint in pose else 0.0 for joint in joints}, found.at(pose.prefix)
        )
    if "action_scale" in control:
        _action_scale(found, robot, control, joints)
    if "clip_actions" in control and "action_clip_value" in control and control.get("clip_actions") is True:
        found.values["action_clip"] = Sourced(control.number("action_clip_value"), found.at(control.key("action_clip_value")))
    group = top.entries("observation").entries("groups").entries("actor_obs")
    if group.values:
        _observations(found, top, group, joints, limits)


def _action_scale(found: PolicyDescription, robot: Entries, control: Entries, joints: list[str]) -> None:
    scale, source = control.number("action_scale"), found.at(control.key("action_scale"))
    if not control.get("action_scales_by_effort_limit_over_p_gain"):
        found.values["action_scale"] = Sourced(dict.fromkeys(joints, scale), source)
        return
    effort, kp = robot.numbers("dof_effort_limit_list", len(joints)), found.values.get("kp")
    if kp is not None:
        values = {
            joint: scale * most / kp.value[joint] if kp.value[joint] else 0.0 for joint, most in zip(joints, effort, strict=True)
        }
        found.values["action_scale"] = Sourced(values, f"{source} * effort limit / kp")


def _observations(found: PolicyDescription, top: Entries, group: Entries, joints: list[str], limits: dict[str, float]) -> None:
    period = _gait_period(top)
    history = group.count("history_length", 1)
    terms, entries = [], group.entries("terms")
    for name in sorted(entries.values):
        entry, source = entries.entries(name), found.at(f"{GROUP}.terms.{name}")
        measure = str(entry.get("func", name)).rsplit(":", 1)[-1]
        if measure not in TERMS:
            found.problems.append(f"{source}: {measure!r} is not measured here; known: {', '.join(TERMS)}")
            continue
        term: dict[str, Any] = {**TERMS[measure], **({"history": history} if history > 1 else {})}
        scale = entry.get("scale", 1.0)
        term["scale"] = entry.number("scale") if not isinstance(scale, list) else entry.numbers("scale")
        if term["term"] in ("joint_pos_rel", "joint_vel"):
            term["joints"] = joints
        elif term["term"] == "phase":
            axis = term["axes"][0]
            term |= {"period": period, "legs": LEGS, "standing": [STANDING[axis]] * len(LEGS), "restart": True}
        elif term["term"] == "velocity_command" and all(limits.get(axis, 0.0) > 0.0 for axis in term["axes"]):
            term["limit"] = [limits[axis] for axis in term["axes"]]
        if entry.get("clip") is not None and number(scale):
            term["clip"] = sorted(
                end / entry.number("scale") for end in entry.numbers("clip", 2)
            )  # there it clips what is scaled
        terms.append(Sourced(term, source))
    if len(terms) == len(entries.values):
        found.terms = terms


def _gait_period(top: Entries) -> float:
    gait = top.entries("command").entries("setup_terms").entries("locomotion_gait").entries("params")
    return gait.number("gait_period") if "gait_period" in gait else 1.0
