"""The task's terms under mjlab's managers: one action term holds the state of all robots, the others read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from mjlab.envs import ManagerBasedRlEnv
from mjlab.managers.action_manager import ActionTerm, ActionTermCfg

from training.locomotion import gait, terms
from training.locomotion.base_motion import SOLE_REST, base_motion, planar
from training.locomotion.command_limiter import CommandLimiter
from training.locomotion.state import BatchState
from training.locomotion.task import Task, TaskConfig, rewards
from training.locomotion.velocity_commands import Commands

SOLES = ("leg_left_ankle_roll_sole", "leg_right_ankle_roll_sole")


@dataclass(kw_only=True)
class GaitActionCfg(ActionTermCfg):
    """Drives the policy's joints by the reference gait plus the network's output; the other joints wave."""

    task: TaskConfig

    def build(self, env: ManagerBasedRlEnv) -> GaitAction:
        return GaitAction(self, env)


class GaitAction(ActionTerm):
    """Holds the BatchState of all robots; the terms of the other managers read it here."""

    def __init__(self, cfg: GaitActionCfg, env: ManagerBasedRlEnv) -> None:
        super().__init__(cfg, env)
        self.task, robot = Task(cfg.task), self._entity
        n, device, figures = self.num_envs, self.device, self.task.model

        def indices(names) -> torch.Tensor:
            return torch.tensor(robot.find_joints(list(names), preserve_order=True)[0], device=device)

        def column(values, joints) -> torch.Tensor:
            return torch.tensor([float(values[figures.index(name)]) for name in joints], device=device)

        others = [name for name in figures.joints if name not in self.task.joints]
        self.drives, self.others = indices(self.task.joints), indices(others) if others else None
        self.default, self.rest = column(figures.default, self.task.joints), column(figures.default, others)
        self.kp, self.kd = column(figures.kp, self.task.joints), column(figures.kd, self.task.joints)
        self.effort = column(figures.effort, self.task.joints)
        self.soles = torch.tensor(robot.find_sites(list(SOLES), preserve_order=True)[0], device=device)
        self.task.to(device)
        self.dt = 1.0 / cfg.task.rate_hz
        self.limiter = CommandLimiter(figures, self.task.joint_indices, n, self.dt, device)
        self.state = BatchState.zeros(n, self.task.m, device)
        self._raw = torch.zeros(n, self.task.m, device=device)
        self.wave = torch.zeros(n, 3, len(others), device=device)  # amplitude [rad], frequency [rad/s], phase [rad]
        self.commands = Commands(n, device)

    @property
    def action_dim(self) -> int:
        return self.task.m

    @property
    def raw_action(self) -> torch.Tensor:
        return self._raw

    def process_actions(self, actions: torch.Tensor) -> None:
        s, config = self.state, self.task.config
        self._raw = actions
        s.last_last_action, s.last_action = s.last_action, s.action
        seen = terms.actor_observation(s)
        legs = terms.reference_gait(seen, self.task.legs, config.gait) / config.action_scale
        s.action = actions + torch.zeros_like(actions).index_copy(1, self.task.legs, legs)
        s.action = s.action.clamp(self.task.action_lower, self.task.action_upper)
        wanted = self.default + config.action_scale * s.action
        self.limiter.limit(wanted, s.joint_pos + self.default, s.joint_vel)
        s.self_distance = self.limiter.requested_distance
        self.commands.advance(self.task, s)

    def apply_actions(self) -> None:
        self._entity.set_joint_position_target(self.limiter.target, joint_ids=self.drives)
        if self.others is not None:
            time = self._env.episode_length_buf.unsqueeze(-1) * self.dt
            swing = self.wave[:, 0] * torch.sin(self.wave[:, 1] * time + self.wave[:, 2])
            self._entity.set_joint_position_target(self.rest + swing, joint_ids=self.others)

    def reset(self, env_ids: torch.Tensor | slice | None = None) -> None:
        ids = torch.arange(self.num_envs, device=self.device)[slice(None) if env_ids is None else env_ids]
        s, n = self.state, len(ids)
        for name in (
            "action",
            "last_action",
            "last_last_action",
            "mean_vel",
            "torque",
            "torque_excess",
            "foot_vel",
            "contact_time",
        ):
            getattr(s, name)[ids] = 0.0
        self.limiter.reset(ids, self.default)
        self.commands.reset(self.task, s, ids)
        still = (torch.rand(n, 1, device=self.device) < 0.5).float()
        shape = (n, self.wave.shape[-1])
        self.wave[ids, 0] = (1.0 - still) * 0.6 * torch.rand(shape, device=self.device)
        self.wave[ids, 1] = gait.TWO_PI * (0.2 + 1.0 * torch.rand(shape, device=self.device))
        self.wave[ids, 2] = gait.TWO_PI * torch.rand(shape, device=self.device)
        self.commands.sample(self.task, ids)

    def observe(self, moved: bool) -> BatchState:
        """Reads the physics. `moved`: a control step has passed since the last call, so filters and timers advance."""
        s, data = self.state, self._entity.data
        base = base_motion(data.root_link_quat_w, data.root_link_pos_w[:, 2], data.root_link_lin_vel_w, data.root_link_ang_vel_b)
        s.gravity, s.ang_vel, s.lin_vel, s.height = base.gravity, data.root_link_ang_vel_b, base.lin_vel, base.height
        s.joint_pos, s.joint_vel = data.joint_pos[:, self.drives] - self.default, data.joint_vel[:, self.drives]
        s.torque = data.qfrc_actuator[:, self.drives]
        requested = self.kp * (self.limiter.target - data.joint_pos[:, self.drives]) - self.kd * s.joint_vel
        s.torque_excess = requested - requested.clamp(-self.effort, self.effort)
        place, speed = data.site_pos_w[:, self.soles], data.site_lin_vel_w[:, self.soles]
        s.foot_height, s.foot_vel = place[..., 2] - SOLE_REST, speed[..., :2].norm(dim=-1)
        s.foot_gap = planar(place[:, 0] - place[:, 1], base.cos, base.sin)
        s.foot_force = self._env.scene["feet"].data.force.norm(dim=-1).reshape(self.num_envs, 2)
        if moved:
            now = torch.cat((base.lin_vel[:, :2], base.yaw_rate.unsqueeze(-1)), -1)
            s.mean_vel = s.mean_vel + min(1.0, self.dt / self.task.config.mean_seconds) * (now - s.mean_vel)
            s.contact_time = (s.contact_time + self.dt) * terms.contact(s) * gait.moving(s.command).unsqueeze(-1)
            self.commands.follow(self.task, s)
        return s


def gait_action(env: ManagerBasedRlEnv) -> GaitAction:
    """The action term that holds the state of all robots."""
    return cast(GaitAction, env.action_manager.get_term("gait"))


def fell(env: ManagerBasedRlEnv) -> torch.Tensor:
    """Termination by a fall. The first term after the physics: reads the state."""
    s = gait_action(env).observe(moved=True)
    return terms.has_fallen(s) | terms.is_stuck(s)


def reward(env: ManagerBasedRlEnv) -> torch.Tensor:
    """Sum of all reward terms per second, and the penalty of a fall."""
    k = gait_action(env)
    penalty = k.task.stage.fall * env.termination_manager.terminated.float() / k.dt
    return torch.stack(list(rewards(k.task, k.state).values())).sum(0) - penalty


def actor(env: ManagerBasedRlEnv) -> torch.Tensor:
    """Observation of the actor with sensor noise. The first observation group: reads the state again."""
    k = gait_action(env)
    obs = terms.actor_observation(k.observe(moved=False))
    spin, gravity, position, velocity = k.task.config.noise
    m = k.task.m
    scale = torch.tensor(
        [0.0] * 3 + [spin] * 3 + [gravity] * 3 + [position] * m + [velocity] * m + [0.0] * (m + 2), device=env.device
    )
    return obs + scale * torch.randn_like(obs)


def critic(env: ManagerBasedRlEnv) -> torch.Tensor:
    """Observation of the critic, without noise."""
    return terms.critic_observation(gait_action(env).state)
