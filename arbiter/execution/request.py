"""What a skill may ask of its policy: every field of a Request is checked before anything moves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

import numpy as np

from arbiter.errors import SkillError
from arbiter.robot import RobotModel
from arbiter.types import Request

ROUNDING = 1e-6  # [rad], [m/s], [rad/s] by which a value may be beyond its limit
AXES = (("x", "m/s"), ("y", "m/s"), ("yaw", "rad/s"))
TAKEN = {"height": "m", "heading": "rad"}  # fields that only some policies take


def check_form(request: object, joints: int) -> Request:
    """The request, if types, shapes and numbers are in order. Raises SkillError that names the field.

    Args:
        joints: Number of joints of the robot.
    """
    if not isinstance(request, Request):
        raise SkillError(f"request() returned {type(request).__name__}; an arbiter.types.Request is expected")
    if not _numbers(request.velocity, 3):
        raise SkillError(f"request().velocity is {request.velocity!r}; three finite numbers (x, y, yaw) are expected")
    if not isinstance(request.prompt, str):
        raise SkillError(f"request().prompt is {request.prompt!r}; a text is expected")
    elapsed = request.elapsed
    if not _finite(elapsed) or elapsed < 0.0:
        raise SkillError(f"request().elapsed is {elapsed!r}; a number of seconds is expected, progress.elapsed for example")
    if request.posture is not None and not _numbers(request.posture, joints):
        raise SkillError(
            f"request().posture is {_shown(request.posture)}; {joints} finite joint positions [rad] or None are expected"
        )
    if not isinstance(request.start, bool):
        raise SkillError(f"request().start is {request.start!r}; True or False is expected")
    for name, unit in TAKEN.items():
        value = getattr(request, name)
        if value is not None and not _finite(value):
            raise SkillError(f"request().{name} is {value!r}; a finite number [{unit}] or None is expected")
    return request


def _finite(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float | np.floating) and not isinstance(value, bool) and math.isfinite(value)


def _numbers(value: object, count: int) -> bool:
    return (
        isinstance(value, np.ndarray)
        and value.shape == (count,)
        and value.dtype.kind in "fiu"
        and all(map(math.isfinite, value.tolist()))
    )


def _shown(value: object) -> str:
    if not isinstance(value, np.ndarray):
        return f"a {type(value).__name__}"
    if value.dtype.kind == "f" and (bad := np.flatnonzero(~np.isfinite(value))).size and value.ndim == 1:
        return f"{value[bad[0]]} for joint {bad[0]}"
    return f"an array of {value.dtype} and shape {value.shape}"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What robot and policy allow.

    Attributes:
        model: The robot.
        policy: Name of the policy that is asked.
        commands: Largest |x|, |y| [m/s] and |yaw| [rad/s] that the policy was made for; None: it does not say.
        takes: Lowest and highest height [m] and heading [rad], of those that the policy takes.
    """

    model: RobotModel
    policy: str
    commands: Sequence[float] | None = None
    takes: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def beyond(self, request: Request) -> str:
        """Which field asks for more, "" if none does."""
        if self.commands is not None:
            for asked, most, (axis, unit) in zip(request.velocity.tolist(), self.commands, AXES, strict=True):
                if abs(asked) > most + ROUNDING:
                    return (
                        f"request().velocity asks for {asked:.3g} {unit} in {axis}; policy {self.policy} was made for at "
                        f"most {most:g}"
                    )
        for name, unit in TAKEN.items():
            value = getattr(request, name)
            if value is not None and name not in self.takes:
                return f"request().{name} asks for {value:.3g} {unit}; policy {self.policy} takes no {name}"
            low, high = self.takes.get(name, (-math.inf, math.inf))
            if value is not None and not low - ROUNDING <= value <= high + ROUNDING:
                return (
                    f"request().{name} asks for {value:.3g} {unit}; policy {self.policy} was made for {low:g} to {high:g} {unit}"
                )
        if request.posture is not None:
            low, high = self.model.lower - ROUNDING, self.model.upper + ROUNDING
            outside = (request.posture < low) | (request.posture > high)
            if outside.any():
                i = int(np.argmax(outside))
                return (
                    f"request().posture asks {self.model.joints[i]} for {request.posture[i]:.3g} rad; its range is "
                    f"{self.model.lower[i]:g} to {self.model.upper[i]:g}"
                )
        return ""
