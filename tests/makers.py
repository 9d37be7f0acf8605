"""Small files in the form of other projects: what mjlab, holosoma, unitree_rl_lab and others write beside, or into, a policy."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from policies.onnx_file import add_metadata
from tests.onnx_policies import policy_bytes

TERMS_OF_MJLAB = ("base_ang_vel", "projected_gravity", "command", "joint_pos", "joint_vel", "actions")


def policy_file(path: Path, inputs: int, outputs: int, metadata: dict[str, str] | None = None) -> Path:
    """An ONNX file with these metadata."""
    data = policy_bytes(inputs, outputs)
    for key, value in (metadata or {}).items():
        data = add_metadata(data, key, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def csv(values) -> str:
    """A list as mjlab writes it: three decimals."""
    return ",".join(f"{value:.3f}" if isinstance(value, int | float) else str(value) for value in values)


def mjlab_metadata(model, joints, terms=TERMS_OF_MJLAB, scales=None) -> dict[str, str]:
    """Of mjlab's exporter; with `scales` as it writes them from 1.6 on."""
    where = [model.index(joint) for joint in joints]
    found = {
        "run_path": "team/project/runs/abc",
        "joint_names": csv(joints),
        "joint_stiffness": csv(model.kp[where].tolist()),
        "joint_damping": csv(model.kd[where].tolist()),
        "default_joint_pos": csv(model.default[where].tolist()),
        "command_names": "twist",
        "observation_names": csv(terms),
        "action_scale": csv([0.25] * len(joints)),
    }
    if scales is not None:
        found |= {
            "observation_terms_scale": csv(scales),
            "observation_terms_flatten_history_dim": csv([True] * len(terms)),
            "observation_terms_history_length": csv([0] * len(terms)),
            "observation_terms_clip": ",".join(["-inf;inf"] * len(terms)),
        }
    return found


def holosoma_metadata(model, joints, experiment: bool = True) -> dict[str, str]:
    """Of holosoma's exporter; newer ones add the whole experiment."""
    where = [model.index(joint) for joint in joints]
    found = {
        "dof_names": list(joints),
        "kp": model.kp[where].tolist(),
        "kd": model.kd[where].tolist(),
        "command_ranges": {
            "lin_vel_x": [-1.0, 1.0],
            "lin_vel_y": [-0.5, 0.5],
            "ang_vel_yaw": [-1.0, 1.0],
            "heading": [-3.14, 3.14],
        },
        "robot_urdf": "<robot/>",
        "robot_urdf_path": "robots/x.urdf",
    }
    if experiment:
        names = (
            "base_ang_vel projected_gravity command_lin_vel command_ang_vel dof_pos dof_vel actions sin_phase cos_phase".split()
        )
        scales = {"base_ang_vel": 0.25, "dof_vel": 0.05}
        module = "holosoma.managers.observation.terms.locomotion"
        terms = {
            name: {"func": f"{module}:{name}", "params": {}, "scale": scales.get(name, 1.0), "noise": 0.0, "clip": None}
            for name in names
        }
        found["experiment_config"] = {
            "robot": {
                "dof_names": list(joints),
                "init_state": {"default_joint_angles": dict(zip(joints, model.default[where].tolist(), strict=True))},
                "control": {"action_scale": 0.25, "clip_actions": False, "action_scales_by_effort_limit_over_p_gain": False},
            },
            "simulator": {"config": {"sim": {"fps": 200, "control_decimation": 4}}},
            "command": {"setup_terms": {"locomotion_gait": {"params": {"gait_period": 0.9}}}},
            "observation": {"groups": {"actor_obs": {"terms": terms, "concatenate": True, "history_length": 1}}},
        }
    return {key: json.dumps(value) for key, value in found.items()}


def deploy_yaml(model, joints, motors, history: int = 1, **changes) -> str:
    """deploy.yaml of unitree_rl_lab: `joints` in the order of the policy, `motors` the index of each in the SDK's order."""
    n, where = len(joints), [model.index(joint) for joint in joints]
    default = model.default[where].tolist()
    by_motor = {key: [0.0] * n for key in ("kp", "kd")}
    for key, column in (("kp", model.kp), ("kd", model.kd)):
        for joint, motor in zip(where, motors, strict=True):
            by_motor[key][motor] = float(column[joint])

    def term(scale, **params):
        return {"params": params, "clip": None, "scale": scale, "history_length": history}

    value = {
        "joint_ids_map": list(motors),
        "step_dt": 0.02,
        "stiffness": by_motor["kp"],
        "damping": by_motor["kd"],
        "default_joint_pos": default,
        "commands": {
            "base_velocity": {
                "ranges": {"lin_vel_x": [-0.5, 1.0], "lin_vel_y": [-0.3, 0.3], "ang_vel_z": [-0.2, 0.2], "heading": None}
            }
        },
        "actions": {
            "JointPositionAction": {
                "clip": None,
                "joint_names": [".*"],
                "scale": [0.25] * n,
                "offset": default,
                "joint_ids": "SLICE",
            }
        },
        "observations": {
            "base_ang_vel": term([0.2] * 3),
            "projected_gravity": term([1.0] * 3),
            "velocity_commands": term([1.0] * 3, command_name="base_velocity"),
            "joint_pos_rel": term([1.0] * n),
            "joint_vel_rel": term([0.05] * n),
            "last_action": term([1.0] * n),
        },
    }
    text = yaml.safe_dump(value | changes, sort_keys=False)
    return text.replace("joint_ids: SLICE", "joint_ids: !!python/object/apply:builtins.slice [null, null, null]")


def published_yaml(model, joints, **changes) -> str:
    """The YAML that is published with the policies of the Berkeley Humanoid Lite; all of the robot's joints, driven by index."""
    value = {
        "policy_checkpoint_path": "checkpoints/policy.onnx",
        "ip_robot_addr": "127.0.0.1",
        "control_dt": 0.004,
        "policy_dt": 0.04,
        "num_joints": model.n,
        "joints": list(model.joints),
        "joint_kp": model.kp.tolist(),
        "joint_kd": model.kd.tolist(),
        "effort_limits": model.effort.tolist(),
        "default_joint_positions": model.default.tolist(),
        "num_observations": 9 + 3 * len(joints),
        "history_length": 0,
        "command_velocity": [-0.4, 0.2, -1.2],
        "num_actions": len(joints),
        "action_scale": 0.25,
        "action_indices": [model.index(joint) for joint in joints],
        "action_limit_lower": -10000,
        "action_limit_upper": 10000,
    }
    return yaml.safe_dump(value | changes, sort_keys=False)
