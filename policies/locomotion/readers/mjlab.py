"""mjlab's metadata in an ONNX file: text in three decimals, separated by commas.

It says nothing of the rate; and of the observation terms only their names, from mjlab 1.6 on their scales and histories too.
"""

from __future__ import annotations

from collections.abc import Mapping

from arbiter.errors import ConfigError
from policies.locomotion.readers.joint_orders import Context
from policies.locomotion.readers.policy_description import PolicyDescription, Sourced, by_joint, number
from policies.locomotion.readers.vocabulary import JOINTS, TASK_NAMES, simplest, term_of

MAKER = "mjlab"
KEYS = ("joint_names", "joint_stiffness", "joint_damping", "default_joint_pos", "action_scale")
SCALES, HISTORIES, CLIPS = "observation_terms_scale", "observation_terms_history_length", "observation_terms_clip"


def recognises(metadata: Mapping[str, str]) -> bool:
    return "joint_names" in metadata and ("joint_stiffness" in metadata or "observation_names" in metadata)


def read(file: str, metadata: Mapping[str, str], context: Context) -> PolicyDescription:
    """Raises ConfigError for a value that is not in mjlab's form."""
    found = PolicyDescription(f"{MAKER} metadata", file)
    names = _texts(metadata, "joint_names")
    found.joints = Sourced(names, found.at("joint_names"))
    for key, ours in (("joint_stiffness", "kp"), ("joint_damping", "kd"), ("default_joint_pos", "default_pos")):
        if key in metadata:
            found.values[ours] = Sourced(by_joint(names, _numbers(file, metadata, key, len(names))), found.at(key))
    scale = _numbers(file, metadata, "action_scale") if "action_scale" in metadata else []
    driven = len(scale) if len(scale) > 1 else context.outputs or len(names)
    if driven != len(names):
        found.joints = None
        found.missing["joints"] = (
            f"joint_names of {file} has {len(names)} names, the network drives {driven}: which of them is not said; "
            "--set 'joints=[...]'"
        )
    if scale:
        value = scale[0] if len(scale) == 1 else by_joint(names, scale) if driven == len(names) else scale
        found.values["action_scale"] = Sourced(value, found.at("action_scale"))
    found.missing["rate_hz"] = (
        "mjlab's metadata do not say it: --from the run's params/env.yaml, or --set rate_hz=50 (mjlab's own tasks: 50)"
    )
    _observations(found, metadata, names)
    return found


def _observations(found: PolicyDescription, metadata: Mapping[str, str], joints: list[str]) -> None:
    names, commands = _texts(metadata, "observation_names"), _texts(metadata, "command_names")
    if not names:
        return
    scales = _rows(metadata, SCALES, len(names))
    histories, clips = _rows(metadata, HISTORIES, len(names)), _rows(metadata, CLIPS, len(names))
    terms = []
    for i, name in enumerate(names):
        term, why = term_of(name, TASK_NAMES)
        if term is not None and term["term"] == "velocity_command" and any("motion" in command for command in commands):
            term, why = None, f"{name!r} is a motion to follow (command_names: {', '.join(commands)}), which no skill here gives"
        if term is None:
            found.problems.append(f"{found.at('observation_names')}: {why}")
            continue
        if term["term"] in JOINTS:
            term["joints"] = joints
        if scales[i]:
            term["scale"] = simplest(scales[i])
        if histories[i] and histories[i][0] > 1.0:
            term["history"] = int(histories[i][0])
        if len(clips[i]) == 2 and abs(clips[i][0]) < float("inf"):
            term["clip"] = clips[i]
        terms.append(Sourced(term, f"{found.at('observation_names')}[{i}]"))
    if len(terms) == len(names):
        found.terms = terms
    else:
        found.missing["observations"] = "not all of its terms can be measured here"
    gains = found.values.get("kp")
    if SCALES not in metadata and gains is not None and len({*gains.value.values()}) > 1:
        found.notes.append(
            f"{gains.source}: early versions of mjlab wrote the gains in the order of their actuators, not of joint_names: "
            "compare them with the run's params/env.yaml (--from)"
        )
    if SCALES not in metadata:
        found.notes.append(
            f"{found.at('observation_names')}: this version of mjlab writes no scales and histories; taken: scale 1, no history"
        )
    if "joint_pos" in names:
        found.notes.append(
            f"{found.at('observation_names')}: joint_pos is taken as the position minus default_pos, as in mjlab's tasks"
        )


def _texts(metadata: Mapping[str, str], key: str) -> list[str]:
    return [item.strip(" '\"") for item in metadata.get(key, "").strip("[]() ").split(",") if item.strip(" '\"")]


def _numbers(file: str, metadata: Mapping[str, str], key: str, count: int | None = None) -> list[float]:
    found = [number(item) for item in _texts(metadata, key)]
    if not found or None in found:
        raise ConfigError(f"{file}: {key} (metadata) is {metadata[key][:80]!r}; numbers separated by commas are expected")
    if count is not None and len(found) != count:
        raise ConfigError(f"{file}: {key} (metadata) has {len(found)} values, joint_names has {count}")
    return [item for item in found if item is not None]


def _rows(metadata: Mapping[str, str], key: str, count: int) -> list[list[float]]:
    """For each term the numbers that stand there, apart by semicolons; [] where there are none."""
    parts = metadata.get(key, "").split(",")
    rows = [[value for item in part.split(";") if (value := number(item.strip())) is not None] for part in parts]
    return rows if len(rows) == count else [[] for _ in range(count)]
