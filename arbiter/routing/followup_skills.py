"""A call of the last plan and a follow-up -> the skill that is meant, other side or opposite; how far, how often, how fast."""

from __future__ import annotations

import math
from dataclasses import replace

from arbiter.routing.choice import Chooser
from arbiter.routing.followups import FollowUp, lexicon
from arbiter.routing.opposites import MIRROR, SIDES, other_side, side_of
from arbiter.routing.parameters import Values, takes
from arbiter.routing.quantities import Quantities, extract
from arbiter.routing.text import words
from arbiter.skill import Parameter, Route, Skill, SkillCall, Steps

ENDS = ("distance", "angle", "count", "duration")  # what a skill may end by, the first that is set
_SETS = {"steps": "distance", "rate": "speed"}  # parameter of a kind of quantity, where its name is another
_NEARER = {-1: 0.25, 0: 0.5, 1: 0.75}  # "a bit faster", "faster", "much faster": of the way to the end of the range
_GROWN = {-1: 1.25, 0: 1.5, 1: 2.0}
_SHRUNK = {-1: 0.75, 0: 0.5, 1: 0.25}
_ONWARD = {-1: 0.5, 0: 1.0, 1: 2.0}

Value = tuple[str, float, str]  # kind, SI value, words; as in Quantities


class Refused(Exception):
    """A change that the last plan cannot take; the reason is its text."""


def _if_any(name: str, reason: str) -> str:
    """A skill's name; Refused where it is ""."""
    if not name:
        raise Refused(reason)
    return name


def set_by(kind: str) -> str:
    """Name of the parameter that a kind of quantity sets."""
    return _SETS.get(kind, kind)


def of_it(route: Route, last: Steps) -> Route:
    """A route in which "it" has the colour of the last thing that had one: "touch it" after "walk to the blue ball"."""
    colour = next((c for step in reversed(last) for call in reversed(step) if (c := call.parameters.get("colour"))), None)

    def meant(call: SkillCall) -> SkillCall:
        named = "colour" not in call.parameters or extract(call.phrase)[0].colours or "it" not in words(call.phrase)
        return call if named or colour is None else replace(call, parameters={**call.parameters, "colour": colour})

    return replace(route, steps=tuple(tuple(map(meant, step)) for step in route.steps))


class Related:
    """Args:
    chooser: Knows the skills, their opposites and the parts that they move.
    """

    def __init__(self, chooser: Chooser) -> None:
        self._chooser, self._skills = chooser, chooser.skills

    def akin(self, a: str, b: str) -> bool:
        """Whether two skills are the same, two sides of one, or opposites."""
        pair = self._chooser.pair_of(a)
        return a == b or self._other_side(a) == b or bool(pair and b in pair.names)

    def target(self, call: SkillCall, follow: FollowUp) -> tuple[str, Quantities]:
        """The skill that is meant, and the words that set its parameters. Raises Refused."""
        said, marks, name = follow.said, follow.marks, call.skill
        part = next((noun for noun in follow.nouns if noun in lexicon().parts - self._chooser.moved(name)), "")
        if part and ("other" in marks or said.sides):
            raise Refused(f"{name} moves no {part}")
        pair = self._chooser.pair_of(name)
        cue = pair.cue(words(follow.words)) if pair else ""
        if marks & {"undo", "back"} and not ("more" in marks and cue == name):  # "step back, and another metre back"
            return _if_any(self._inverse(name), f"{name} has no way back"), said
        again = "again" in marks
        if "backwards" in marks and (cue or not (again or "anchor" in marks)) and not (again and cue == name):
            return _if_any(cue, f"{name} has no way backwards"), said
        if marks & {"other", "opposite", "backwards"}:
            ways = bool(marks & {"opposite", "backwards"} or set(follow.nouns) & lexicon().ways)
            return self._mirrored(call, said, ways)
        if len(said.sides) > 1:
            raise Refused(f'"{follow.words}" names both sides')
        if said.sides:
            return _if_any(self._to_side(call, said.sides[0], again), f"{name} has no {said.sides[0]}"), said
        if said.colours and not self.takes(name, "colour"):
            raise Refused(f"{name} has no colour")
        if said.directions and not self.takes(name, "direction"):
            return _if_any(cue, f"{name} has no {said.directions[0]}"), replace(said, directions=())
        return name, said

    def _to_side(self, call: SkillCall, side: str, again: bool) -> str:
        """The skill that does it to a side; "" if none does."""
        name = call.skill
        if any(side in p.choices for p in self._skills[name].parameters) or side_of(name) == side:
            return name
        if side_of(name) or not (again and call.phrase):
            return self._other_side(name)
        pair = self._chooser.pair_of(name)  # "walk a metre", "the same to the right"
        ways = frozenset().union(*pair.words) if pair else ()  # "walk forward": the same to the right is not forward
        motion = " ".join(word for word in call.phrase.split() if word not in ways)
        found = self._chooser.choose(f"{motion} to the {side}", None).call
        return found.skill if found and side_of(found.skill) == side else ""

    def _mirrored(self, call: SkillCall, said: Quantities, ways: bool) -> tuple[str, Quantities]:
        """The other side or the opposite; with `ways` of a motion, not of a hand."""
        name, pair = call.skill, self._chooser.pair_of(call.skill)
        for p in self._skills[name].parameters:
            turned = MIRROR.get(str(call.parameters.get(p.name)), "")
            if turned in p.choices:
                return name, replace(said, sides=(turned,) if turned in SIDES else (), directions=(turned,))
        if pair and ways:
            return pair.other(name), said
        limbed = self._chooser.moved(name) & lexicon().parts  # of its left and right hand, not of two ways
        if (other := self._other_side(name)) and (not ways or self.travels(name) or not limbed):
            return other, said
        raise Refused(f"{name} has no opposite" if ways else f"{name} has no other side")

    def _inverse(self, name: str) -> str:
        """The skill that undoes it: the opposite, or the other side where that goes as far the other way; "" if there is none."""
        if pair := self._chooser.pair_of(name):
            return pair.other(name)
        return self._other_side(name) if self.travels(name) and not self.takes(name, "radius") else ""

    def _other_side(self, name: str) -> str:
        other = other_side(name)
        return other if other in self._skills else ""

    def travels(self, name: str) -> bool:
        """Whether a skill goes or turns."""
        return self.takes(name, "distance", "angle")

    def takes(self, name: str, *parameters: str) -> bool:
        """Whether a skill has one of these parameters."""
        return takes(self._skills[name], *parameters)


def asked(skill: Skill, values: Values, follow: FollowUp) -> list[Value]:
    """What to set of a call with these parameters. Raises Refused."""
    amounts = _Amounts(skill, values)
    degree = ("much" in follow.marks) - ("little" in follow.marks)
    found = [amounts.scaled(of, factor) for of, factor in follow.factors]
    said = [amounts.read(value) for value in follow.said.values if value[0] != "count" or takes(skill, "count")]
    less = "less" in follow.marks or (bool(said) and ("amount", -1) in follow.compare)
    for of, sign in follow.compare:
        if of == "speed":
            found.append(amounts.nearer(sign, degree))
        elif of != "amount" or not said:  # "two seconds longer"
            found.append(amounts.scaled(of, (_GROWN if sign > 0 else _SHRUNK)[degree]))
    if follow.marks & {"single", "once"} and (follow.rest or "single" in follow.marks) and values.get("count") is not None:
        said.append(("count", 1.0, "one"))
    if less and said:
        amount = amounts.named("amount").name
        return [*found, (amount, amounts.numbers[amount] - said[0][1], "less")]
    if less:
        return [*found, amounts.scaled("amount", _SHRUNK[degree])]
    if "more" in follow.marks and not said:
        found.append(amounts.onward("way" if "further" in follow.marks else "amount", degree))
    return found + said


class _Amounts:
    """The amounts of a call of `skill` with the parameters `values`."""

    def __init__(self, skill: Skill, values: Values) -> None:
        self.skill = skill
        self.numbers = {name: value for name, value in values.items() if isinstance(value, (int, float))}
        self._of = {p.name: p for p in skill.parameters if p.name in self.numbers}
        timed = self._of.get("duration")  # not always there: what the call ends by
        ends = (self._of[name] for name in ENDS if name in self._of)
        self.end = timed if timed and timed.default is None else next(ends, None)

    def named(self, name: str) -> Parameter:
        """The parameter that a dimension of the language's file means. Raises Refused."""
        if self.end and (name == "amount" or (name == "way" and takes(self.skill, "distance", "angle"))):
            return self.end
        if name not in self._of:
            has = {"amount": "distance, angle, count or duration", "way": "distance or angle"}.get(name, name)
            raise Refused(f"{self.skill.name} has no {has}")
        return self._of[name]

    def scaled(self, name: str, factor: float, last: float | None = None) -> Value:
        """So many times what a dimension was last time, or `last`."""
        parameter = self.named(name)
        value = (self.numbers[parameter.name] if last is None else last) * factor
        value = float(max(1, round(value))) if parameter.name == "count" else value
        return _kind(parameter), value, f"{factor:g} times the {parameter.name}"

    def onward(self, name: str, degree: int) -> Value:
        """ "More": as far as last time; "a bit more": half of that or of the default, whichever is less; "much more": twice."""
        parameter = self.named(name)
        last, usual = self.numbers[parameter.name], parameter.default
        if degree >= 0:
            return self.scaled(name, _ONWARD[degree])
        kind, value, said = self.scaled(name, _ONWARD[degree], min(usual, last) if isinstance(usual, (int, float)) else last)
        return kind, max(value, parameter.low), said

    def nearer(self, sign: int, degree: int) -> Value:
        """ "Faster": half-way from the last speed to the end of the range."""
        speed = self.named("speed")
        now, end = self.numbers["speed"], speed.high if sign > 0 else speed.low
        end = end if math.isfinite(end) else now * (2.0 if sign > 0 else 0.5)
        if abs(end - now) < 1e-3 * abs(now):
            limit = "fast" if sign > 0 else "slow"
            raise Refused(f"{self.skill.name} is as {limit} as it can be: speed {now:.4g} {speed.unit}")
        return _kind(speed), now + _NEARER[degree] * (end - now), f"nearer to {end:g}"

    def read(self, value: Value) -> Value:
        """A quantity of the words; a number without unit is degrees or how often. Raises Refused."""
        kind, number, said = value
        if kind in ("number", "speed number") and self.end:
            if self.end.name not in ("angle", "count"):
                raise Refused(f'"{said}" has no unit; say {self.end.unit}')
            return self.end.name, math.radians(number) if self.end.name == "angle" else number, said
        if not takes(self.skill, set_by(kind)):
            raise Refused(f"{self.skill.name} has no {set_by(kind)}")
        return value


def _kind(parameter: Parameter) -> str:
    return "rate" if parameter.unit == "rad/s" else parameter.name
