"""Reads the labelled phrase sets under training/router/sets.

    # a comment
    [walk_forward, wave_left | walk_forward, wave_right]     the plan that the lines below must give
    walk forward then wave
    walk forward 2 m, then wave -> distance=2

"," in order; "+" at once; "|" either is right; "none:KIND" must be refused; "safe" must not start a motion.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from arbiter.errors import ConfigError

SETS = Path(__file__).parent / "sets"
Plan = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Phrase:
    """One labelled instruction.

    Attributes:
        text: The instruction.
        plans: Every plan that is right: a sequence of groups at once. () where it must be refused.
        kind: "command", "stop", "safe", "off_topic", "unsafe" or "near_miss".
        parameters: Values that the plan must hold, by name, SI units.
    """

    text: str
    plans: tuple[Plan, ...]
    kind: str
    parameters: Mapping[str, float | str] = field(default_factory=dict)


def _value(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _plan(text: str) -> Plan:
    return tuple(tuple(sorted(name.strip() for name in step.split("+"))) for step in text.split(","))


def _header(text: str) -> tuple[tuple[Plan, ...], str]:
    if text.startswith("none:"):
        return (), text[5:]
    if text == "safe":
        return (), "safe"
    plans = tuple(_plan(plan) for plan in text.split("|"))
    return plans, "stop" if (("stop",),) in plans else "command"


def parse_phrases(text: str, name: str = "<text>") -> tuple[Phrase, ...]:
    """The phrases of a file's text."""
    phrases, header = [], None
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            header = _header(line.strip("[]").strip())
            continue
        if header is None:
            raise ConfigError(f"{name}:{number}: a phrase stands before the first [plan]")
        phrase, _, values = line.partition(" -> ")
        pairs = dict(pair.split("=", 1) for pair in values.split())
        phrases.append(Phrase(phrase.strip(), *header, {key: _value(value) for key, value in pairs.items()}))
    return tuple(phrases)


def load_phrases(name: str) -> tuple[Phrase, ...]:
    """A set by name ("fit", "none", "dev", "report") or by path."""
    path = SETS / f"{name}.txt" if not name.endswith(".txt") else Path(name)
    if not path.exists():
        raise ConfigError(f"no phrase set {name!r}; there are {', '.join(sorted(p.stem for p in SETS.glob('*.txt')))}")
    return parse_phrases(path.read_text(encoding="utf-8"), path.name)
