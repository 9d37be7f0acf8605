"""A whole run in lockstep simulation, with the truth of every tick kept for the tests to judge."""

from __future__ import annotations

import numpy as np

from deploy.drivers.simulated.simulated_robot import Scene
from deploy.runtime.assemble import assemble
from deploy.runtime.config import load_tree
from deploy.runtime.session import Session


class SimRun:
    """The default tree in simulation, from the harness until it stands free and ready.

    Attributes:
        truth: The simulation's truth after each tick.
        commands: What was sent, shape (ticks, n) when stacked.
        reports: The arbiter's report of each tick.
    """

    def __init__(
        self, seed: int = 0, scene: Scene | None = None, tree: str = "default.yaml", settings=(), robot: str = "simulated"
    ) -> None:
        self.assembly = assemble(load_tree(tree, list(settings)), robot=robot, fast=True, seed=seed, scene=scene)
        self.robot, self.arbiter = self.assembly.robot, self.assembly.arbiter
        self.model = self.robot.model
        self.truth, self.commands, self.reports = [], [], []
        observers = [*self.assembly.observers, self._keep]
        self.session = Session(self.robot, self.arbiter, self.assembly.clock, [], observers)
        self.session.start()
        self.until(lambda: self.arbiter.world.ready, 15.0)
        self.wait(1.0)

    def _keep(self, report) -> None:
        self.truth.append(self.robot.truth)
        self.commands.append(report.command.q)
        self.reports.append(report)

    def __enter__(self) -> SimRun:
        return self

    def __exit__(self, *error) -> None:
        self.assembly.close()

    @property
    def now(self) -> float:
        return self.session.clock.now

    def wait(self, seconds: float) -> SimRun:
        """Lets time pass."""
        end = self.now + seconds - 1e-9
        while self.now < end:
            self.session.step()
        return self

    def until(self, done, limit: float) -> bool:
        """Lets time pass until `done()`; False if it took longer than `limit` [s]."""
        end = self.now + limit
        while not done():
            if self.now >= end:
                return False
            self.session.step()
        return True

    def say(self, text: str, limit: float = 40.0, how: str = "") -> object:
        """Says it and waits until it is finished, one way or another. Returns the instruction."""
        count = self.arbiter.executor.log.total
        self.arbiter.inbox.say(text, how)
        self.until(lambda: self.arbiter.executor.log.total > count, 1.0)
        item = self.arbiter.executor.log[-1]
        assert self.until(lambda: item.finished is not None, limit), f"{text!r} did not finish within {limit} s"
        return item

    def mark(self) -> int:
        """Index of the present tick."""
        return len(self.truth)

    def path(self, since: int = 0) -> np.ndarray:
        """Displacement since tick `since`: x, y [m] in the base's heading then, and yaw [rad] unwrapped, shape (3,)."""
        poses = np.array([[*t.base_pos[:2], heading(t.base_quat)] for t in self.truth[since:]])
        yaw = np.unwrap(poses[:, 2])
        c, s = np.cos(yaw[0]), np.sin(yaw[0])
        dx, dy = poses[-1, :2] - poses[0, :2]
        return np.array((c * dx + s * dy, -s * dx + c * dy, yaw[-1] - yaw[0]))

    @property
    def falls(self) -> int:
        """How often the base tilted beyond the fall angle, in truth."""
        tilted = [2.0 * np.arccos(min(1.0, np.hypot(t.base_quat[0], t.base_quat[3]))) > self.model.fall_tilt for t in self.truth]
        return int(np.sum(np.diff(np.array([False, *tilted], dtype=int)) > 0))

    def broken_limits(self, since: int = 0, until: int | None = None) -> list[str]:
        """Limits that were broken: by the commands, and by the joints in truth; from tick `since` to before `until`."""
        model, dt, ticks = self.model, self.model.dt, slice(since, until)
        q = np.array(self.commands[ticks])
        if len(q) < 3:
            return []
        armed = np.array([report.command.kp.any() for report in self.reports[ticks]])
        dq, ddq = np.diff(q, axis=0) / dt, np.diff(q, n=2, axis=0) / dt**2
        run1, run2 = armed[1:] & armed[:-1], armed[2:] & armed[1:-1] & armed[:-2]
        checks = {
            "range of a command": ((q < model.lower - 1e-9) | (q > model.upper + 1e-9))[armed],
            "velocity of a command": (np.abs(dq) > model.velocity + 1e-6)[run1],
            "acceleration of a command": (np.abs(ddq) > model.acceleration * (1 + 1e-6))[run2],
            "finiteness of a command": ~np.isfinite(q),
            "torque": np.array([np.abs(t.joint_torque) > model.effort + 1e-6 for t in self.truth[ticks]]),
            # A joint's stop is soft in MuJoCo: under load it gives a little.
            "range of a joint": np.array(
                [(t.joint_pos < model.lower - 0.1) | (t.joint_pos > model.upper + 0.1) for t in self.truth[ticks]]
            ),
        }
        return [f"{name}: {model.joints[int(np.argwhere(bad)[0][1])]}" for name, bad in checks.items() if bad.any()]


def heading(quat: np.ndarray) -> float:
    """Yaw [rad] of an orientation (w, x, y, z)."""
    w, x, y, z = quat
    return float(np.arctan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z)))
