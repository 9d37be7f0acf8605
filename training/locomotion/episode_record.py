"""Time series of one evaluated episode, and figures of it."""

from __future__ import annotations

import numpy as np

from arbiter.robot import RobotModel
from training.locomotion.base_motion import TORSO

AT_END = 1e-3  # [rad] from a joint's end, or beyond it: a target there is at the end
LOADED = 5.0  # [N] vertical load above which a foot counts as in contact
GRAVITY = 9.81


class EpisodeRecord:
    """One episode: a row per tick.

    Attributes:
        world: Its conditions.
        dt: Length of a tick [s].
        mass: Of the robot [kg].
        fell: When the robot fell [s]; None: it did not.
        velocity: x, y [m/s] and yaw [rad/s] in the heading frame, rows of 3.
        commands: What was asked for, rows of 3.
        power: Mechanical power of all motors, each counted as spent [W].
        jerk: Root mean square change of the targets of the driven legs [rad per tick].
        slip: Mean speed of feet that carry load [m/s]; nan when none does.
        air: Feet without load.
        at_ends: Whether the targets of the knees and of the ankles lie at the joints' ends or beyond them, rows of one value per
            joint.
        poses: Positions of base and joints, if they are kept.
    """

    def __init__(self, world, dt: float, mass: float, keep_poses: bool = False) -> None:
        self.world, self.dt, self.mass = world, dt, mass
        self.fell: float | None = None
        self.velocity: list[np.ndarray] = []
        self.commands: list[np.ndarray] = []
        self.power: list[float] = []
        self.jerk: list[float] = []
        self.slip: list[float] = []
        self.air: list[int] = []
        self.at_ends: dict[str, list[np.ndarray]] = {"knee": [], "ankle": []}
        self.poses: list[np.ndarray] = []
        self._keep_poses, self._last_change = keep_poses, np.zeros(0)

    def add(
        self, now: float, states: np.ndarray, sensors: np.ndarray, target: np.ndarray, before: np.ndarray, model: RobotModel
    ) -> None:
        """Takes the physics steps of one tick: states (steps, size), sensors (steps, size), targets of this and the last tick."""
        n = model.n
        row = states[-1]
        w, x, y, z = row[4:8]
        if not np.isfinite(row).all() or 1 - 2 * (x * x + y * y) < np.cos(model.fall_tilt):
            self.fell = now
            return
        yaw = np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
        axis = np.array((2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)))
        body_x = np.array((1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)))
        body = np.stack((body_x, np.cross(axis, body_x), axis), -1)
        spin = body @ row[11 + n : 14 + n]
        linear = row[8 + n : 11 + n] + TORSO * np.cross(spin, axis)
        self.velocity.append(
            np.array(
                (np.cos(yaw) * linear[0] + np.sin(yaw) * linear[1], np.cos(yaw) * linear[1] - np.sin(yaw) * linear[0], spin[2])
            )
        )
        self.commands.append(self.world.command(now))
        if self._keep_poses:
            self.poses.append(row[1 : 8 + n].copy())
        force = sensors[:, -n:]
        self.power.append(float(np.abs(force * states[:, 14 + n : 14 + 2 * n]).sum(-1).mean()))
        legs = model.groups["legs"]
        for name, joints in end_joints(model).items():
            self.at_ends[name].append(beyond(target, model)[joints])
        change = (target - before)[legs]
        if self._last_change.size:
            self.jerk.append(float(np.sqrt(np.mean((change - self._last_change) ** 2))))
        self._last_change = change
        load, speed = sensors[-1, self.touch], np.linalg.norm(sensors[-1, self.motion].reshape(2, 3)[:, :2], axis=-1)
        self.slip.append(float(speed[load > LOADED].mean()) if (load > LOADED).any() else float("nan"))
        self.air.append(int((load <= LOADED).sum()))

    # Places in the sensor vector of the model: quaternion 4, gyro 3, accelerometer 3, touch 2, then the feet's velocities.
    touch = slice(10, 12)
    motion = slice(12, 18)

    def window(self, start: float, end: float = np.inf) -> tuple[np.ndarray, np.ndarray]:
        """Velocities and commands between two times [s], shapes (k, 3)."""
        first, last = round(start / self.dt), min(len(self.velocity), int(min(end, 1e6) / self.dt))
        return np.array(self.velocity[first:last]).reshape(-1, 3), np.array(self.commands[first:last]).reshape(-1, 3)

    def mean_velocity(self, start: float) -> np.ndarray:
        """Average velocity from `start` [s] on, shape (3,); nan after a fall."""
        if self.fell is not None:
            return np.full(3, np.nan)
        return self.window(start)[0].mean(0)

    def transport_cost(self, start: float) -> float:
        """Energy per weight and distance over the floor, from `start` [s] on."""
        velocity, _ = self.window(start)
        distance = np.linalg.norm(velocity[:, :2], axis=-1).sum() * self.dt if len(velocity) else 0.0
        mean = np.linalg.norm(velocity[:, :2].mean(0)) * len(velocity) * self.dt if len(velocity) else distance
        energy = sum(self.power[round(start / self.dt) :]) * self.dt
        return float(energy / (self.mass * GRAVITY * mean)) if mean > 1e-3 else float("nan")


def end_joints(model: RobotModel) -> dict[str, np.ndarray]:
    """Indices of the knees, and of the pitch and roll of the ankles."""
    if model.body is None:
        return {}
    return {"knee": model.body.knees, "ankle": np.concatenate([foot.joints[-2:] for foot in model.body.feet])}


def beyond(target: np.ndarray, model: RobotModel) -> np.ndarray:
    """Whether a joint's target [rad] lies at an end of its range or beyond it, shape (n,)."""
    return (target < model.lower + AT_END) | (target > model.upper - AT_END)
