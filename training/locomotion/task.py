"""The task: what is driven, commanded, rewarded and randomised, and how that changes over the training."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch

from deploy.robots.description import load_model
from training.locomotion import terms
from training.locomotion.gait import GaitConfig
from training.locomotion.state import BatchState


@dataclass(frozen=True, slots=True)
class Stage:
    """What is asked for in one stretch of the training.

    Attributes:
        until: Ends at this fraction of the iterations.
        kernel: Squared width of the velocity bells: x, y [m²/s²] and yaw [rad²/s²].
        fall: Price of a fall.
        least: Slowest command drawn [m/s]; slower ones appear in later stages.
        standing: Fraction of commands that are zero.
        straight: Fraction of commands along one axis only.
        push: Largest push [m/s].
        smooth: Factor on the prices of jerky actions, torque and fidgeting.
        tilt: Price of leaning.
        track: Factor on what tracking the command pays.
        effort: Price of mechanical power [1/W].
        overreach: Price of targets that run away from their joints [1/(N·m)²].
        slip: Price of feet that slip [s²/m²].
        sink: Price of a torso below its height in the default posture [1/m²].
        ends: Price of joints near the ends of their ranges, in legs that carry [1/rad].
        brace: Price of the ankles' torque while no motion is asked for [1/(N·m)²].
        crossing: Price of targets that bring parts together [1/m].
        settle: A robot that is to stand steps in place first.
        stumble: A robot that stands and tips over steps.
        kl: Factor on the divergence per update that the learning rate is held to.
        noise: Largest exploration noise, in units of action: most late falls are its doing, and what ships has none.
    """

    until: float
    kernel: tuple[float, float] = (0.08, 0.15)
    fall: float = 10.0
    least: float = 0.2
    standing: float = 0.12
    straight: float = 0.55
    push: float = 0.2
    smooth: float = 1.0
    tilt: float = 2.0
    track: float = 1.0
    effort: float = 0.0
    overreach: float = 0.0
    slip: float = 0.4
    sink: float = 100.0
    ends: float = 8.0
    brace: float = 0.0
    crossing: float = 200.0
    settle: bool = False
    stumble: bool = False
    noise: float = 1.0
    kl: float = 1.0


ROBOT = Stage(  # from here on as on the robot
    0.45,
    kernel=(0.05, 0.1),
    fall=20.0,
    least=0.05,
    standing=0.15,
    push=0.5,
    tilt=4.0,
    track=4.0,
    effort=0.01,
    overreach=0.02,
    slip=1.0,
    sink=400.0,
    crossing=300.0,
    settle=True,
    stumble=True,
    noise=0.22,
)
STAGES = (
    Stage(0.05, kernel=(0.15, 0.25), push=0.1, track=2.0),  # stay up
    Stage(
        0.3, kernel=(0.1, 0.2), fall=8.0, least=0.15, push=0.3, tilt=4.0, track=4.0, overreach=0.01, settle=True
    ),  # go where asked
    ROBOT,
    replace(ROBOT, until=0.6, standing=0.3, brace=0.05),  # stop, and stay
    replace(
        ROBOT,
        until=1.0,
        kernel=(0.02, 0.05),
        track=6.0,
        least=0.0,
        standing=0.3,
        straight=0.4,
        effort=0.02,
        slip=2.0,
        brace=0.05,
        noise=0.2,
        kl=0.375,
    ),  # exactly, and with the weight over the ankles
)


@dataclass(frozen=True, slots=True)
class TaskConfig:
    """The locomotion task, whatever the engine.

    Attributes:
        group: Joint group that the policy drives: "legs" (12) or "whole_body" (22).
        action_scale: [rad] per unit of action.
        command_range: Largest |x|, |y| [m/s] and |yaw| [rad/s].
        slew: How fast the command follows what is asked for [m/s², m/s², rad/s²].
        settle: How long a robot that is to stand steps in place first [s].
        wake: A joint that far from the default posture [rad] makes a robot that stands step in place again. On the robot only:
            in training who cannot stand falls, and learns it.
        tip: A robot that stands and tips over faster than that [rad/s] steps, in training.
        tip_robot: The same on the robot, which steps earlier: what ships recovered from 113 of 120 pushes instead of 110.
        gain: What a command is multiplied by on the robot: its calibration. In the arena the network that ships reached 0.68,
            0.59 and 0.84 of what it was asked for in x, y and yaw.
        command_seconds: How long a command holds (least, most) [s].
        hasty: Fraction of commands that hold for less than a second, many of them zero: who is told one thing and then
            another stops and starts in the middle of a step.
        episode_seconds: [s].
        rate_hz: Of the policy [Hz].
        mean_seconds: Time constant of the velocity that is rewarded [s]: a walking body sways within each step.
        noise: Standard deviation of the sensors: angular velocity [rad/s], gravity, joint position [rad], joint velocity [rad/s].
        push_seconds: Mean time between pushes [s].
        wrench: Largest force [N] and torque [N·m] on the torso of arms that move.
        gait: The reference gait.
        stages: Curriculum.
    """

    robot: str = "berkeley_humanoid_lite"
    group: str = "legs"
    action_scale: float = 0.25
    command_range: tuple[float, float, float] = (0.7, 0.35, 1.0)
    slew: tuple[float, float, float] = (0.8, 0.5, 2.0)
    settle: float = 0.64
    wake: float = 0.4
    tip: float = 0.45
    tip_robot: float = 0.3
    gain: tuple[float, float, float] = (1.2, 1.25, 1.1)
    command_seconds: tuple[float, float] = (3.0, 8.0)
    hasty: float = 0.3
    episode_seconds: float = 20.0
    rate_hz: float = 50.0
    mean_seconds: float = 0.3
    noise: tuple[float, float, float, float] = (0.1, 0.02, 0.01, 0.4)
    push_seconds: float = 4.0
    wrench: tuple[float, float] = (6.0, 3.5)
    gait: GaitConfig = field(default_factory=GaitConfig)
    stages: tuple[Stage, ...] = STAGES


class Task:
    """A TaskConfig resolved against the robot's figures.

    Attributes:
        config: The configuration.
        model: The robot's figures.
        joints: Names of the driven joints.
        drives: Their indices in robot order, shape (m,).
        legs: Indices, among the driven joints, of the legs'.
        ends: Ends of the joints' ranges minus default [rad], lower and upper, shape (2, m).
        least, most: Actions at the ends of the joints' ranges, shape (m,); no policy asks for more.
        ankles: Indices, among the driven joints, of the ankles' pitch.
        sideways: Indices, among the driven joints, of those that should stay near their default.
        stage: The stage in force.
    """

    def __init__(self, config: TaskConfig) -> None:
        self.config, self.model = config, load_model(config.robot)
        self.drives = torch.tensor(self.model.groups[config.group].nonzero()[0])
        self.joints = tuple(self.model.joints[i] for i in self.drives)
        self.legs = torch.tensor([i for i, name in enumerate(self.joints) if name.startswith("leg_")])
        self.ankles = torch.tensor([i for i, name in enumerate(self.joints) if "ankle_pitch" in name])
        self.sideways = torch.tensor(
            [i for i, name in enumerate(self.joints) if any(part in name for part in ("hip_roll", "hip_yaw", "arm_"))]
        )
        ends = np.stack((self.model.lower, self.model.upper)) - self.model.default
        self.ends = torch.tensor(ends[:, self.drives], dtype=torch.float32)
        self.least, self.most = self.ends / config.action_scale
        self.stage = config.stages[0]

    def to(self, device: str) -> Task:
        """Moves what the terms use to the engine's device."""
        self.legs, self.sideways, self.ankles = (part.to(device) for part in (self.legs, self.sideways, self.ankles))
        self.ends = self.ends.to(device)
        self.least, self.most = self.least.to(device), self.most.to(device)
        return self

    @property
    def settle(self) -> int:
        """Ticks in place before a robot stands, in this stage."""
        return round(self.config.settle * self.config.rate_hz) if self.stage.settle else 0

    @property
    def m(self) -> int:
        """Number of driven joints."""
        return len(self.joints)

    def enter(self, progress: float) -> None:
        """Puts the stage at `progress` (0 to 1) of the training in force."""
        self.stage = next((s for s in self.config.stages if progress < s.until), self.config.stages[-1])

    def draw_commands(self, n: int) -> torch.Tensor:
        """Commands for n robots: any direction, turning or not, slow or standing as the stage allows, shape (n, 3)."""
        limit = torch.tensor(self.config.command_range)
        command = (torch.rand(n, 3) * 2.0 - 1.0) * limit
        kind = torch.rand(n)
        straight = kind < self.stage.straight
        command[straight] *= one_axis(int(straight.sum()))
        slow = (command / limit).norm(dim=-1) < self.stage.least / limit[0]
        command[slow] *= self.stage.least / limit[0] / (command[slow] / limit).norm(dim=-1, keepdim=True).clamp(min=1e-3)
        command[torch.rand(n) < self.stage.standing] = 0.0
        return command.clamp(-limit, limit)

    def draw_orders(self, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Commands, shape (n, 3), and how long they hold [s], shape (n,)."""
        command, hasty = self.draw_commands(n), torch.rand(n) < self.config.hasty
        least, most = self.config.command_seconds
        command[hasty & (torch.rand(n) < 0.4)] = 0.0
        return command, torch.where(hasty, torch.rand(n), least + (most - least) * torch.rand(n))


def one_axis(n: int) -> torch.Tensor:
    """Masks that leave one of x, y, yaw, shape (n, 3)."""
    return torch.eye(3)[torch.randint(3, (n,))]


def rewards(task: Task, s: BatchState) -> dict[str, torch.Tensor]:
    """Weighed reward terms per second, each of shape (n,)."""
    stage = task.stage
    linear, yaw = stage.kernel
    smooth = stage.smooth
    return {
        "track_linear": 2.5 * stage.track * terms.track_linear(s, linear),
        "track_yaw": 1.5 * stage.track * terms.track_yaw(s, yaw),
        "miss_linear": -3.0 * stage.track * terms.miss_linear(s),
        "miss_yaw": -0.6 * stage.track * terms.miss_yaw(s),
        "alive": 1.0 * terms.alive(s),
        "swing_contact": -6.0 * terms.swing_contact(s),
        "stance_lift": -1.5 * terms.stance_lift(s),
        "clearance": 4.0 * terms.clearance(s),
        "tilt": -stage.tilt * terms.tilt(s),
        "wobble": -0.08 * terms.wobble(s),
        "bounce": -1.0 * terms.bounce(s),
        "sink": -stage.sink * terms.sink(s),
        "ends": -stage.ends * terms.ends(s, task.legs, *task.ends),
        "action_rate": -0.02 * smooth * terms.action_rate(s),
        "action_bend": -0.005 * smooth * terms.action_bend(s),
        "torque": -4e-4 * smooth * terms.torque(s),
        "power": -stage.effort * terms.power(s),
        "overreach": -stage.overreach * terms.overreach(s),
        "crossing": -stage.crossing * terms.crossing(s),
        "slip": -stage.slip * terms.slip(s),
        "stance_width": -15.0 * terms.stance_width(s),
        "sideways": -1.0 * terms.sideways_joints(s, task.sideways),
        "brace": -stage.brace * terms.brace(s, task.ankles),
        "fidget": -0.01 * smooth * terms.fidget(s),
        "posture": -1.5 * terms.posture(s),
    }
