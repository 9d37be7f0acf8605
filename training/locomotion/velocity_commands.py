"""Velocity commands and gait clocks of many robots, for both engines: the same clock as on the robot, on torch tensors."""

from __future__ import annotations

import torch

from policies.locomotion.gait_clock import ClockState, GaitClock, advance, followed, hold_stance, idles, moves, slewed
from training.locomotion.state import BatchState
from training.locomotion.task import Task

TENSORS = ("target", "time_left", "in_place", "standing")


class Commands:
    """Commands and clocks of n robots; `BatchState.command` and `BatchState.phase` are what the policy sees of them.

    Attributes:
        target: Velocity that was commanded, x, y [m/s] and yaw [rad/s], shape (n, 3).
        time_left: Until the next command [s], shape (n,).
        in_place: Steps of the policy in place that are left before a robot at zero command stands, shape (n,).
        standing: Steps of the policy for which it has stood, shape (n,).
    """

    def __init__(self, n: int, device: str = "cpu") -> None:
        self.target = torch.zeros(n, 3, device=device)
        self.time_left, self.in_place, self.standing = (torch.zeros(n, device=device) for _ in range(3))

    def sample(self, task: Task, ids: torch.Tensor) -> None:
        """New commands for robots `ids`."""
        target, seconds = task.sample_commands(len(ids))
        self.target[ids], self.time_left[ids] = target.to(self.target.device), seconds.to(self.target.device)

    def reset(self, task: Task, s: BatchState, ids: torch.Tensor) -> None:
        """Clocks of robots `ids` that stand and have no command yet."""
        start = task.clock.start()
        s.command[ids] = 0.0
        s.phase[ids], self.in_place[ids], self.standing[ids] = start.phase, start.in_place, start.standing

    def advance(self, task: Task, s: BatchState) -> None:
        """The policy acted: the clocks advance by a tick."""
        self._take(s, advance(torch, task.clock, self._state(s), moves(s.command.unbind(-1))))

    def follow(self, task: Task, s: BatchState) -> None:
        """A tick has passed: new commands where they are due, and the command that the policy sees next."""
        clock = task.clock
        self.time_left -= 1.0 / task.config.rate_hz
        self.sample(task, (self.time_left <= 0.0).nonzero().squeeze(-1))
        self._follow(task, clock, s)

    def _follow(self, task: Task, clock: GaitClock, s: BatchState) -> None:
        target, roll_rate, pitch_rate = self.target.unbind(-1), s.ang_vel[:, 0], s.ang_vel[:, 1]
        command = slewed(torch, s.command.unbind(-1), target, task.max_command_step)
        idle = idles(torch, command, target)
        never = torch.zeros_like(idle)  # in training a robot that loses its stance falls, and learns it
        self._take(s, hold_stance(torch, clock, self._state(s), idle, roll_rate, pitch_rate, never, never))
        s.command = torch.stack(followed(torch, clock, self._state(s), command, idle), -1)

    def _state(self, s: BatchState) -> ClockState:
        return ClockState(s.phase, self.in_place, self.standing)

    def _take(self, s: BatchState, state: ClockState) -> None:
        s.phase, self.in_place, self.standing = state.phase, state.in_place, state.standing
