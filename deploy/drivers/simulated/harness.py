"""A virtual harness: a soft spring-damper that holds the base up and upright until it is lowered and let go."""

from __future__ import annotations

import mujoco
import numpy as np

GRAVITY = 9.81
# Of a robot of LIKE kilograms; a heavier or lighter one gets as much in proportion.
ROPE = (3000.0, 450.0)  # stiffness [N/m] and damping [N·s/m] of the rope
GUIDE = (600.0, 200.0)  # the same, sideways
UPRIGHT = (120.0, 12.0)  # [N·m/rad], [N·m·s/rad] against tilting and turning; in proportion to mass times height²
LIKE, TALL = (12.0, 20.0), (0.5, 0.8)  # [kg], [m] of the base above the soles, from and to which these figures do
CLEARANCE = 0.04  # [m] of air under the feet of the default posture while hanging
TOES = 0.08  # [m] higher, where a torqueless robot is caught: its legs are straight and its toes hang down
SLACK = 0.03  # [m] the hook goes below standing height, so that the legs carry everything before the rope goes
LARGEST_TURN = 0.4  # [rad] of error that the guides answer to, so that a robot lying on the floor is turned up gently
LOWERED = 0.6  # share of a release after which the hook is down and the guides begin to fade


class Harness:
    """Holds the torso of a MuJoCo robot, at the centre of mass of its base, with an external force and torque.

    Attributes:
        supported: 1 while the robot hangs, falling to 0 during a release, 0 when it is free.
    """

    def __init__(self, model: mujoco.MjModel, base: int, standing: float) -> None:
        """`base`: id of its body. `standing`: height of its frame when the robot stands in its default posture [m]."""
        base = model.body(base)
        self._base = base.id
        self._arm = np.array(base.ipos)  # from the base frame to where the rope is tied [m], body frame
        mass = float(model.body_subtreemass[base.id])
        self._weight = GRAVITY * mass
        share = _in_proportion(mass, *LIKE)
        self._rope, self._guide = np.multiply(share, ROPE).tolist(), np.multiply(share, GUIDE).tolist()
        self._right = np.multiply(share * _in_proportion(standing + float(self._arm[2]), *TALL) ** 2, UPRIGHT).tolist()
        self._standing = standing
        self._hook = np.zeros(2)  # x, y of the hook [m]
        self._upright = np.array((1.0, 0.0, 0.0, 0.0))
        self._from = self._to = 0.0  # heights of the base between which the hook travels [m]
        self._start = self._length = 0.0
        self._releasing = False
        self._point, self._velocity, self._error, self._twist = (np.zeros(3) for _ in range(4))
        self._turn = np.zeros(4)
        self.supported = 0.0

    @property
    def hanging_height(self) -> float:
        """Height of the base frame when the robot hangs at rest [m]."""
        return self._standing + CLEARANCE

    def hang(self, data: mujoco.MjData, seconds: float) -> None:
        """Catches the torso where it is, and lifts it upright off the floor within `seconds`."""
        self._measure(data)
        w, x, y, z = data.qpos[3:7]
        yaw = np.arctan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))
        self._upright[:] = (np.cos(0.5 * yaw), 0.0, 0.0, np.sin(0.5 * yaw))
        self._hook[:] = self._point[:2]
        here = float(self._point[2] - self._arm[2])
        self._from, self._to = here, self.hanging_height + (TOES if seconds > 0.0 else 0.0)
        self._start, self._length = data.time, seconds
        self._releasing = False
        self.supported = 1.0

    def release(self, data: mujoco.MjData, seconds: float) -> None:
        """Lowers the robot onto its feet and lets it go within `seconds`; does nothing when it is free already."""
        if self.supported == 0.0 or self._releasing:
            return
        self._from, self._to = self._height(data.time), self._standing - SLACK
        self._start, self._length = data.time, seconds
        self._releasing = True

    def apply(self, data: mujoco.MjData) -> None:
        """Sets the external force and torque on the base for the next physics step."""
        if self.supported == 0.0:
            return
        if self._releasing:
            self.supported = max(0.0, 1.0 - (data.time - self._start) / self._length) if self._length > 0.0 else 0.0
        wrench = data.xfrc_applied[self._base]
        if self.supported == 0.0:
            wrench[:] = 0.0
            return
        self._measure(data)
        # The hook hangs higher than the torso by the stretch that carries the weight.
        stretch = self._height(data.time) + self._arm[2] + self._weight / self._rope[0] - self._point[2]
        wrench[2] = min(2.0 * self._weight, max(0.0, self._rope[0] * stretch - self._rope[1] * self._velocity[2]))
        wrench[:2] = self._guide[0] * (self._hook - self._point[:2]) - self._guide[1] * self._velocity[:2]
        size = float(np.sqrt(self._error @ self._error))
        gain = self._right[0] * min(1.0, LARGEST_TURN / size) if size > 0.0 else 0.0
        mujoco.mju_rotVecQuat(self._twist, gain * self._error - self._right[1] * data.qvel[3:6], data.qpos[3:7])
        wrench[3:] = self._twist
        if self._releasing:  # the guides fade once the hook is down
            wrench *= min(1.0, self.supported / (1.0 - LOWERED))

    def _height(self, time: float) -> float:
        length = self._length * (LOWERED if self._releasing else 1.0)
        progress = min(1.0, (time - self._start) / length) if length > 0.0 else 1.0
        return self._from + progress * (self._to - self._from)

    def _measure(self, data: mujoco.MjData) -> None:
        """Where the rope is tied, its velocity (both world frame), and the rotation vector to upright (body frame)."""
        quat = data.qpos[3:7]
        mujoco.mju_rotVecQuat(self._point, self._arm, quat)
        self._point += data.qpos[:3]
        mujoco.mju_rotVecQuat(self._velocity, np.cross(data.qvel[3:6], self._arm), quat)
        self._velocity += data.qvel[:3]
        mujoco.mju_negQuat(self._turn, quat)
        mujoco.mju_mulQuat(self._turn, self._turn.copy(), self._upright)
        mujoco.mju_quat2Vel(self._error, self._turn, 1.0)


def _in_proportion(value: float, low: float, high: float) -> float:
    """1 from `low` to `high`, below and above as far off as `value` is from the nearer of them."""
    return value / min(max(value, low), high)
