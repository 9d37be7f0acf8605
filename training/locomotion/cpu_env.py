"""The task on the CPU: many robots over MuJoCo's native threads (`mujoco.rollout`), as an RSL-RL environment."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import mujoco
import numpy as np
import torch
from mujoco import rollout
from rsl_rl.env import VecEnv
from tensordict import TensorDict

from training.common.mujoco_world import RobotParts
from training.locomotion import env_state, gait, models, terms
from training.locomotion.base_motion import SOLE_REST, base_motion, planar
from training.locomotion.command_limiter import CommandLimiter
from training.locomotion.starts import JOINT_NOISE, LEAN, start_rows
from training.locomotion.state import BatchState
from training.locomotion.task import Task, TaskConfig, rewards
from training.locomotion.velocity_commands import Commands

PHYSICS = mujoco.mjtState.mjSTATE_FULLPHYSICS
CONTROL = int(mujoco.mjtState.mjSTATE_CTRL | mujoco.mjtState.mjSTATE_QFRC_APPLIED)
FREE_QPOS, FREE_QVEL = 7, 6
CLOCK_SLOT = 1  # the state starts with the simulation's time
STARTS_AT_ZERO = (
    "action last_action last_last_action mean_vel lin_vel torque torque_excess foot_vel foot_height contact_time".split()
)


class CpuEnv(VecEnv):
    """Batched robots.

    Args:
        config: The task.
        num_envs: Number of robots.
        threads: Native threads that simulate.
        variants: Number of randomised models; robots change theirs at each reset.
        substeps: Physics steps per control step.
        dump: Folder for the state of a robot whose simulation diverged.
    """

    def __init__(
        self,
        config: TaskConfig,
        num_envs: int,
        *,
        seed: int,
        threads: int = 2,
        variants: int = 64,
        substeps: int = 4,
        dump: Path | None = None,
    ) -> None:
        self.task, self.num_envs, self.device, self.dump = Task(config), num_envs, "cpu", dump
        self.num_actions, self.cfg, self.substeps = self.task.m, asdict(config), substeps
        self.dt = 1.0 / config.rate_hz
        self.max_episode_length = round(config.episode_seconds * config.rate_hz)
        self.seed, self.rng = seed, np.random.default_rng(seed)
        figures = self.task.model
        parts = RobotParts(figures)
        sampled = [models.sample_dynamics(self.rng, figures, self.rng.random()) for _ in range(variants)]
        self.variants = [models.build(parts, d, config.group, self.dt / substeps) for d in sampled]
        mass = sum(self.variants[0].body_mass)
        self.dynamics = torch.tensor(
            [[d.friction, 0.0, sum(v.body_mass) / mass, d.kp] for d, v in zip(sampled, self.variants, strict=True)],
            dtype=torch.float32,
        )
        posture = figures.default[figures.groups[config.group]]
        self.lean = torch.tensor([models.balance(v, posture) for v in self.variants], dtype=torch.float32)
        self.data = [mujoco.MjData(self.variants[0]) for _ in range(threads)]
        self.rollout = rollout.Rollout(nthread=threads)
        self._allocate()
        self.reset(torch.arange(num_envs))
        self.observations = self._observe()

    def _allocate(self) -> None:
        n, m, model = self.num_envs, self.task.m, self.variants[0]
        figures, drives = self.task.model, self.task.joint_indices.numpy()

        def column(values: np.ndarray) -> torch.Tensor:
            return torch.tensor(values[drives], dtype=torch.float32)

        self.default, self.limiter = column(figures.default), CommandLimiter(figures, self.task.joint_indices, n, self.dt)
        self.kp, self.kd, self.effort = column(figures.kp), column(figures.kd), column(figures.effort)
        self.nq, self.nv = model.nq, model.nv
        self.physics = np.zeros((n, mujoco.mj_stateSize(model, PHYSICS)))
        self.control = np.zeros((n, self.substeps, m + model.nv))
        self.states = np.zeros((n, self.substeps, self.physics.shape[1]))
        self.sensors = np.zeros((n, self.substeps, model.nsensordata))
        self.model_of = np.zeros(n, int)
        self.state = BatchState.zeros(n, m)
        self.latency_steps = torch.zeros(n, dtype=torch.long)
        self.commands = Commands(n)
        self.wrench = torch.zeros(
            n, 3, 6
        )  # amplitude [N, N·m], angular frequency [rad/s], phase [rad] of the arms' reaction on the base
        self.episode_length_buf = torch.zeros(n, dtype=torch.long)
        self.sums: dict[str, torch.Tensor] = {}
        self.dumps = 0

    # --- episodes  -------------------------------------------------------------------------------------

    def reset(self, ids: torch.Tensor) -> None:
        """Starts an episode of robots `ids`: posture, model variant, command, latency and disturbance are sampled."""
        if not len(ids):
            return
        n, s, task = len(ids), self.state, self.task
        self.model_of[ids.numpy()] = self.rng.integers(len(self.variants), size=n)
        lean = self.lean[self.model_of[ids.numpy()]]
        rough = 1.0 + (torch.rand(n) < 0.5).float()  # half of them with twice the deviations, as after a hand-over
        joints = self.default + rough.unsqueeze(-1) * JOINT_NOISE * torch.randn(n, task.m)
        joints[:, task.ankles] -= (lean - LEAN).unsqueeze(-1)
        self.commands.sample(task, ids)
        self.physics[ids.numpy()] = start_rows(self.rng, joints.numpy(), self.physics.shape[1], lean.numpy(), rough.numpy())
        self.limiter.reset(ids, joints)
        self.latency_steps[ids] = torch.randint(0, self.substeps + 1, (n,))
        for name in STARTS_AT_ZERO:
            getattr(s, name)[ids] = 0.0
        s.foot_force[ids] = 80.0
        self.commands.reset(task, s, ids)
        s.dynamics[ids] = self.dynamics[self.model_of[ids.numpy()]]
        s.dynamics[ids, 1] = self.latency_steps[ids] * self.dt / self.substeps * 10.0
        self._sample_wrench(ids)
        self.episode_length_buf[ids] = 0
        for total in self.sums.values():
            total[ids] = 0.0
        self._observe_physics(ids)

    def _sample_wrench(self, ids: torch.Tensor) -> None:
        n, (force, torque) = len(ids), self.task.config.wrench
        limit = torch.tensor([force] * 3 + [torque] * 3)
        calm = (torch.rand(n, 1) < 0.5).float()
        self.wrench[ids, 0] = (1.0 - calm) * limit * torch.rand(n, 6)
        self.wrench[ids, 1] = gait.TWO_PI * (0.2 + 1.8 * torch.rand(n, 6))
        self.wrench[ids, 2] = gait.TWO_PI * torch.rand(n, 6)

    # --- one control step ---------------------------------------------------------------------------------------

    def step(self, actions: torch.Tensor) -> tuple[TensorDict, torch.Tensor, torch.Tensor, dict]:
        """One control step. `actions`: output of the network, added to the reference gait, shape (n, m)."""
        s = self.state
        s.last_last_action, s.last_action = s.last_action, s.action
        s.action = (self.reference() + actions).clamp(self.task.action_lower, self.task.action_upper)
        self._simulate()
        self.commands.advance(self.task, s)
        broken = self._refuse_nan()
        self._observe_physics(slice(None))
        s.contact_time = (s.contact_time + self.dt) * terms.contact(s) * gait.moving(s.command).unsqueeze(-1)
        fell = terms.has_fallen(s) | terms.is_stuck(s) | broken
        reward = self._reward(fell)
        self.episode_length_buf += 1
        timed_out = (self.episode_length_buf >= self.max_episode_length) & ~fell
        done = fell | timed_out
        extras = {"time_outs": timed_out.float(), "log": self._log(done)}
        self.reset(done.nonzero().squeeze(-1))
        self.commands.follow(self.task, s)
        self.observations = self._observe()
        return self.observations, reward, done.long(), extras

    def reference(self) -> torch.Tensor:
        """The reference gait as an action, shape (n, m)."""
        task = self.task
        legs = terms.reference_gait(self.observations["actor"], task.legs, task.config.gait) / task.config.action_scale
        if task.m == len(task.legs):
            return legs
        return torch.zeros(self.num_envs, task.m).index_copy(1, task.legs, legs)

    def _simulate(self) -> None:
        wanted = self.default + self.task.config.action_scale * self.state.action
        last, m = self.limiter.target, self.task.m
        new = self.limiter.limit(wanted, self.state.joint_pos + self.default, self.state.joint_vel)
        for k in range(self.substeps):
            self.control[:, k, :m] = torch.where((self.latency_steps > k).unsqueeze(-1), last, new).numpy()
        self.state.self_distance = self.limiter.requested_distance
        time = torch.from_numpy(self.physics[:, :1]).float()
        self.control[:, :, m : m + 6] = (self.wrench[:, 0] * torch.sin(self.wrench[:, 1] * time + self.wrench[:, 2]))[
            :, None
        ].numpy()
        self._push()
        self.rollout.rollout(
            [self.variants[i] for i in self.model_of],
            self.data,
            self.physics,
            self.control,
            skip_checks=True,
            control_spec=CONTROL,
            nstep=self.substeps,
            state=self.states,
            sensordata=self.sensors,
        )
        self.before = self.physics.copy()
        self.physics[:] = self.states[:, -1]

    def _push(self) -> None:
        hit = np.flatnonzero(self.rng.random(self.num_envs) < self.dt / self.task.config.push_seconds)
        start = CLOCK_SLOT + self.nq
        angle, speed = self.rng.uniform(0, 2 * np.pi, len(hit)), self.rng.uniform(0, self.task.stage.push, len(hit))
        self.physics[hit, start] += speed * np.cos(angle)
        self.physics[hit, start + 1] += speed * np.sin(angle)

    def _refuse_nan(self) -> torch.Tensor:
        """Robots whose simulation diverged, bool, shape (n,). The first ten write a dump; all are reset."""
        broken = ~np.isfinite(self.physics).all(-1) | (np.abs(self.physics[:, CLOCK_SLOT + self.nq :]) > 200.0).any(-1)
        for i in np.flatnonzero(broken):
            if self.dump is not None and self.dumps < 10:
                np.savez(
                    self.dump / f"diverged_{self.dumps}.npz",
                    before=self.before[i],
                    control=self.control[i],
                    after=self.physics[i],
                    variant=self.model_of[i],
                )
            self.dumps += 1
            self.physics[i] = self.before[i]
            self.sensors[i] = 0.0
        return torch.from_numpy(broken)

    def _reward(self, fell: torch.Tensor) -> torch.Tensor:
        parts = rewards(self.task, self.state)
        parts = {name: part * self.dt for name, part in parts.items()}
        parts["fall"] = -self.task.stage.fall * fell.float()
        for name, part in parts.items():
            self.sums.setdefault(name, torch.zeros(self.num_envs)).add_(part)
        return torch.stack(list(parts.values())).sum(0)

    def _log(self, done: torch.Tensor) -> dict:
        s = self.state
        walking = gait.moving(s.command)
        error, share = terms.velocity_error(s).abs(), walking / walking.sum().clamp(min=1.0)
        log = {"/error_linear": (error[:, :2].norm(dim=-1) * share).sum(), "/error_yaw": (error[:, 2] * share).sum()}
        if done.any():
            seconds = self.task.config.episode_seconds
            log |= {f"/reward/{name}": total[done].mean() / seconds for name, total in self.sums.items()}
        return log

    # --- observations  -------------------------------------------------------------------------------------------

    def _observe_physics(self, ids) -> None:
        """Updates the state of robots `ids` from the physics."""
        s, row = self.state, torch.from_numpy(self.physics[ids if isinstance(ids, slice) else ids.numpy()]).float()
        qpos = row[:, CLOCK_SLOT : CLOCK_SLOT + self.nq]
        qvel = row[:, CLOCK_SLOT + self.nq : CLOCK_SLOT + self.nq + self.nv]
        base = base_motion(qpos[:, 3:7], qpos[:, 2], qvel[:, :3], qvel[:, 3:6])
        s.gravity[ids], s.ang_vel[ids], s.lin_vel[ids], s.height[ids] = base.gravity, qvel[:, 3:6], base.lin_vel, base.height
        blend = min(1.0, self.dt / self.task.config.mean_seconds)
        now = torch.cat((base.lin_vel[:, :2], base.yaw_rate.unsqueeze(-1)), -1)
        s.mean_vel[ids] = s.mean_vel[ids] + blend * (now - s.mean_vel[ids])
        s.joint_pos[ids] = qpos[:, FREE_QPOS:] - self.default
        s.joint_vel[ids] = qvel[:, FREE_QVEL:]
        requested = self.kp * (self.limiter.target[ids] - qpos[:, FREE_QPOS:]) - self.kd * qvel[:, FREE_QVEL:]
        s.torque[ids] = requested.clamp(-self.effort, self.effort)
        s.torque_excess[ids] = requested - s.torque[ids]
        if isinstance(ids, slice):
            sense = torch.from_numpy(self.sensors[:, -1]).float().view(-1, 2, 7)  # load, position, velocity per foot
            s.foot_force = torch.from_numpy(self.sensors[:, -2:].max(1)).float().view(-1, 2, 7)[:, :, 0]
            s.foot_height = sense[:, :, 3] - SOLE_REST
            s.foot_vel = sense[:, :, 4:6].norm(dim=-1)
            s.foot_gap = planar(sense[:, 0, 1:3] - sense[:, 1, 1:3], base.cos, base.sin)

    def get_observations(self) -> TensorDict:
        """Groups "actor" (noisy) and "critic" of the last step."""
        return self.observations

    def _observe(self) -> TensorDict:
        s, m = self.state, self.task.m
        actor = terms.actor_observation(s)
        spin, gravity, position, velocity = self.task.config.noise
        scale = torch.cat(
            (
                torch.zeros(3),
                torch.full((3,), spin),
                torch.full((3,), gravity),
                torch.full((m,), position),
                torch.full((m,), velocity),
                torch.zeros(m + 2),
            )
        )
        return TensorDict(
            {"actor": actor + scale * torch.randn_like(actor), "critic": terms.critic_observation(s)}, batch_size=[self.num_envs]
        )

    # --- resume -------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict:
        """Everything that the next step depends on but the random generators."""
        return env_state.capture(self)

    def load_state_dict(self, found: dict) -> None:
        """Puts back what state_dict gave. Raises ConfigError if it comes from another number of robots or another seed."""
        env_state.restore(self, found)
