"""Forms of English verbs that the grammar needs."""

from __future__ import annotations

from arbiter.routing.verbs import irregular

_VOWELS = "aeiou"


def gerund(verb: str) -> str:
    """ "wave" -> "waving", "sit" -> "sitting"."""
    if verb == "lie":
        return "lying"
    if verb.endswith("e") and not verb.endswith(("ee", "oe")):
        return verb[:-1] + "ing"
    short = len(verb) >= 3 and verb[-1] not in _VOWELS + "wxy" and verb[-2] in _VOWELS and verb[-3] not in _VOWELS
    return verb + (verb[-1] if short and len(verb) <= 4 else "") + "ing"


def participle(verb: str) -> str:
    """ "wave" -> "waved", "sit" -> "sat", "tap" -> "tapped"."""
    return irregular()[verb][1] if verb in irregular() else _regular(verb)


def past(verb: str) -> str:
    """ "wave" -> "waved", "go" -> "went"."""
    return irregular()[verb][0] if verb in irregular() else _regular(verb)


def _regular(verb: str) -> str:
    stem = gerund(verb).removesuffix("ing")
    return f"{stem[:-1]}ied" if stem.endswith("y") and stem[-2:-1] not in _VOWELS else f"{stem}ed"
