"""The terms of an observation vector: what each measures, its keys, and what is wrong with them.

A value of a term is (x - offset), then clipped, then times scale: the order of Isaac Lab. A name that other projects use is
answered with the one it has here, or with why no robot gives it: never with a term of another meaning.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

MAX_HISTORY = 100
XYZ = ("x", "y", "z")
Clip = float | tuple[float, float]  # plus or minus a number, or from low to high

TERMS: Mapping[str, str] = MappingProxyType(
    {
        "velocity_command": "x, y [m/s], yaw [rad/s] that the base is to move with, body frame",
        "height_command": "height of the base above the floor that is asked for [m]",
        "heading_command": "angle that the base is still to turn by [rad], to the left",
        "walk_command": "1 while a velocity is asked for, 0 where the robot is to stand",
        "base_ang_vel": "angular velocity [rad/s], body frame",
        "base_lin_vel": "velocity of the base [m/s], body frame, as estimated: bring-a-policy.md has its accuracy",
        "base_euler": "roll, pitch, yaw [rad] of the base, yaw as the IMU has it",
        "projected_gravity": "unit vector of gravity, body frame: (0, 0, -1) when upright",
        "joint_pos": "position [rad]",
        "joint_pos_rel": "position minus default_pos [rad]; of a joint that the policy does not drive: minus the robot's default",
        "joint_vel": "velocity [rad/s]",
        "previous_action": "the network's last output, see previous_action of the card",
        "phase": "sine and cosine of a clock, of each leg where it has several",
        "constant": "the numbers of `value`, always",
    }
)
AXES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "velocity_command": ("x", "y", "yaw"),
        "base_ang_vel": XYZ,
        "base_lin_vel": XYZ,
        "base_euler": ("roll", "pitch", "yaw"),
        "projected_gravity": XYZ,
        "phase": ("sin", "cos"),
    }
)
JOINT_TERMS = ("joint_pos", "joint_pos_rel", "joint_vel")
ASKED = ("height_command", "heading_command")
VALUED = (*ASKED, "constant")
PHASE = ("phase",)
OWN_KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "joints": JOINT_TERMS,
        "axes": tuple(AXES),
        "slew": ("velocity_command",),
        "limit": ("velocity_command",),
        "value": VALUED,
        "range": ASKED,
        **dict.fromkeys(("period", "stand_still", "settle", "wake", "tip", "legs", "layout", "standing", "restart"), PHASE),
    }
)
CLOCK = ("period", "stand_still", "settle", "wake", "tip", "restart")  # of which a policy has one
CALLED_HERE = {
    **dict.fromkeys(("last_action", "actions", "action", "prev_actions"), "previous_action"),
    **dict.fromkeys(("velocity_commands", "command", "commands", "generated_commands"), "velocity_command"),
    "command_lin_vel": "velocity_command with axes: [x, y]",
    "command_ang_vel": "velocity_command with axes: [yaw]",
    "command_stand": "walk_command",
    **dict.fromkeys(("joint_vel_rel", "dof_vel"), "joint_vel"),
    "dof_pos": "joint_pos_rel where the default posture is taken off, joint_pos where it is not",
    **dict.fromkeys(("gait_phase", "g1_phase"), "phase"),
    "sin_phase": "phase with axes: [sin]",
    "cos_phase": "phase with axes: [cos]",
    **dict.fromkeys(("gravity_vec", "gravity"), "projected_gravity"),
    **dict.fromkeys(("ang_vel", "ang_vel_body", "root_ang_vel_b"), "base_ang_vel"),
    **dict.fromkeys(("lin_vel", "root_lin_vel_b"), "base_lin_vel"),
    **dict.fromkeys(("eu_ang", "base_euler_xyz", "base_rpy"), "base_euler"),
}
UNMEASURED = (
    *("height_scan", "height_measurements", "heights", "depth", "depth_image", "image"),
    *("feet_contact", "feet_contacts", "foot_contact", "contact", "contact_forces", "feet_air_time"),
    *("base_pos", "base_pos_z", "base_height", "root_pos_w", "root_quat_w", "base_lin_acc", "imu_lin_acc"),
    *("joint_effort", "joint_torque", "joint_acc", "friction", "base_mass", "push_force"),
    *("motion_command", "motion_anchor_pos_b", "motion_anchor_ori_b", "motion_ref_ori_b", "motion_ref_pos_b"),
)


def wrong_name(term: str) -> str:
    """Why there is no such term, with the way out; "" if there is."""
    if term in TERMS:
        return ""
    if term in CALLED_HERE:
        return f"term is {term!r}; here it is called {CALLED_HERE[term]}"
    if term in UNMEASURED:
        return (
            f"term is {term!r}, which no robot here measures; train a policy that goes without it, for example a student of this "
            "one, or give it as a constant if one value is right"
        )
    near = [name for name in difflib.get_close_matches(term, TERMS, n=1, cutoff=0.9) if name.count("_") == term.count("_")]
    return f"term is {term!r}; " + (f"did you mean {near[0]!r}?" if near else f"allowed: {', '.join(TERMS)}")


def clip_problems(key: str, clip: Clip) -> list[str]:
    """What is wrong with a clip under `key`."""
    if isinstance(clip, float | int):
        return [] if 0.0 < clip < math.inf else [f"{key} is {clip:g}; a positive number, or [low, high], is expected"]
    low, high = clip
    return [] if -math.inf < low < high < math.inf else [f"{key} is [{low:g}, {high:g}]; the lower end first is expected"]


def clip_bounds(clip: Clip | tuple[tuple[float, float], ...] | None, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper ends, shape (count,) each; infinite where there is none."""
    if clip is None or isinstance(clip, float | int):
        most = math.inf if clip is None else clip
        return np.full(count, -most), np.full(count, most)
    low, high = np.broadcast_to(np.array(clip, float), (count, 2)).T
    return low.copy(), high.copy()


@dataclass(frozen=True, slots=True)
class ObservationTerm:
    """One term of the observation vector, in the order of the file.

    Attributes:
        term: What is measured.
        joints: Names, in order; joint terms only.
        scale: Factor, or one for each value of the term.
        history: Past values the network sees, the newest included; in the card's history_order.
        period: Length of the phase clock's turn [s]; phase only, as up to tip.
        stand_still: While the velocity command is zero the clock finishes its half turn and rests there.
        settle: How long it steps in place before that [s], so that the feet are under the body when it stands, and goes on
            doing so, for 4 s at most, while joints that others drive reach out.
        wake: A joint farther from default_pos than this [rad] while it stands makes it step in place again.
        tip: A robot that tips over faster than this [rad/s] while it stands steps in place again.
        slew: How fast the command follows what is asked for [m/s², m/s², rad/s²]: nobody stops in the middle of a step;
            velocity_command only.
        limit: Largest |x|, |y| [m/s] and |yaw| [rad/s] that it was trained for: a skill that asks for more fails;
            velocity_command only.
        offset: Taken off before all else, in the unit of the term: a number, or one for each value.
        clip: Then it is clipped, to plus or minus a number or to [low, high], and then scaled.
        axes: Which axes, in order; not given: all, such as [x, y, yaw], [x, y, z], [roll, pitch, yaw], [sin, cos].
        lag: Newest values that are left out: a history that ends before the present.
        legs: How far each leg's clock is ahead [cycles], such as [0, 0.5]; not given: one clock. phase only, as up to restart.
        layout: Of several legs: by_axis (sin, sin, cos, cos), as when not given, or by_leg (sin, cos, sin, cos).
        standing: Values that stand in, before offset and scale, while the velocity command is zero, such as [0, 0]; the clock
            turns on.
        restart: The clock begins anew when a velocity is asked for.
        value: Of a constant: its numbers. Of height_command [m] and heading_command [rad]: what the network sees where no skill
            gives one.
        range: Lowest and highest height_command [m] or heading_command [rad] that it was trained for: a skill that asks for
            more fails.
    """

    term: str
    joints: tuple[str, ...] = ()
    scale: float | tuple[float, ...] = 1.0
    history: int = 1
    period: float | None = None
    stand_still: bool | None = None
    settle: float | None = None
    wake: float | None = None
    tip: float | None = None
    slew: tuple[float, ...] | None = None
    limit: tuple[float, ...] | None = None
    offset: float | tuple[float, ...] = 0.0
    clip: Clip | None = None
    axes: tuple[str, ...] = ()
    lag: int = 0
    legs: tuple[float, ...] = ()
    layout: Literal["by_axis", "by_leg"] | None = None
    standing: tuple[float, ...] | None = None
    restart: bool | None = None
    value: float | tuple[float, ...] | None = None
    range: tuple[float, float] | None = None

    @property
    def seen_axes(self) -> tuple[str, ...]:
        """Its axes; () for a term that has none."""
        return self.axes or AXES.get(self.term, ())

    @property
    def numbers(self) -> tuple[float, ...]:
        """Its `value`; () where it has none."""
        return self.value if isinstance(self.value, tuple) else () if self.value is None else (self.value,)

    def size(self, actions: int) -> int:
        """Values of the term without history; `actions`: number of joints the policy drives."""
        if self.term in JOINT_TERMS:
            return len(self.joints)
        if self.term == "previous_action":
            return actions
        if self.term == "constant":
            return len(self.numbers)
        return max(1, len(self.seen_axes)) * max(1, len(self.legs))

    def problems(self, actions: int) -> list[str]:
        """What is wrong with it, each naming its key."""
        if wrong := wrong_name(self.term):
            return [wrong]
        found = [
            f"{key} does not belong to {self.term}"
            for key, terms in OWN_KEYS.items()
            if key != "joints" and self.term not in terms and getattr(self, key) not in (None, ())
        ]
        return found or [*self._wrong_form(actions), *self._wrong_numbers(), *self._wrong_clock(), *self._wrong_command()]

    def _wrong_form(self, actions: int) -> list[str]:
        found, size = [], self.size(actions)
        if bool(self.joints) != (self.term in JOINT_TERMS):
            wanted = "needs at least one" if self.term in JOINT_TERMS else "takes none"
            found.append(f"joints has {len(self.joints)} names; {self.term} {wanted}")
        if len(set(self.joints)) != len(self.joints):
            found.append("joints names a joint twice")
        axes = AXES.get(self.term, ())
        if not set(self.axes) <= set(axes) or len(set(self.axes)) != len(self.axes):
            return [*found, f"axes is [{', '.join(self.axes)}]; some of [{', '.join(axes)}], each once, are expected"]
        for key in ("scale", "offset"):
            values = getattr(self, key)
            if isinstance(values, tuple) and len(values) != size:
                found.append(f"{key} has {len(values)} values; one number or {size} are expected")
        if self.standing is not None and len(self.standing) != size:
            found.append(f"standing has {len(self.standing)} values; the term has {size}")
        return found

    def _wrong_numbers(self) -> list[str]:
        found = [
            f"{key} is not finite"
            for key in ("scale", "offset", "standing", "legs", "value")
            if getattr(self, key) is not None and not np.all(np.isfinite(getattr(self, key)))
        ]
        if not 1 <= self.history <= MAX_HISTORY:
            found.append(f"history is {self.history}; 1 to {MAX_HISTORY} are allowed")
        if not 0 <= self.lag <= MAX_HISTORY:
            found.append(f"lag is {self.lag}; 0 to {MAX_HISTORY} are allowed")
        return found + ([] if self.clip is None else clip_problems("clip", self.clip))

    def _wrong_clock(self) -> list[str]:
        if self.term != "phase":
            return []
        found = []
        if self.period is None:
            found.append("period is missing")
        elif not 0.0 < self.period < math.inf:
            found.append(f"period is {self.period}; a positive number of seconds is expected")
        if self.settle is not None and not self.stand_still:
            found.append("settle needs stand_still: true")
        elif self.settle is not None and not 0.0 <= self.settle < math.inf:
            found.append(f"settle is {self.settle}; a number of seconds is expected")
        for key, unit in (("wake", "rad"), ("tip", "rad/s")):
            value = getattr(self, key)
            if value is not None and not self.settle:
                found.append(f"{key} needs settle: the seconds it then steps in place")
            elif value is not None and not 0.0 < value < math.inf:
                found.append(f"{key} is {value}; a positive number [{unit}] is expected")
        if self.stand_still and (self.standing is not None or self.restart):
            found.append("stand_still rests the clock, standing and restart do not: give one or the other")
        if self.layout is not None and len(self.legs) < 2:
            found.append("layout needs legs: of one clock there is no other")
        return found

    def _wrong_command(self) -> list[str]:
        found = []
        for key in ("slew", "limit"):
            values, size = getattr(self, key), len(self.seen_axes)
            if values is not None and not (len(values) == size and all(0.0 < value < math.inf for value in values)):
                count = "three" if size == 3 else size
                found.append(f"{key} is {list(values)}; {count} positive numbers are expected")
        if self.term in VALUED and self.value in (None, ()):
            found.append("value is missing")
        elif self.term in ASKED and isinstance(self.value, tuple):
            found.append(f"value has {len(self.value)} numbers; one is expected")
        elif self.range is not None and isinstance(self.value, float | int):
            low, high = self.range
            if not -math.inf < low <= self.value <= high < math.inf:
                found.append(f"range is [{low:g}, {high:g}]; lowest and highest, with value {self.value:g} between, are expected")
        return found
