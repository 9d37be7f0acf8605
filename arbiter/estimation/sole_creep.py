"""How a loaded sole creeps over a soft floor: with J̇ q̇, the acceleration that the robot's velocities alone give it.

A contact that is damped against velocity, but does not foresee that acceleration, lets the sole move at the product of it and a
time constant, the inverse of the damping. The sum over the links is that of recursive dynamics: each joint turns the links beyond
it, and is itself turned by all before it.
"""

from __future__ import annotations

import numpy as np

from arbiter.body import Body
from arbiter.estimation.leg_posture import LegPosture
from arbiter.estimation.rotation import Rows, Vector, cross, turn

EVERY = 3  # ticks between two looks: trunk and legs turn slowly enough, and walks end as well as with every tick
STILL = (0.0, 0.0)


def _cross_table() -> np.ndarray:
    """Which product of two motions (v, w) and (v', w') goes where, with its sign, in (w x v' + v x w', w x w'), shape (36, 6)."""
    table = np.zeros((6, 6, 6))
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        for left, right, to in ((3, 0, 0), (0, 3, 0), (3, 3, 3)):
            table[left + j, right + k, to + i] += 1.0
            table[left + k, right + j, to + i] -= 1.0
    return table.reshape(36, 6)


CROSS = _cross_table()


class SoleCreep:
    """The creep of the soles of all feet.

    Attributes:
        speeds: Horizontal velocity of each sole, were it loaded [m/s], odometry frame.
    """

    def __init__(self, body: Body, joints: np.ndarray, creep: float) -> None:
        """`joints`: as of `Legs`. `creep`: time constant [s]; a loaded sole moves at it times J̇ q̇; 0: it does not creep."""
        self._creep, self._joints, self._origin = creep, np.ascontiguousarray(joints.T), tuple((-body.imu).tolist())
        points = len(body.feet[0].points)
        self._mean = np.full(points, 1.0 / points)
        self.speeds, self._tick = [STILL] * len(body.feet), 0

    def look(self, legs: LegPosture, joint_vel: np.ndarray, turning: Vector, turned: Rows) -> None:
        """A moment: `joint_vel` [rad/s], shape (n,); angular velocity of the base [rad/s], body frame; `turned`: rotation from
        body to odometry frame."""
        self._tick = (self._tick + 1) % EVERY
        if not self._creep or self._tick != 1:
            return
        w = turn(turned, turning)
        added = legs.twists * joint_vel.take(self._joints)[..., None]
        moving = np.add.accumulate(added)
        moving += np.array((*cross(turn(turned, self._origin), w), *w))
        gained = (moving.transpose(1, 2, 0) @ added.swapaxes(0, 1)).reshape(-1, 36).dot(CROSS)
        middles = (self._mean @ legs.soles).tolist()
        self.speeds = [
            (self._creep * (a + e * z - f * y), self._creep * (b + f * x - d * z))  # of a point that itself stands still
            for (a, b, _, d, e, f), (x, y, z) in zip(gained.tolist(), middles, strict=True)
        ]
