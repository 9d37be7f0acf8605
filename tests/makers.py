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


def env_yaml(model, joints, patterns=None, keep: bool = True, mjlab: bool = False, **changes) -> str:
    """params/env.yaml as Isaac Lab and mjlab dump it, with Python's tags; `patterns` of the action's joints, else their names."""
    seen = {"name": "robot", "joint_names": list(joints), "joint_ids": slice(None), "preserve_order": True}
    seen = seen if keep and patterns is None else {"name": "robot", "joint_names": None, "joint_ids": slice(None)}
    mdp = "mjlab.envs.mdp.observations." if mjlab else "isaaclab.envs.mdp.observations:"
    shared = {"noise": {"func": f"{mdp}uniform", "n_min": -0.1}, "clip": None, "history_length": 0, "flatten_history_dim": True}

    def term(func, scale=None, **params):
        return {"func": mdp + func, "params": params, "scale": scale, **shared}

    terms = {
        "base_lin_vel": None,
        "base_ang_vel": term("base_ang_vel", 0.2),
        "projected_gravity": term("projected_gravity"),
        "velocity_commands": term("generated_commands", command_name="base_velocity"),
        "joint_pos": term("joint_pos_rel", asset_cfg=seen),
        "joint_vel": term("joint_vel_rel", 0.05, asset_cfg=seen),
        "actions": term("last_action"),
    }
    legs = {
        "joint_names_expr": [".*leg_.*"],
        "stiffness": {".*": 20.0},
        "damping": 2.0,
        "class_type": "isaaclab.actuators:ImplicitActuator",
    }
    arms = legs | {"joint_names_expr": [".*arm_.*"], "stiffness": 10.0}
    state = {
        "pos": (0.0, 0.0, 0.5),
        "joint_pos": {".*_hip_pitch_joint": -0.2, ".*_knee_pitch_joint": 0.4, ".*_ankle_pitch_joint": -0.3},
    }
    action = {"joint_names": patterns or list(joints), "scale": 0.25, "offset": 0.0, "use_default_offset": True, "clip": None}
    action |= {"class_type": "isaaclab.envs.mdp.actions.joint_actions:JointPositionAction", "preserve_order": keep}
    robot = {"init_state": state, "actuators": {"legs": legs, "arms": arms}}
    value = {
        "sim": {"dt": 0.005, "gravity": (0.0, 0.0, -9.81)},
        "decimation": 4,
        "scene": {"num_envs": 4096, "robot": robot},
        "observations": {"policy": {"concatenate_terms": True, "enable_corruption": True, "history_length": None, **terms}},
        "actions": {"joint_pos": action},
        "commands": {"base_velocity": {"ranges": {"lin_vel_x": (-1.0, 1.0), "lin_vel_y": (-0.5, 0.5), "ang_vel_z": (-1.5, 1.5)}}},
    }
    if mjlab:
        robot = {"init_state": state, "articulation": {"actuators": (legs, arms)}}
        terms = {key: entry for key, entry in terms.items() if entry is not None}
        value |= {
            "sim": {"mujoco": {"timestep": 0.005}},
            "scene": {"entities": {"robot": robot}},
            "observations": {"actor": {"terms": terms, "history_length": None}},
            "actions": {"joint_pos": {"actuator_names": tuple(patterns or joints), "scale": 0.25, "use_default_offset": True}},
        }
    return yaml.dump(value | changes, sort_keys=False)


def rl_sar_folder(folder: Path, model, joints, motors, name="robot/walk", **changes) -> Path:
    """policy/ROBOT/base.yaml and policy/ROBOT/NAME/config.yaml; gives back the latter."""
    n, where = len(joints), [model.index(joint) for joint in joints]
    names = [""] * n
    for joint, motor in zip(joints, motors, strict=True):
        names[motor] = joint
    robot = name.split("/")[0]
    value = {
        "model_name": "policy.onnx",
        "num_observations": 9 + 3 * n,
        "observations": ["ang_vel", "gravity_vec", "commands", "dof_pos", "dof_vel", "actions"],
        "observations_history": [],
        "observations_history_priority": "time",
        "clip_obs": 100.0,
        "clip_actions_lower": [-100.0] * n,
        "clip_actions_upper": [100.0] * n,
        "rl_kp": model.kp[where].tolist(),
        "rl_kd": model.kd[where].tolist(),
        "num_of_dofs": n,
        "action_scale": [0.25] * n,
        "wheel_indices": [],
        "lin_vel_scale": 2.0,
        "ang_vel_scale": 0.25,
        "dof_pos_scale": 1.0,
        "dof_vel_scale": 0.05,
        "commands_scale": [2.0, 2.0, 0.25],
        "default_dof_pos": model.default[where].tolist(),
        "joint_mapping": list(motors),
    }
    config = folder / "policy" / name / "config.yaml"
    config.parent.mkdir(parents=True)
    config.write_text(yaml.safe_dump({name: value | changes}))
    base = {"dt": 0.005, "decimation": 4, "num_of_dofs": n, "joint_names": names, "joint_mapping": list(range(n))}
    (folder / "policy" / robot / "base.yaml").write_text(yaml.safe_dump({robot: base}))
    return config


def gym_yaml(model, joints, **changes) -> str:
    """The deployment YAML of unitree_rl_gym for MuJoCo: lists without names."""
    where = [model.index(joint) for joint in joints]
    value = {
        "policy_path": "{LEGGED_GYM_ROOT_DIR}/deploy/pre_train/g1/motion.pt",
        "xml_path": "{LEGGED_GYM_ROOT_DIR}/resources/scene.xml",
        "simulation_dt": 0.002,
        "control_decimation": 10,
        "kps": model.kp[where].tolist(),
        "kds": model.kd[where].tolist(),
        "default_angles": model.default[where].tolist(),
        "ang_vel_scale": 0.25,
        "dof_pos_scale": 1.0,
        "dof_vel_scale": 0.05,
        "action_scale": 0.25,
        "cmd_scale": [2.0, 2.0, 0.25],
        "num_actions": len(joints),
        "num_obs": 9 + 3 * len(joints) + 2,
        "cmd_init": [0.5, 0, 0],
    }
    return yaml.safe_dump(value | changes)
