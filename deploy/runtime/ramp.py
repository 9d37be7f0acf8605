"""Monitors the motion from the harness to the start posture: a joint with a high torque has met an obstacle."""

from __future__ import annotations

import numpy as np

from arbiter.tick import Arbiter, TickReport
from arbiter.types import Mode

SHARE = 0.6  # of a joint's torque limit: its own weight in the air asks for a fifth
PATIENCE = 0.2  # [s] that it may be exceeded
FADE = 0.8  # of that time, per tick in which it is not
ARRIVED = 0.15  # [rad] off the start posture, each joint
SETTLED = 0.3  # [s] in the start posture until the watch ends


class RampWatch:
    """Called after each tick. Trips to damping, which is safe because the robot hangs.

    Args:
        arbiter: Its robot model and safety layer.

    Attributes:
        watching: From arming until the start posture has been reached.
    """

    def __init__(self, arbiter: Arbiter) -> None:
        model = arbiter.model
        self._arbiter, self._most = arbiter, SHARE * model.effort
        self.watching = False
        self._armed = False
        self._over, self._there = np.zeros(model.n), 0.0

    def __call__(self, report: TickReport) -> None:
        armed = report.verdict.mode in (Mode.RUN, Mode.HOLD)
        if armed and not self._armed:
            self.watching, self._there = True, 0.0
            self._over[:] = 0.0
        self._armed = armed
        if self.watching and armed:
            self._look(report)

    def _look(self, report: TickReport) -> None:
        model, state, command = self._arbiter.model, report.state, report.command
        torque = command.kp * (command.q - state.joint_pos) - command.kd * state.joint_vel
        side, torque = np.sign(torque), np.minimum(np.abs(torque), model.effort)
        # A blocked joint's torque keeps its sign; the torques of legs that sway in the air average out.
        self._over = np.where(torque > self._most, self._over + side * model.dt, self._over * FADE)
        arrived = np.abs(state.joint_pos - model.default).max() < ARRIVED
        self._there = self._there + model.dt if arrived else 0.0
        if np.abs(self._over).max() > PATIENCE:
            self.watching = False
            # Names the blocked joint, not a neighbour that pushes because of it.
            i = int(np.argmax(np.where(torque > self._most, np.abs(state.joint_pos - model.default), -1.0)))
            self._arbiter.safety.trip(
                f"start ramp: {model.joints[i]} pushes with {torque[i]:.1f} N·m, at most {self._most[i]:.1f} are right in the "
                f"harness; it stands at {state.joint_pos[i]:.2f} rad on its way to {model.default[i]:.2f}. Free it or calibrate "
                "it, then reset and arm",
                Mode.DAMP,
            )
        elif self._there > SETTLED or not self._arbiter.life.hangs:
            self.watching = False
