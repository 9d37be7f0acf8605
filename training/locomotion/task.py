"""The locomotion task: driven joints, commands, reward weights and randomisation."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch

from arbiter.errors import ConfigError
from arbiter.robot import RobotModel
from deploy.robots.description import load_model
from policies.locomotion.gait_clock import GRACE, NEVER, GaitClock
from training.locomotion import terms
from training.locomotion.curriculum import STAGES, CurriculumStage
from training.locomotion.gait import GaitConfig
from training.locomotion.state import BatchState

SLANT = math.sqrt(0.5)  # of the axes of hip roll and yaw along the vertical


@dataclass(frozen=True, slots=True)
class TaskConfig:
    """The locomotion task, independent of the engine.

    Attributes:
        robot: Name or folder of the robot's description.
        group: Joint group that the policy drives: "legs" (12) or "whole_body" (22).
        action_scale: Change of a joint target per unit of action [rad].
        command_range: Largest |x|, |y| [m/s] and |yaw| [rad/s].
        slew: Rate limits of the command [m/s², m/s², rad/s²].
        step_in_place: Time that a robot at zero command steps in place before it stands [s].
        joint_error: Deviation of a joint from the default posture [rad] that makes a standing robot step in place again. Used
            on the robot only: in training such a robot falls, and learns from it.
        tilt_rate: Angular velocity about x and y above which a standing robot takes steps, in training [rad/s].
        tilt_rate_robot: The same on the robot, which steps earlier [rad/s]: the policy that ships recovered from 113 of 120
            pushes with it, from 110 with `tilt_rate`.
        gain: Calibration on the robot: factors on the command's x, y and yaw. Over the evaluation grid the network that ships
            reached 0.68, 0.59 and 0.84 of what it was commanded.
        command_seconds: Shortest and longest time that a command holds [s].
        quick_fraction: Fraction of commands resampled within 1 s, so that starts and stops fall inside a step.
        episode_seconds: Length of an episode [s].
        rate_hz: Rate of the policy [Hz].
        mean_seconds: Time constant of the low-pass filter on the rewarded velocity [s]: a walking body sways within each step.
        noise: Standard deviation of the sensors: angular velocity [rad/s], gravity, joint position [rad], joint velocity [rad/s].
        push_seconds: Mean time between pushes [s].
        wrench: Largest force [N] and torque [N·m] on the torso, as the reaction of moving arms.
        gait: The reference gait.
        stages: The curriculum, in order.
    """

    robot: str = "berkeley_humanoid_lite"
    group: str = "legs"
    action_scale: float = 0.25
    command_range: tuple[float, float, float] = (0.7, 0.35, 1.0)
    slew: tuple[float, float, float] = (0.8, 0.5, 2.0)
    step_in_place: float = 0.64
    joint_error: float = 0.4
    tilt_rate: float = 0.45
    tilt_rate_robot: float = 0.3
    gain: tuple[float, float, float] = (1.2, 1.25, 1.1)
    command_seconds: tuple[float, float] = (3.0, 8.0)
    quick_fraction: float = 0.3
    episode_seconds: float = 20.0
    rate_hz: float = 50.0
    mean_seconds: float = 0.3
    noise: tuple[float, float, float, float] = (0.1, 0.02, 0.01, 0.4)
    push_seconds: float = 4.0
    wrench: tuple[float, float] = (6.0, 3.5)
    gait: GaitConfig = field(default_factory=GaitConfig)
    stages: tuple[CurriculumStage, ...] = STAGES


def walking_legs(model: RobotModel) -> list[np.ndarray]:
    """Indices of the six joints of each leg, from the hip down. Raises ConfigError where the reference gait is not for them."""
    body = model.body
    legs = [] if body is None else [foot.joints[foot.first :] for foot in body.feet]
    pitch = [] if body is None else np.stack((body.hips, body.knees, body.ankles), axis=1).tolist()
    axes = [] if body is None else [foot.chain.cross[foot.first : foot.first + 2] for foot in body.feet]
    slanted = all(abs(abs(float(cross[1, 0])) - SLANT) < 0.1 for pair in axes for cross in pair)  # of each axis its part along z
    if [leg[2:5].tolist() for leg in legs] != pitch or [len(leg) for leg in legs] != [6, 6] or not slanted:
        raise ConfigError(
            f"robot {model.name}: the reference gait is for two legs of hip roll, hip yaw, hip pitch, knee, ankle pitch, "
            "ankle roll, whose roll and yaw axes lie at 45 degrees; train this robot with its maker's tools and bring the policy"
        )
    return legs


class Task:
    """A TaskConfig resolved against the robot's figures.

    Attributes:
        config: The configuration.
        model: The robot's figures.
        joints: Names of the driven joints.
        joint_indices: Their indices in robot order, shape (m,).
        legs: Indices of the leg joints among the driven ones.
        joint_limits: Lower and upper joint limits minus the default posture [rad], shape (2, m).
        action_lower, action_upper: Actions at the joint limits, shape (m,); actions are clipped to them.
        ankles: Indices of the ankle pitch joints among the driven ones.
        lateral: Indices, among the driven joints, of those that should stay near their default.
        stage: The current stage of the curriculum.
    """

    def __init__(self, config: TaskConfig) -> None:
        self.config, self.model = config, load_model(config.robot)
        self.joint_indices = torch.tensor(self.model.groups[config.group].nonzero()[0])
        self.joints = tuple(self.model.joints[i] for i in self.joint_indices)
        feet = walking_legs(self.model)
        swivels = [joint for leg in feet for joint in leg[:2]]  # hip roll and yaw
        others = np.flatnonzero(self.model.others)
        self.legs, self.ankles, self.lateral = (
            torch.tensor(np.flatnonzero(np.isin(self.joint_indices, wanted)))
            for wanted in (np.concatenate(feet), [leg[4] for leg in feet], [*swivels, *others])
        )
        joint_limits = np.stack((self.model.lower, self.model.upper)) - self.model.default
        self.joint_limits = torch.tensor(joint_limits[:, self.joint_indices], dtype=torch.float32)
        self.action_lower, self.action_upper = self.joint_limits / config.action_scale
        self.stage = config.stages[0]

    def to(self, device: str) -> Task:
        """Moves what the terms use to the engine's device."""
        self.legs, self.lateral, self.ankles = (part.to(device) for part in (self.legs, self.lateral, self.ankles))
        self.joint_limits = self.joint_limits.to(device)
        self.action_lower, self.action_upper = self.action_lower.to(device), self.action_upper.to(device)
        return self

    @property
    def ticks_in_place(self) -> int:
        """Steps of the policy in place before a robot at zero command stands, in this stage."""
        return round(self.config.step_in_place * self.config.rate_hz) if self.stage.step_in_place else 0

    @property
    def clock(self) -> GaitClock:
        """The gait clock in this stage; its phase is an angle [rad]."""
        config = self.config
        return GaitClock(
            half=math.pi,
            turn=2.0 * math.pi / (config.gait.period * config.rate_hz),
            settle=self.ticks_in_place,
            grace=round(GRACE * config.rate_hz),
            tilt_rate=config.tilt_rate if self.stage.recovery_steps else NEVER,
        )

    @property
    def max_command_step(self) -> tuple[float, ...]:
        """Largest change of the command in a step of the policy: x, y [m/s] and yaw [rad/s]."""
        return tuple(slew / self.config.rate_hz for slew in self.config.slew)

    @property
    def m(self) -> int:
        """Number of driven joints."""
        return len(self.joints)

    def enter(self, progress: float) -> None:
        """Sets the stage for `progress` (0 to 1) of the training."""
        self.stage = next((s for s in self.config.stages if progress < s.until), self.config.stages[-1])

    def sample_velocities(self, n: int) -> torch.Tensor:
        """Commands for n robots: any direction, turning or not, slow or standing as the stage allows, shape (n, 3)."""
        limit = torch.tensor(self.config.command_range)
        command = (torch.rand(n, 3) * 2.0 - 1.0) * limit
        kind = torch.rand(n)
        straight = kind < self.stage.single_axis_fraction
        command[straight] *= one_axis(int(straight.sum()))
        slow = (command / limit).norm(dim=-1) < self.stage.min_speed / limit[0]
        command[slow] *= self.stage.min_speed / limit[0] / (command[slow] / limit).norm(dim=-1, keepdim=True).clamp(min=1e-3)
        command[torch.rand(n) < self.stage.zero_fraction] = 0.0
        return command.clamp(-limit, limit)

    def sample_commands(self, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Commands, shape (n, 3), and how long they hold [s], shape (n,)."""
        command, quick = self.sample_velocities(n), torch.rand(n) < self.config.quick_fraction
        least, most = self.config.command_seconds
        command[quick & (torch.rand(n) < 0.4)] = 0.0
        return command, torch.where(quick, torch.rand(n), least + (most - least) * torch.rand(n))


def one_axis(n: int) -> torch.Tensor:
    """Masks that leave one of x, y, yaw, shape (n, 3)."""
    return torch.eye(3)[torch.randint(3, (n,))]


def rewards(task: Task, s: BatchState) -> dict[str, torch.Tensor]:
    """Weighted reward terms per second, each of shape (n,)."""
    stage = task.stage
    kernel_xy, kernel_yaw = stage.kernel
    smoothness = stage.smoothness
    return {
        "track_lin_vel_xy": 2.5 * stage.tracking * terms.track_lin_vel_xy_exp(s, kernel_xy),
        "track_ang_vel_z": 1.5 * stage.tracking * terms.track_ang_vel_z_exp(s, kernel_yaw),
        "lin_vel_xy_l1": -3.0 * stage.tracking * terms.lin_vel_xy_l1(s),
        "ang_vel_z_l1": -0.6 * stage.tracking * terms.ang_vel_z_l1(s),
        "is_alive": 1.0 * terms.is_alive(s),
        "swing_contact": -6.0 * terms.swing_contact(s),
        "stance_no_contact": -1.5 * terms.stance_no_contact(s),
        "foot_clearance": 4.0 * terms.foot_clearance(s),
        "flat_orientation": -stage.flat_orientation * terms.flat_orientation_l2(s),
        "ang_vel_xy": -0.08 * terms.ang_vel_xy_l2(s),
        "lin_vel_z": -1.0 * terms.lin_vel_z_l2(s),
        "base_height": -stage.base_height * terms.base_height(s),
        "joint_pos_limits": -stage.joint_pos_limits * terms.joint_pos_limits(s, task.legs, *task.joint_limits),
        "action_rate": -0.02 * smoothness * terms.action_rate_l2(s),
        "action_acc": -0.005 * smoothness * terms.action_acc_l2(s),
        "joint_torques": -4e-4 * smoothness * terms.joint_torques_l2(s),
        "joint_power": -stage.joint_power * terms.joint_power(s),
        "torque_excess": -stage.torque_excess * terms.torque_excess_l2(s),
        "self_distance": -stage.self_distance * terms.self_distance(s),
        "foot_slip": -stage.foot_slip * terms.foot_slip(s),
        "stance_width": -15.0 * terms.stance_width(s),
        "lateral_joint_deviation": -1.0 * terms.lateral_joint_deviation(s, task.lateral),
        "stand_ankle_torque": -stage.stand_ankle_torque * terms.stand_ankle_torque(s, task.ankles),
        "joint_vel_standing": -0.01 * smoothness * terms.joint_vel_standing(s),
        "joint_pos_standing": -1.5 * terms.joint_pos_standing(s),
    }
