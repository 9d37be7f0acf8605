"""How far, how often, how fast a follow-up asks for: from the values of the last call."""

from __future__ import annotations

import math
from collections.abc import Mapping

from arbiter.routing.followups import FollowUp
from arbiter.skill import Parameter, Skill

ENDS = ("distance", "angle", "count", "duration")  # what a skill may end by, the first that is set
_SETS = {"steps": "distance", "rate": "speed"}  # parameter of a kind of quantity, where its name is another
_NEARER = {-1: 0.25, 0: 0.5, 1: 0.75}  # "a bit faster", "faster", "much faster": of the way to the end of the range
_GROWN = {-1: 1.25, 0: 1.5, 1: 2.0}
_SHRUNK = {-1: 0.75, 0: 0.5, 1: 0.25}
_ONWARD = {-1: 0.5, 0: 1.0, 1: 2.0}

Value = tuple[str, float, str]  # kind, SI value, words; as in Quantities


class Refused(Exception):
    """A change that the last plan cannot take; the reason is its text."""


def set_by(kind: str) -> str:
    """Name of the parameter that a kind of quantity sets."""
    return _SETS.get(kind, kind)


def takes(skill: Skill, parameter: str) -> bool:
    """Whether a skill has a parameter of this name."""
    return any(p.name == parameter for p in skill.parameters)


def asked(skill: Skill, values: Mapping, follow: FollowUp) -> list[Value]:
    """What to set of a call with these parameters. Raises Refused."""
    amounts = _Amounts(skill, values)
    degree = ("much" in follow.marks) - ("little" in follow.marks)
    found = [_scaled(amounts.named(of), values, factor) for of, factor in follow.factors]
    said = [amounts.read(value) for value in follow.said.values if value[0] != "count" or takes(skill, "count")]
    less = "less" in follow.marks or (bool(said) and ("amount", -1) in follow.compare)
    for of, sign in follow.compare:
        if of == "amount" and said:
            continue  # "two seconds longer"
        if of == "speed":
            found.append(amounts.nearer(sign, degree))
        else:
            found.append(_scaled(amounts.named(of), values, (_GROWN if sign > 0 else _SHRUNK)[degree]))
    if follow.marks & {"single", "once"} and (follow.rest or "single" in follow.marks) and values.get("count") is not None:
        said.append(("count", 1.0, "one"))
    if less:
        amount = amounts.named("amount")
        rest = amount.name, values[amount.name] - said[0][1] if said else 0.0, "less"
        return [*found, rest if said else _scaled(amount, values, _SHRUNK[degree])]
    if "more" in follow.marks and not said:
        found.append(_onward(amounts.named("way" if "further" in follow.marks else "amount"), values, degree))
    return found + said


class _Amounts:
    """The amounts of a call of `skill` with the parameters `values`."""

    def __init__(self, skill: Skill, values: Mapping) -> None:
        self.skill, self.values = skill, values
        self._numbers = {p.name: p for p in skill.parameters if isinstance(values.get(p.name), (int, float))}

    def end(self) -> Parameter | None:
        """What the call ends by: a duration that is not always there, or the first of the others that is set."""
        timed = self._numbers.get("duration")
        if timed and timed.default is None:
            return timed
        return next((self._numbers[name] for name in ENDS if name in self._numbers), None)

    def named(self, name: str) -> Parameter:
        """The parameter that a dimension of the language's file means. Raises Refused."""
        end = self.end()
        if end is not None and (
            name == "amount" or (name == "way" and takes(self.skill, "distance") | takes(self.skill, "angle"))
        ):
            return end
        if name in self._numbers:
            return self._numbers[name]
        has = {"amount": "distance, angle, count or duration", "way": "distance or angle"}.get(name, name)
        raise Refused(f"{self.skill.name} has no {has}")

    def nearer(self, sign: int, degree: int) -> Value:
        """ "Faster": half-way from the last speed to the end of the range."""
        speed = self.named("speed")
        now, end = self.values["speed"], speed.high if sign > 0 else speed.low
        end = end if math.isfinite(end) else now * (2.0 if sign > 0 else 0.5)
        if abs(end - now) < 1e-3 * abs(now):
            limit = "fast" if sign > 0 else "slow"
            raise Refused(f"{self.skill.name} is as {limit} as it can be: speed {now:.4g} {speed.unit}")
        return _kind(speed), now + _NEARER[degree] * (end - now), f"nearer to {end:g}"

    def read(self, value: Value) -> Value:
        """A quantity of the words; a number without unit is degrees or how often. Raises Refused."""
        kind, number, said = value
        if kind in ("number", "speed number") and (end := self.end()) is not None:
            if end.name not in ("angle", "count"):
                raise Refused(f'"{said}" has no unit; say {end.unit}')
            return end.name, math.radians(number) if end.name == "angle" else number, said
        if not takes(self.skill, set_by(kind)):
            raise Refused(f"{self.skill.name} has no {set_by(kind)}")
        return value


def _kind(parameter: Parameter) -> str:
    return "rate" if parameter.unit == "rad/s" else parameter.name


def _scaled(parameter: Parameter, values: Mapping, factor: float) -> Value:
    value = values[parameter.name] * factor
    value = float(max(1, round(value))) if parameter.name == "count" else value
    return _kind(parameter), value, f"{factor:g} times the {parameter.name}"


def _onward(parameter: Parameter, values: Mapping, degree: int) -> Value:
    """ "More": as far as last time; "a bit more": half of that or of the default, whichever is less; "much more": twice."""
    last, usual = values[parameter.name], parameter.default
    if degree >= 0:
        return _scaled(parameter, values, _ONWARD[degree])
    less = min(usual, last) if isinstance(usual, (int, float)) else last
    kind, value, said = _scaled(parameter, {parameter.name: less}, _ONWARD[degree])
    return kind, max(value, parameter.low), said
