"""Quantities of a clause -> the parameters of a skill: inside their ranges, and what was clamped, not used or refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from arbiter.routing.quantities import Quantities
from arbiter.skill import Parameter, Skill

STEP = 0.2  # [m] a step of the robot, where the words give a number of steps and the skill takes a distance
_FROM_WORDS = ("speed", "distance", "angle", "radius", "duration", "count", "side", "colour", "direction")


@dataclass(slots=True)
class Filled:
    """Parameters of one skill.

    Attributes:
        values: By name; defaults where the words give none.
        notes: What was clamped or not used, in plain words.
        refusal: Why the skill can't do what was asked; "" if it can.
    """

    values: dict[str, float | str | None]
    notes: list[str] = field(default_factory=list)
    refusal: str = ""


def fill(skill: Skill, said: Quantities) -> Filled:
    """The skill's parameters as the clause gives them."""
    parameters = {parameter.name: parameter for parameter in skill.parameters}
    filled = Filled({name: parameter.default for name, parameter in parameters.items()})
    used: set[str] = set()
    asked = {name: _READERS[name](parameter, said, used) for name, parameter in parameters.items() if name in _READERS}
    _pace_from_time(asked, parameters, said)
    _angle_from_count(asked, parameters, said, used)
    for name, value in asked.items():
        if value is not None and not filled.refusal:
            _set(skill, parameters[name], value, filled)
    for name in ("side", "colour", "direction"):
        if name in parameters and not filled.refusal:
            _choose(skill, parameters[name], said, filled)
    for kind, value, words in said.values:
        speed = parameters.get("speed")
        if kind == "speed number" and words in used and speed is not None and speed.unit == "m/s" and not filled.refusal:
            filled.notes.append(f'"at {words}" taken as {value:g} m/s')
        value = filled.values.get("speed")
        if kind == "share" and words in used and isinstance(value, float) and not filled.refusal:
            filled.notes.append(f'"{words}" taken as {value:.4g} {speed.unit if speed else ""}')
    for words in said.estimates:
        if words in used and not filled.refusal:
            filled.notes.append(f'"{words}" taken as said, no more and no less')
    if said.manner and "speed" not in parameters and not filled.refusal:
        filled.notes.append(f'"{said.manner}" was not used: {skill.name} has one speed')
    for _, _, words in said.values:
        if words not in used and not filled.refusal:
            filled.notes.append(f'"{words}" was not used: {skill.name} takes {_listed(skill) or "no parameters"}')
    return filled


def _listed(skill: Skill) -> str:
    return ", ".join(parameter.name for parameter in skill.parameters if parameter.name in _FROM_WORDS)


def _first(said: Quantities, used: set[str], *kinds: str) -> tuple[str, float] | None:
    for kind in kinds:
        for candidate, value, words in said.values:
            if candidate == kind and words not in used:
                used.add(words)
                return kind, value
    return None


def _speed(parameter: Parameter, said: Quantities, used: set[str]) -> float | None:
    kinds = ("rate",) if parameter.unit == "rad/s" else ("speed", "speed number")  # "turn at 90" means degrees
    if found := _first(said, used, *kinds):
        return found[1]
    if (found := _first(said, used, "share")) and isinstance(parameter.default, (int, float)):
        return found[1] * (parameter.high if found[1] <= 1.0 and math.isfinite(parameter.high) else parameter.default)
    if said.pace and isinstance(parameter.default, (int, float)):
        end = parameter.high if said.pace > 0 else parameter.low
        end = end if math.isfinite(end) else parameter.default * (2.0 if said.pace > 0 else 0.5)
        return parameter.default + abs(said.pace) * (end - parameter.default)
    return None


def _scaled(parameter: Parameter, said: Quantities) -> float | None:
    if said.little == said.far or not isinstance(parameter.default, (int, float)):
        return None
    value = parameter.default * (0.5 if said.little else 2.0)
    return min(max(value, parameter.low), parameter.high)


def _distance(parameter: Parameter, said: Quantities, used: set[str]) -> float | None:
    if found := _first(said, used, "distance", "steps", "number"):
        return found[1] * (STEP if found[0] == "steps" else 1.0)
    return _scaled(parameter, said)


def _angle(parameter: Parameter, said: Quantities, used: set[str]) -> float | None:
    if found := _first(said, used, "angle", "number", "speed number"):
        kind, value = found
        return value if kind == "angle" else math.radians(value)  # "turn left 90"
    if said.around:
        return 2.0 * math.pi
    if said.about and isinstance(parameter.default, (int, float)) and parameter.default < math.pi:
        return math.pi
    return _scaled(parameter, said)


def _duration(parameter: Parameter, said: Quantities, used: set[str]) -> float | None:
    if found := _first(said, used, "duration"):
        return found[1]
    return parameter.high if said.forever and math.isfinite(parameter.high) else None


def _count(parameter: Parameter, said: Quantities, used: set[str]) -> float | None:
    found = _first(said, used, "count", "steps", "number")
    return found[1] if found else None


_READERS: dict[str, Callable[[Parameter, Quantities, set[str]], float | None]] = {
    "speed": _speed,
    "distance": _distance,
    "angle": _angle,
    "radius": lambda parameter, said, used: found[1] if (found := _first(said, used, "radius")) else None,
    "duration": _duration,
    "count": _count,
}


def _pace_from_time(asked: dict[str, float | None], parameters: dict[str, Parameter], said: Quantities) -> None:
    """ "2 m in 4 s" asks for a speed; a distance and a duration can't both be the end of a walk."""
    said_kinds = {kind for kind, _, _ in said.values}
    for end, rate in (("distance", "speed"), ("angle", "rate")):
        amount, seconds = asked.get(end), asked.get("duration")
        if end in said_kinds and amount and seconds and "speed" in parameters:
            if rate not in said_kinds and "duration" in said_kinds:  # "two meters nonstop" is no time
                asked["speed"] = amount / seconds
            asked["duration"] = None


def _angle_from_count(asked: dict[str, float | None], parameters: dict[str, Parameter], said: Quantities, used: set[str]) -> None:
    """ "Turn left twice", "walk in a circle three times": a skill with an angle and no count repeats by its angle."""
    if "angle" in parameters and "count" not in parameters and (found := _first(said, used, "count")):
        once = asked.get("angle") or parameters["angle"].default
        if isinstance(once, int | float):
            asked["angle"] = found[1] * once


def _set(skill: Skill, parameter: Parameter, value: float, filled: Filled) -> None:
    shown = f"{parameter.name} {value:.4g} {parameter.unit}".strip()
    if not math.isfinite(value) or value <= 0.0:
        allowed = f"from {parameter.low:.4g} to {parameter.high:.4g} {parameter.unit}".strip()
        filled.refusal = f"{shown}: {skill.name} takes {parameter.name} {allowed}"
        return
    clamped = min(max(value, parameter.low), parameter.high)
    if abs(clamped - value) > 1e-3 * abs(value):
        filled.notes.append(f"{shown} clamped to {clamped:.4g} ({skill.name} allows {parameter.low:.4g} to {parameter.high:.4g})")
    filled.values[parameter.name] = clamped


def _choose(skill: Skill, parameter: Parameter, said: Quantities, filled: Filled) -> None:
    named = {"side": said.sides, "colour": said.colours, "direction": said.directions}[parameter.name]
    fitting = [word for word in named if word in parameter.choices]
    if fitting:
        filled.values[parameter.name] = fitting[0]
        if len(set(fitting)) > 1:
            filled.refusal = (
                f"names {' and '.join(dict.fromkeys(fitting))}: {skill.name} is for one {parameter.name} at a time; say which"
            )
        elif len(fitting) > 1:
            filled.notes.append(f"{parameter.name} {fitting[0]} taken of {', '.join(fitting)}")
    elif named:
        filled.refusal = f'{skill.name} has no {parameter.name} "{named[0]}"; it has {", ".join(parameter.choices)}'
