"""The help text of a run: the skills with their parameters, and the operator's commands."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from arbiter.skill import Parameter, Skill

ASKED = ("help", "?", "list skills", "skills")
ENDS = ("quit", "exit")
HEAD = """Say what it shall do, in your own words; several things with "then" or "and". stop: it comes to rest. Alone on a line:
  arm, go, reset, damp (no torque: it falls), help, quit. Numbers as in "walk forward two meters", "turn left 90 degrees".
"""


def skills_text(skills: Mapping[str, Skill]) -> str:
    """Every skill: name, joints, an example, and its parameters with unit, range and default."""
    width = max(map(len, skills), default=0)
    lines = []
    for name, skill in sorted(skills.items()):
        values = ", ".join(map(_parameter, skill.parameters))
        example = f'"{skill.utterances[0]}"' if skill.utterances else ""
        lines.append(f"  {name:<{width}}  {skill.joints:<10}  {example}" + (f"; {values}" if values else ""))
    return HEAD + "\n".join(lines)


def _parameter(parameter: Parameter) -> str:
    if parameter.choices:
        default = "" if parameter.default is None else f" ({parameter.default})"
        return f"{parameter.name} {'/'.join(parameter.choices)}{default}"
    finite = math.isfinite(parameter.low) and math.isfinite(parameter.high)
    text = parameter.name + (f" {parameter.low:.3g} to {parameter.high:.3g}" if finite else "")
    text += f" {parameter.unit}" if parameter.unit else ""
    if isinstance(parameter.default, int | float):
        text += f" ({parameter.default:.3g})"
    return text


def meant(word: str, known: Iterable[str], orders: Iterable[str]) -> str:
    """The order that a single word misspells; "" if there is none.

    Args:
        word: The word, typed alone on its line.
        known: Words of the skills' examples, which are no misspelling.
        orders: The orders that may be typed alone.
    """
    word = word.lower()
    if word in known or len(word.split()) != 1:
        return ""
    return next(iter(get_close_matches(word, tuple(orders), 1, 0.7)), "")
