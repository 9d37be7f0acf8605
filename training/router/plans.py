"""The plan that a labelled phrase asks for: its grammar, and the values that each call of it must hold.

walk_forward, wave_*        in order; wave_* is wave_left or wave_right, either is right
walk_forward + raise_arms   at once
wave_left & turn_right      in this order or at once
a, b | c                    either plan
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from arbiter.errors import ConfigError
from arbiter.skill import Parameter, Skill

NONE = "none"
TOLERANCE = 0.02  # relative, of a number
_TOKEN = re.compile(r"\s*([a-z_]+\*?|[,+&])\s*")
_VALUE = re.compile(r"([a-z_]+)([=<>])(\S+)")

Plan = tuple[tuple[str, ...], ...]
Vocabulary = Mapping[str, Mapping[str, Parameter]]


@dataclass(frozen=True, slots=True)
class WantedValue:
    """What a parameter must be.

    Attributes:
        relation: "=", "<" or ">".
        value: A number in SI units, or a word.
    """

    name: str
    relation: str
    value: float | str

    def holds(self, given: float | str | None) -> bool:
        """Words exactly, numbers within TOLERANCE."""
        if isinstance(given, str) or isinstance(self.value, str) or given is None:
            return given == self.value
        if self.relation == "=":
            return abs(given - self.value) <= TOLERANCE * abs(self.value)
        return given < self.value if self.relation == "<" else given > self.value


@dataclass(frozen=True, slots=True)
class WantedCall:
    """One skill, and the values that it must hold."""

    skill: str
    values: tuple[WantedValue, ...] = ()


WantedPlan = tuple[tuple[WantedCall, ...], ...]


def names_of(plan: WantedPlan) -> Plan:
    """Names only; those at once are sorted."""
    return tuple(tuple(sorted(call.skill for call in step)) for step in plan)


def vocabulary(skills: Iterable[Skill]) -> dict[str, dict[str, Parameter]]:
    """The parameters of each skill, by name."""
    return {skill.name: {parameter.name: parameter for parameter in skill.parameters} for skill in skills}


@functools.cache
def builtin_vocabulary() -> Vocabulary:
    """That of the skills that ship."""
    from skills import builtin_skills

    return vocabulary(builtin_skills())


def parse_plans(text: str, known: Vocabulary) -> tuple[tuple[WantedPlan, ...], bool]:
    """The plans that are right, and whether a refusal is right as well. Raises ConfigError."""
    plans: list[WantedPlan] = []
    refusable = False
    for alternative in text.split("|"):
        if alternative.strip() == NONE:
            refusable = True
        else:
            plans += _expanded(_tokens(alternative), known)
    return tuple(dict.fromkeys(plans)), refusable


def _tokens(text: str) -> list[str]:
    """Skill, operator, skill, ..."""
    found, end = [], 0
    while end < len(text) and (match := _TOKEN.match(text, end)):
        found.append(match[1])
        end = match.end()
    if end < len(text) or len(found) % 2 == 0 or any((token in ",+&") == (i % 2 == 0) for i, token in enumerate(found)):
        raise ConfigError(f"{text.strip()!r} is no plan; write [a, b], [a + b], [a & b], [a | b] or [none]")
    return found


def _expanded(tokens: Sequence[str], known: Vocabulary) -> list[WantedPlan]:
    """Every plan that the tokens allow: both sides of `*`, both orders of `&`."""
    choices = [(",", "+") if token == "&" else _sides(token) for token in tokens]
    plans = []
    for chosen in itertools.product(*choices):
        steps: list[list[WantedCall]] = [[]]
        for token in chosen:
            if token == ",":
                steps.append([])
            elif token != "+":
                if token not in known:
                    raise ConfigError(f"no skill {token!r}; there are {', '.join(sorted(known))}")
                steps[-1].append(WantedCall(token))
        plans.append(tuple(map(tuple, steps)))
    return plans


def _sides(token: str) -> tuple[str, ...]:
    return (f"{token[:-1]}left", f"{token[:-1]}right") if token.endswith("*") else (token,)


def parse_values(text: str) -> tuple[WantedValue, ...]:
    """ "distance=2 speed<0.3". Raises ConfigError."""
    values = []
    for pair in text.split():
        match = _VALUE.fullmatch(pair)
        if not match:
            raise ConfigError(f"{pair!r} is no label; write name=value, name<value or name>value")
        values.append(WantedValue(match[1], match[2], _number(match[3])))
    return tuple(values)


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def with_values(plan: WantedPlan, groups: Sequence[tuple[WantedValue, ...]], known: Vocabulary) -> WantedPlan:
    """The plan with the values of each call, in the order of the plan; one group belongs to the one call that takes it."""
    calls = [call for step in plan for call in step]
    if len(groups) == 1 and len(calls) > 1:
        groups = _shared(calls, groups[0], known)
    if len(groups) != len(calls):
        raise ConfigError(f"{len(groups)} groups of values for {len(calls)} steps; write one for each, with ';' between them")
    filled = iter([replace(call, values=_checked(call.skill, values, known)) for call, values in zip(calls, groups, strict=True)])
    return tuple(tuple(next(filled) for _ in step) for step in plan)


def _shared(calls: Sequence[WantedCall], values: tuple[WantedValue, ...], known: Vocabulary) -> list[tuple[WantedValue, ...]]:
    groups: list[tuple[WantedValue, ...]] = [() for _ in calls]
    for value in values:
        takers = [i for i, call in enumerate(calls) if value.name in known[call.skill]]
        if len(takers) != 1:
            said = f"{len(takers)} steps of the plan take {value.name!r}"
            raise ConfigError(f"{said}; write the values of each step, with ';' between them")
        groups[takers[0]] += (value,)
    return groups


def _checked(skill: str, values: tuple[WantedValue, ...], known: Vocabulary) -> tuple[WantedValue, ...]:
    for value in values:
        parameter = known[skill].get(value.name)
        if parameter is None:
            raise ConfigError(f"{skill} has no parameter {value.name!r}; it has {', '.join(known[skill]) or 'none'}")
        given = value.value
        if parameter.choices:
            if given not in parameter.choices:
                raise ConfigError(f"{skill} has no {value.name} {given!r}; it has {', '.join(parameter.choices)}")
        elif isinstance(given, str) or not parameter.low * (1 - TOLERANCE) <= given <= parameter.high * (1 + TOLERANCE):
            raise ConfigError(f"{value.name} {given!r} of {skill} must be within {parameter.low:g} and {parameter.high:g}")
    return values


def parse_given_plan(text: str, known: Vocabulary) -> WantedPlan:
    """ "walk_forward distance=2, bow count=2": a plan with its values beside each skill. Raises ConfigError."""
    steps = []
    for step in text.split(","):
        calls = []
        for call in step.split("+"):
            name, _, values = call.strip().partition(" ")
            if name not in known:
                raise ConfigError(f"no skill {name!r}; there are {', '.join(sorted(known))}")
            calls.append(WantedCall(name, _checked(name, parse_values(values), known)))
        steps.append(tuple(calls))
    return tuple(steps)
