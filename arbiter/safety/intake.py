"""What is taken from a policy: a target of the right shape, finite, with sane gains. NaN is refused, never clamped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeGuard

import numpy as np

from arbiter.robot import RobotModel
from arbiter.safety.limits import SafetyLimits
from arbiter.types import JointTarget

FLOAT = np.dtype(np.float64)
NOTHING: Mapping[str, str] = MappingProxyType({})
ABSURD = np.pi  # [rad] of a leg beyond its range: no posture, and no torque by other means; arms may ask, they are clamped


def bounds(model: RobotModel) -> tuple[np.ndarray, np.ndarray]:
    """Least and largest q, kp, kd that are taken from a policy at all, shape (3, n) each; what is beyond is refused like NaN."""
    legs = model.groups.get("legs", np.ones(model.n, bool))
    least, most = np.zeros((3, model.n)), np.full((3, model.n), np.finfo(float).max)
    least[0], most[0] = np.where(legs, model.lower - ABSURD, -most[0]), np.where(legs, model.upper + ABSURD, most[0])
    return least, most


def is_array(value: object, shape: tuple[int, ...]) -> TypeGuard[np.ndarray]:
    """Whether `value` is a plain array of real numbers of this shape, safe to copy into float64."""
    if type(value) is not np.ndarray or value.shape != shape:
        return False
    dtype = value.dtype
    return dtype is FLOAT or dtype.char in "efd" or dtype.kind in "iu"


def is_number(value: Any) -> TypeGuard[float]:
    """Whether `value` is a plain finite number (of moderate size: times and ages)."""
    return type(value) in (float, int, np.float64) and -1e12 < value < 1e12


def describe(value: object, shape: tuple[int, ...]) -> str:
    """Why `value` is no array of `shape`."""
    if type(value) is not np.ndarray:
        return f"is {type(value).__name__}; an array of shape {shape} is expected"
    if value.shape != shape:
        return f"has shape {value.shape}; {shape} is expected"
    return f"holds {value.dtype}; real numbers are expected"


@dataclass(frozen=True, slots=True, eq=False)
class TargetRange:
    """What a target may hold.

    Attributes:
        low, high: To these q, kp, kd are clamped, shape (3, n). least, most: Beyond these q is refused [rad], shape (n,).
    """

    low: np.ndarray
    high: np.ndarray
    least: np.ndarray
    most: np.ndarray


class Intake:
    """Copies a target into `block` and tells what of it may be used.

    Attributes:
        block: q, kp, kd [rad, N·m/rad, N·m·s/rad], shape (3, n); rubbish where `refused`.
        q, gains: Its rows, the gains as (kp, kd).
        asked: The same before it was clamped.
        refused: Joints whose owner sent something unusable, bool, shape (n,). One bad value refuses every joint of its
            owner.
        problem: (check, why), "" if nothing is refused.
        bad: Joints with a value that is not finite, or absurd, bool, shape (n,).
        clamped: Rows of `block` were outside the range or the allowed gains.
        owners: Policy name of each joint; "?" where the caller gave none.
    """

    def __init__(self, model: RobotModel, limits: SafetyLimits) -> None:
        n = model.n
        self._shape = (n,)
        zero = np.zeros(n)
        least, most = bounds(model)
        low, high = np.stack((limits.lower, zero, zero)), np.stack((limits.upper, limits.kp, limits.kd))
        self._allowed, self._ok = TargetRange(low, high, least[0], most[0]), np.zeros((2, 3, n), bool)
        self._unknown = ("?",) * n
        self.block = np.zeros((3, n))
        self.q, *gains = self._rows = tuple(self.block)
        self.gains = gains[0], gains[1]
        self.asked = np.zeros((3, n))
        self.refused, self.bad = np.zeros(n, bool), np.zeros(n, bool)
        self.problem = ("", "")
        self.clamped = False
        self.owners: Sequence[str] = self._unknown

    def take(self, target: object, owners: Any, told: Mapping[str, str] = NOTHING) -> None:
        """Reads a target, whatever it is. `told`: what policies asked for where nan stands now, by name."""
        self.problem, self.clamped = ("", ""), False
        self.owners = owners if type(owners) in (list, tuple) and len(owners) == self._shape[0] else self._unknown
        why = self._copy(target)
        if why:
            self.refused[:], self.bad[:], self.problem = True, False, ("shape", why)
            return
        np.greater_equal(self.block, self._allowed.low, self._ok[0])
        np.less_equal(self.block, self._allowed.high, self._ok[1])
        self.refused.fill(False)
        if np.count_nonzero(self._ok) != self._ok.size:  # nan is neither above nor below
            self._sift(told)

    def owner(self, i: int) -> str:
        """Policy that is charged with joint `i`."""
        name = self.owners[i]
        return name if type(name) is str else "?"

    def names(self) -> list[str]:
        """Policy that is charged with each joint."""
        return [self.owner(i) for i in range(len(self.owners))]

    def _copy(self, target: object) -> str:
        """Copies q, kp, kd; returns what is wrong with them."""
        if type(target) is not JointTarget:
            return f"the target is {type(target).__name__}; a JointTarget is expected"
        for row, name in zip(self._rows, ("q", "kp", "kd"), strict=True):
            value = getattr(target, name, None)
            if not is_array(value, self._shape):
                return f"{name} {describe(value, self._shape)}"
            row[:] = value
        joints = getattr(target, "joints", None)
        if (
            type(joints) is not np.ndarray
            or joints.dtype != bool
            or joints.shape != self._shape
            or np.count_nonzero(joints) != joints.size
        ):
            return "joints is not a mask that is true for every joint; the layer takes full-body targets only"
        return ""

    def _sift(self, told: Mapping[str, str]) -> None:
        """Something is out of bounds: refuses what is not finite or absurd, clamps the rest."""
        block, allowed = self.block, self._allowed
        finite = np.isfinite(block).all(axis=0)
        possible = (block[0] >= allowed.least) & (block[0] <= allowed.most)
        np.logical_not(finite & possible, out=self.bad)
        if self.bad.any():
            culprits = {self.owner(i) for i in np.flatnonzero(self.bad)}
            self.refused[:] = [name in culprits for name in self.names()]
            check = "position" if finite.all() else "finite"
            what = "asked for " + ("a leg far beyond its range" if finite.all() else "what is not a finite number")
            self.problem = (check, " and ".join(f"{name} {told.get(name, what)}" for name in sorted(culprits)))
            block[:, self.refused] = allowed.low[:, self.refused]
        self.asked[:] = block
        np.clip(block, allowed.low, allowed.high, out=block)
        self.clamped = True
