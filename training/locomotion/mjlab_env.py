"""The same task on mjlab (MuJoCo Warp): thousands of robots on a GPU, the terms of terms.py under mjlab's managers.

Importing this module registers the task TASK_ID with mjlab, so that mjlab's own `play` and `list_envs` know it as well.
"""

from __future__ import annotations

import mujoco
import torch
from mjlab.actuator.builtin_actuator import BuiltinPositionActuatorCfg
from mjlab.entity import EntityArticulationInfoCfg, EntityCfg
from mjlab.envs import ManagerBasedRlEnv, ManagerBasedRlEnvCfg
from mjlab.envs import mdp as envs_mdp
from mjlab.envs.mdp import dr
from mjlab.managers.event_manager import EventTermCfg
from mjlab.managers.observation_manager import ObservationGroupCfg, ObservationTermCfg
from mjlab.managers.reward_manager import RewardTermCfg
from mjlab.managers.scene_entity_config import SceneEntityCfg
from mjlab.managers.termination_manager import TerminationTermCfg
from mjlab.rl import RslRlVecEnvWrapper
from mjlab.scene import SceneCfg
from mjlab.sensor import ContactMatch, ContactSensorCfg
from mjlab.sim import MujocoCfg, SimulationCfg
from mjlab.terrains import TerrainEntityCfg

from arbiter.robot import RobotModel
from training.common.mujoco_world import RobotParts, bare_spec, keep_soles
from training.locomotion.mjlab_terms import GaitActionCfg, actor, critic, fell, gait_action, reward
from training.locomotion.presets import PRESETS, TrainConfig
from training.locomotion.starts import LEAN
from training.locomotion.task import Task, TaskConfig

TASK_ID = "Arbiter-Velocity-Flat-Berkeley-Humanoid-Lite"
START_HEIGHT = -0.02  # [m]


def robot_spec(robot: RobotModel) -> mujoco.MjSpec:
    """The robot without its motors (mjlab adds its own), with its soles as the only contacts."""
    spec = bare_spec(robot)
    keep_soles(spec, RobotParts(robot))
    for joint in spec.joints:
        joint.frictionloss = 0.0
    return spec


def robot_config(task: Task) -> EntityCfg:
    """The robot as an mjlab entity."""
    figures = task.model
    motors = tuple(
        BuiltinPositionActuatorCfg(
            target_names_expr=tuple(name for name in figures.joints if name.startswith(part)),
            stiffness=kp,
            damping=kd,
            effort_limit=effort,
            viscous_damping=0.1,
            delay_min_lag=0,
            delay_max_lag=4,
        )
        for part, kp, kd, effort in {
            (name.split("_")[0] + "_", float(figures.kp[i]), float(figures.kd[i]), float(figures.effort[i]))
            for i, name in enumerate(figures.joints)
        }
    )
    half = LEAN / 2.0
    start = EntityCfg.InitialStateCfg(
        pos=(0.0, 0.0, START_HEIGHT),
        rot=(float(torch.cos(torch.tensor(half))), 0.0, float(torch.sin(torch.tensor(half))), 0.0),
        joint_pos={name: float(figures.default[i]) for i, name in enumerate(figures.joints)},
        joint_vel={".*": 0.0},
    )
    return EntityCfg(
        init_state=start,
        spec_fn=lambda: robot_spec(figures),
        articulation=EntityArticulationInfoCfg(actuators=motors, soft_joint_pos_limit_factor=1.0),
    )


def randomisation(config: TaskConfig) -> dict[str, EventTermCfg]:
    """What differs from episode to episode and from robot to robot, and pushes."""
    feet = SceneEntityCfg("robot", geom_names=(".*ankle_roll_collision",))
    push = max(stage.push for stage in config.stages)
    return {
        "start": EventTermCfg(
            func=envs_mdp.reset_root_state_uniform,
            mode="reset",
            params={
                "pose_range": {"yaw": (-3.14, 3.14), "z": (0.0, 0.01)},
                "velocity_range": {"x": (-0.05, 0.05), "y": (-0.05, 0.05)},
            },
        ),
        "joints": EventTermCfg(
            func=envs_mdp.reset_joints_by_offset,
            mode="reset",
            params={
                "position_range": (-0.03, 0.03),
                "velocity_range": (0.0, 0.0),
                "asset_cfg": SceneEntityCfg("robot", joint_names=(".*",)),
            },
        ),
        "push": EventTermCfg(
            func=envs_mdp.push_by_setting_velocity,
            mode="interval",
            interval_range_s=(0.5 * config.push_seconds, 1.5 * config.push_seconds),
            params={"velocity_range": {"x": (-push, push), "y": (-push, push)}},
        ),
        "friction": EventTermCfg(func=dr.geom_friction, mode="startup", params={"ranges": (0.4, 1.2), "asset_cfg": feet}),
        "gains": EventTermCfg(func=dr.pd_gains, mode="startup", params={"kp_range": (0.85, 1.15), "kd_range": (0.8, 1.2)}),
        "mass": EventTermCfg(
            func=dr.pseudo_inertia,
            mode="startup",
            params={"alpha_range": (-0.04, 0.04), "asset_cfg": SceneEntityCfg("robot", body_names=("base",))},
        ),
    }


def env_config(config: TaskConfig, envs: int, seed: int | None = None) -> ManagerBasedRlEnvCfg:
    """The task as mjlab's configuration."""
    sensor = ContactSensorCfg(
        name="feet",
        primary=ContactMatch(mode="subtree", pattern=r"^leg_(left|right)_ankle_roll$", entity="robot"),
        secondary=ContactMatch(mode="body", pattern="terrain"),
        fields=("found", "force"),
        reduce="netforce",
    )
    return ManagerBasedRlEnvCfg(
        scene=SceneCfg(
            terrain=TerrainEntityCfg(terrain_type="plane"),
            entities={"robot": robot_config(Task(config))},
            sensors=(sensor,),
            num_envs=envs,
        ),
        actions={"gait": GaitActionCfg(entity_name="robot", task=config)},
        observations={
            "actor": ObservationGroupCfg({"all": ObservationTermCfg(func=actor)}),
            "critic": ObservationGroupCfg({"all": ObservationTermCfg(func=critic)}),
        },
        rewards={"all": RewardTermCfg(func=reward, weight=1.0)},
        terminations={
            "fell": TerminationTermCfg(func=fell),
            "time_out": TerminationTermCfg(func=envs_mdp.time_out, time_out=True),
        },
        events=randomisation(config),
        sim=SimulationCfg(mujoco=MujocoCfg(timestep=0.005, iterations=10, ls_iterations=20)),
        decimation=4,
        episode_length_s=config.episode_seconds,
        seed=seed,
    )


class MjlabEnv(RslRlVecEnvWrapper):
    """mjlab's environment with the interface of this package's runner."""

    @property
    def task(self) -> Task:
        """The task, whose curriculum stage the runner sets."""
        return gait_action(self.unwrapped).task

    def state_dict(self) -> dict:
        """Nothing: on a GPU a resume starts new episodes."""
        return {}

    def load_state_dict(self, found: dict) -> None:
        """See state_dict."""


def make(config: TrainConfig, seed: int) -> tuple[MjlabEnv, str]:
    """The environment and the device it lives on: this process's GPU, or the CPU where there is none."""
    import os

    device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if torch.cuda.is_available() else "cpu"
    rank = int(os.environ.get("RANK", "0"))
    return MjlabEnv(ManagerBasedRlEnv(env_config(config.task, config.envs, seed + rank), device=device)), device


def register() -> None:
    """Registers the task with mjlab under TASK_ID."""
    from mjlab.rl import RslRlOnPolicyRunnerCfg
    from mjlab.tasks.registry import list_tasks, register_mjlab_task

    if TASK_ID not in list_tasks():
        gpu = PRESETS["gpu"]
        register_mjlab_task(
            TASK_ID,
            env_config(gpu.task, gpu.envs),
            env_config(gpu.task, 16),
            RslRlOnPolicyRunnerCfg(num_steps_per_env=gpu.steps, max_iterations=gpu.iterations),
        )


register()
