"""Observation terms of other projects in the words of the card, by the function that measures them or by their name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from policies.locomotion.observation_terms import wrong_name

# Of Isaac Lab, mjlab and what is built on them: functions in their mdp modules.
FUNCTIONS: Mapping[str, dict[str, Any]] = {
    "base_lin_vel": {"term": "base_lin_vel"},
    "base_ang_vel": {"term": "base_ang_vel"},
    "imu_ang_vel": {"term": "base_ang_vel"},
    "projected_gravity": {"term": "projected_gravity"},
    "imu_projected_gravity": {"term": "projected_gravity"},
    "joint_pos": {"term": "joint_pos"},
    "joint_pos_rel": {"term": "joint_pos_rel"},
    "joint_vel": {"term": "joint_vel"},
    "joint_vel_rel": {"term": "joint_vel"},
    "last_action": {"term": "previous_action"},
    "generated_commands": {"term": "velocity_command"},
    "velocity_commands": {"term": "velocity_command"},
    "keyboard_velocity_commands": {"term": "velocity_command"},
    "gait_phase": {"term": "phase"},
}
# Names that tasks give their terms, where a file has no function: what mjlab's and Isaac Lab's own tasks measure by them.
TASK_NAMES: Mapping[str, dict[str, Any]] = FUNCTIONS | {
    "joint_pos": {"term": "joint_pos_rel"},
    "actions": {"term": "previous_action"},
    "action": {"term": "previous_action"},
    "command": {"term": "velocity_command"},
    "commands": {"term": "velocity_command"},
    "twist": {"term": "velocity_command"},
}
JOINTS = ("joint_pos", "joint_pos_rel", "joint_vel")


def term_of(name: str, known: Mapping[str, dict[str, Any]]) -> tuple[dict[str, Any] | None, str]:
    """(the term that `name` is, why there is none)."""
    if name in known:
        return dict(known[name]), ""
    wrong = wrong_name(name)
    if not wrong:
        return {"term": name}, ""
    return None, wrong.removeprefix("term is ")


def simplest(values: Sequence[float]) -> float | list[float]:
    """One number for a list of equal ones."""
    return values[0] if len(set(values)) == 1 else list(values)
