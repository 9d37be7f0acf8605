"""Quantities of a clause -> the parameters of a skill: inside their ranges, and what was clamped, not used or refused."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from arbiter.routing.quantities import Quantities
from arbiter.skill import Parameter, Skill

STEP = 0.2  # [m] a step of the robot, where the words give a number of steps and the skill takes a distance
# Kinds of quantities that set a number, the first that is said.
_KINDS = {
    "speed": ("speed", "speed number"),
    "distance": ("distance", "steps", "number"),
    "angle": ("angle", "number", "speed number"),  # "turn left 90"
    "radius": ("radius",),
    "duration": ("duration",),
    "count": ("count", "steps", "number"),
}
_CHOICES = ("side", "colour", "direction")
Values = Mapping[str, float | str | None]


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


def takes(skill: Skill, *names: str) -> bool:
    """Whether a skill has one of these parameters."""
    return any(parameter.name in names for parameter in skill.parameters)


def fill(skill: Skill, said: Quantities, instead: Values | None = None) -> Filled:
    """The skill's parameters as the clause gives them; `instead` of their defaults, where it gives none."""
    parameters = {p.name: replace(p, default=(instead or {}).get(p.name, p.default)) for p in skill.parameters}
    filled = Filled({name: parameter.default for name, parameter in parameters.items()})
    used: set[str] = set()
    asked = {name: _number(parameter, said, used) for name, parameter in parameters.items() if name in _KINDS}
    _pace_from_time(asked, said)
    _angle_from_count(asked, parameters, said, used)
    for name, value in asked.items():
        if value is not None and not filled.refusal:
            _set(skill.name, parameters[name], value, filled)
    for name in _CHOICES:
        if name in parameters and not filled.refusal:
            _choose(skill.name, parameters[name], said, filled)
    filled.notes += _notes(skill.name, parameters, said, used, filled.values)
    return filled


def _notes(skill: str, parameters: dict[str, Parameter], said: Quantities, used: set[str], values: Values) -> Iterator[str]:
    """What was taken for what, and what was not used."""
    speed, pace = parameters.get("speed"), values.get("speed")
    for kind, value, words in said.values:
        if speed and kind == "speed number" and words in used and speed.unit == "m/s":
            yield f'"at {words}" taken as {value:g} m/s'
        if speed and kind == "share" and words in used and isinstance(pace, float):
            yield f'"{words}" taken as {pace:.4g} {speed.unit}'
    yield from (f'"{words}" taken as said, no more and no less' for words in said.estimates if words in used)
    if said.manner and not speed:
        yield f'"{said.manner}" was not used: {skill} has one speed'
    listed = ", ".join(name for name in parameters if name in (*_KINDS, *_CHOICES)) or "no parameters"
    yield from (f'"{words}" was not used: {skill} takes {listed}' for _, _, words in said.values if words not in used)


def _first(said: Quantities, used: set[str], *kinds: str) -> tuple[str, float] | None:
    for kind in kinds:
        for candidate, value, words in said.values:
            if candidate == kind and words not in used:
                used.add(words)
                return kind, value
    return None


def _number(parameter: Parameter, said: Quantities, used: set[str]) -> float | None:
    """What the words give a parameter; None: nothing."""
    name, usual = parameter.name, parameter.default
    if found := _first(said, used, *(("rate",) if parameter.unit == "rad/s" else _KINDS[name])):
        kind, value = found
        if name == "angle" and kind != "angle":
            return math.radians(value)
        return value * STEP if (name, kind) == ("distance", "steps") else value
    if name == "duration" and said.forever and math.isfinite(parameter.high):
        return parameter.high
    if name == "angle" and said.around:
        return 2.0 * math.pi
    if not isinstance(usual, (int, float)):
        return None
    if name == "speed":
        return _pace(parameter, usual, said, used)
    if name == "angle" and said.about and usual < math.pi:
        return math.pi
    if name in ("distance", "angle") and said.little != said.far:
        return min(max(usual * (0.5 if said.little else 2.0), parameter.low), parameter.high)
    return None


def _pace(speed: Parameter, usual: float, said: Quantities, used: set[str]) -> float | None:
    """A share of the fastest or the usual speed, or one between the usual and an end of the range."""
    if found := _first(said, used, "share"):
        return found[1] * (speed.high if found[1] <= 1.0 and math.isfinite(speed.high) else usual)
    end = speed.high if said.pace > 0 else speed.low
    end = end if math.isfinite(end) else usual * (2.0 if said.pace > 0 else 0.5)
    return usual + abs(said.pace) * (end - usual) if said.pace else None


def _pace_from_time(asked: dict[str, float | None], said: Quantities) -> None:
    """ "2 m in 4 s" asks for a speed; a distance and a duration can't both be the end of a walk."""
    said_kinds = {kind for kind, _, _ in said.values}
    for end, rate in (("distance", "speed"), ("angle", "rate")):
        amount, seconds = asked.get(end), asked.get("duration")
        if end in said_kinds and amount and seconds and "speed" in asked:
            if rate not in said_kinds and "duration" in said_kinds:  # "two meters nonstop" is no time
                asked["speed"] = amount / seconds
            asked["duration"] = None


def _angle_from_count(asked: dict[str, float | None], parameters: dict[str, Parameter], said: Quantities, used: set[str]) -> None:
    """ "Turn left twice", "walk in a circle three times": a skill with an angle and no count repeats by its angle."""
    if "angle" in parameters and "count" not in parameters and (found := _first(said, used, "count")):
        once = asked.get("angle") or parameters["angle"].default
        if isinstance(once, int | float):
            asked["angle"] = found[1] * once


def _set(skill: str, parameter: Parameter, value: float, filled: Filled) -> None:
    shown, low, high = f"{parameter.name} {value:.4g} {parameter.unit}".strip(), parameter.low, parameter.high
    part = parameter.name == "count" and value != round(value)  # "two and a half times"
    if not math.isfinite(value) or value <= 0.0 or part:
        filled.refusal = f"{shown}: {skill} takes {parameter.name} from {low:.4g} to {high:.4g} {parameter.unit}".strip()
        return
    clamped = min(max(value, low), high)
    if abs(clamped - value) > 1e-3 * abs(value):
        filled.notes.append(f"{shown} clamped to {clamped:.4g} ({skill} allows {low:.4g} to {high:.4g})")
    filled.values[parameter.name] = clamped


def _choose(skill: str, parameter: Parameter, said: Quantities, filled: Filled) -> None:
    name = parameter.name
    named = {"side": said.sides, "colour": said.colours, "direction": said.directions}[name]
    fitting = list(dict.fromkeys(word for word in named if word in parameter.choices))
    if fitting:
        filled.values[name] = fitting[0]
    if len(fitting) > 1:
        filled.refusal = f"names {' and '.join(fitting)}: {skill} is for one {name} at a time; say which"
    elif named and not fitting:
        filled.refusal = f'{skill} has no {name} "{named[0]}"; it has {", ".join(parameter.choices)}'
