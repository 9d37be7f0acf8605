"""The deployment YAML of unitree_rl_gym, for MuJoCo and for the robot.

Which observations there are, and in which order, stands in the code that plays them (deploy_mujoco.py, deploy_real.py); so does
the period of its clock, 0.8 s.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from policies.locomotion.readers.joint_orders import Context, listed_order, motor_order, way_to_say
from policies.locomotion.readers.policy_description import Entries, PolicyDescription, Sourced, by_joint
from policies.locomotion.readers.vocabulary import simplest

MAKER = "unitree_rl_gym"
PERIOD = 0.8  # [s]
PLAYED = "deploy_mujoco.py and deploy_real.py of unitree_rl_gym"


def recognises(top: Mapping[str, Any]) -> bool:
    return {"kps", "kds", "default_angles", "action_scale", "num_actions"} <= {*top}


def read(file: str, top: Mapping[str, Any], context: Context) -> PolicyDescription:
    """Raises ConfigError for a value that is not in this form."""
    found, entries = PolicyDescription(f"{MAKER} settings", file), Entries(file, top)
    n = entries.count("num_actions")
    if "leg_joint2motor_idx" in entries:
        motors = entries.indices("leg_joint2motor_idx")
        order, key = motor_order(context, motors), "leg_joint2motor_idx"
        joints, count = order.of(motors), max(motors) + 1
    else:
        order, key, count = listed_order(context, n), "num_actions", n
        joints = list(order.names)
    if order.known:
        found.joints = Sourced(joints, f"{found.at(key)}, {order.source}")
    else:
        found.missing["joints"] = f"{file} has lists of joints without names ({key}); {way_to_say(count)}"
    if "control_dt" in entries:
        found.values["rate_hz"] = Sourced(entries.rate("control_dt"), found.at("control_dt"))
    elif "simulation_dt" in entries:
        rate = entries.rate("simulation_dt", "control_decimation")
        found.values["rate_hz"] = Sourced(rate, found.at("simulation_dt * control_decimation"))
    for theirs, ours in (("kps", "kp"), ("kds", "kd"), ("default_angles", "default_pos"), ("action_scale", "action_scale")):
        found.values[ours] = Sourced(by_joint(joints, entries.numbers(theirs, n)), found.at(theirs))
    if entries.get("imu_type") == "torso":
        found.notes.append(
            f"{found.at('imu_type')} is torso: the observations are of the pelvis, which its code computes from the waist"
        )
    _observations(found, entries, joints, n)
    return found


def _observations(found: PolicyDescription, entries: Entries, joints: list[str], n: int) -> None:
    command: dict[str, Any] = {"term": "velocity_command", "scale": simplest(entries.numbers("cmd_scale", 3))}
    if "max_cmd" in entries:
        command["limit"] = entries.numbers("max_cmd", 3)
    terms: list[dict[str, Any]] = [
        {"term": "base_ang_vel", "scale": entries.number("ang_vel_scale")},
        {"term": "projected_gravity"},
        command,
        {"term": "joint_pos_rel", "joints": joints, "scale": entries.number("dof_pos_scale")},
        {"term": "joint_vel", "joints": joints, "scale": entries.number("dof_vel_scale")},
        {"term": "previous_action"},
    ]
    plain, seen = 9 + 3 * n, entries.count("num_obs")
    if seen == plain + 2:
        terms.append({"term": "phase", "period": PERIOD})
    elif seen != plain:
        found.missing["observations"] = (
            f"{found.at('num_obs')} is {seen}; {PLAYED} fill {plain}, or {plain + 2} with a clock: --from a file with its terms"
        )
        return
    found.terms = [Sourced(term, f"{PLAYED}, {found.file}") for term in terms]
