"""Limits of the safety layer: from the robot's description, tightened (never loosened) by the tree file."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from arbiter.errors import ConfigError
from arbiter.robot import RobotModel
from arbiter.types import frozen

UNITS = {
    "lower": "rad",
    "upper": "rad",
    "velocity": "rad/s",
    "acceleration": "rad/s²",
    "effort": "N·m",
    "kp": "N·m/rad",
    "kd": "N·m·s/rad",
    "torque_factor": "",
    "joint_age": "s",
    "joint_age_damp": "s",
    "imu_age": "s",
    "imu_age_damp": "s",
    "hold_limit": "s",
    "stop_limit": "s",
    "fall_tilt": "rad",
}


@dataclass(frozen=True, slots=True, eq=False)
class SafetyLimits:
    """What the safety layer lets through. Joint arrays are read-only, shape (n,), robot order.

    Attributes:
        joints: Joint names.
        groups: Joint masks by name.
        lower, upper: Range of the position target [rad].
        velocity: Largest speed of the position target [rad/s].
        acceleration: Largest acceleration of the position target [rad/s²].
        effort: Torque limit [N·m].
        kp, kd: Largest gains [N·m/rad], [N·m·s/rad].
        torque_factor: Implied torque kp (q* - q) - kd dq allowed, as a multiple of `effort`. The motors clamp torque by
            themselves, so what this bounds is how far a target may run away from its joint.
        joint_age, imu_age: Age of a reading beyond which the last good command stands in [s].
        joint_age_damp, imu_age_damp: Age beyond which a leg or the IMU counts as lost [s].
        hold_limit: Longest HOLD [s].
        stop_limit: Longest time in SETTLE that a walking policy is given to bring its walk to rest [s].
        fall_tilt: Tilt of the base beyond which the robot counts as fallen [rad].
    """

    joints: tuple[str, ...]
    groups: Mapping[str, np.ndarray]
    lower: np.ndarray
    upper: np.ndarray
    velocity: np.ndarray
    acceleration: np.ndarray
    effort: np.ndarray
    kp: np.ndarray
    kd: np.ndarray
    torque_factor: float = 2.0
    joint_age: float = 0.06
    joint_age_damp: float = 0.2
    imu_age: float = 0.06
    imu_age_damp: float = 0.2
    hold_limit: float = 0.5
    stop_limit: float = 5.0
    fall_tilt: float = 0.9

    def __post_init__(self) -> None:
        for name in ("velocity", "acceleration", "effort", "kp", "kd"):
            self._require(name, getattr(self, name) > 0.0, "more than 0")
        self._require("lower", self.lower <= self.upper, "at most upper")
        for name in ("lower", "upper"):
            self._require(name, np.isfinite(getattr(self, name)), "finite")
        for name, unit in UNITS.items():
            value = getattr(self, name)
            if np.ndim(value) == 0 and not 0.0 < value < np.inf:
                raise ConfigError(f"safety limit {name}: {value} {unit} is not allowed; a finite number above 0 is")

    def _require(self, name: str, ok: np.ndarray, allowed: str) -> None:
        if not np.all(ok):
            i = int(np.argmin(ok))
            value = getattr(self, name)[i]
            raise ConfigError(f"safety limit {name} of {self.joints[i]}: {value:g} {UNITS[name]} is not allowed; {allowed} is")

    @classmethod
    def from_model(cls, model: RobotModel) -> SafetyLimits:
        """The robot's own limits."""
        return cls(
            joints=model.joints,
            groups=model.groups,
            lower=model.lower,
            upper=model.upper,
            velocity=model.velocity,
            acceleration=model.acceleration,
            effort=model.effort,
            kp=model.kp_max,
            kd=model.kd_max,
            fall_tilt=model.fall_tilt,
        )

    def tightened(self, **overrides: float | Mapping[str, float]) -> SafetyLimits:
        """A copy with tighter limits.

        A number caps every joint ("nothing faster than this"); a mapping names joints or groups. Raises ConfigError
        naming the limit, the value and what is allowed when a value would loosen anything or tighten nothing.
        """
        changes = {}
        for name, value in overrides.items():
            if name not in UNITS:
                near = difflib.get_close_matches(str(name), UNITS, 1)
                hint = f"did you mean {near[0]!r}?" if near else f"allowed: {', '.join(UNITS)}"
                raise ConfigError(f"safety limit {name!r} is not known; {hint}")
            if np.ndim(getattr(self, name)) == 0:
                changes[name] = self._tighter(name, "", getattr(self, name), value)
            else:
                changes[name] = self._tighter_joints(name, value)
        return replace(self, **changes)

    def _tighter_joints(self, name: str, value: float | Mapping[str, float]) -> np.ndarray:
        array = getattr(self, name).copy()
        narrow = np.maximum if name == "lower" else np.minimum
        if isinstance(value, Mapping):
            for key, bound in value.items():
                mask = self._mask(name, key)
                now = array[mask]
                self._tighter(name, key, float(now.min() if name == "lower" else now.max()), bound)
                array[mask] = narrow(now, bound)
        else:
            self._tighter(name, "", float(array.min() if name == "lower" else array.max()), value)
            array = narrow(array, value)
        return frozen(array)

    def _mask(self, name: str, key: str) -> np.ndarray:
        if key in self.groups and self.groups[key].any():
            return self.groups[key]
        if key in self.joints:
            return np.array([joint == key for joint in self.joints])
        known = (*(group for group, mask in self.groups.items() if mask.any()), *self.joints)
        near = (*difflib.get_close_matches(str(key), known, 1), known[0])[0]
        raise ConfigError(f"safety limit {name}: no joint or group {key!r}; did you mean {near!r}?")

    def _tighter(self, name: str, key: str, allowed: float, value: object) -> float:
        where, unit = f"{name} of {key}" if key else name, UNITS[name]
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not np.isfinite(value):
            raise ConfigError(f"safety limit {where}: {value!r} is not a finite number")
        if value < allowed if name == "lower" else value > allowed:
            word = "at least" if name == "lower" else "at most"
            raise ConfigError(
                f"safety limit {where}: {value:g} {unit} is looser than the robot's; {word} {allowed:g} "
                f"is allowed: a tree file may only tighten"
            )
        return float(value)
