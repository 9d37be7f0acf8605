"""`params/agent.yaml` of rsl_rl's runner: what it does around the network that neither the weights nor env.yaml say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from policies.locomotion.readers.joint_orders import Context
from policies.locomotion.readers.loose_yaml import read_loose
from policies.locomotion.readers.policy_description import Entries, PolicyDescription, Sourced

PLACES = ("params/agent.yaml", "../params/agent.yaml", "agent.yaml")  # beside a policy file


def recognises(top: Mapping[str, Any]) -> bool:
    return "algorithm" in top and "num_steps_per_env" in top


def read(file: str, top: Mapping[str, Any], context: Context) -> PolicyDescription:
    """The clip of the actions, which the environment's wrapper does before the environment sees them."""
    found, entries = PolicyDescription("rsl_rl agent.yaml", file), Entries(file, top)
    if "clip_actions" in entries:
        found.values["action_clip"] = Sourced(entries.positive("clip_actions"), found.at("clip_actions"))
    return found


def of_run(policy: Path) -> Entries | None:
    """The settings of the run that `policy` is of; None: they are not there."""
    file = next((policy.parent / place for place in PLACES if (policy.parent / place).is_file()), None)
    return None if file is None else Entries(file.name, read_loose(file))


def normalised(agent: Entries) -> str:
    """The key that says that the actor's observations are normalised; "": none does."""
    keys = [("", "empirical_normalization"), ("policy", "actor_obs_normalization"), ("actor", "obs_normalization")]
    for part, key in keys:
        entries = agent if not part else agent.entries(part) if isinstance(agent.get(part), Mapping) else None
        if entries is not None and entries.get(key) is True:
            return f"{agent.file}:{entries.key(key)}"
    return ""
