"""Words that rule a skill out, however near it is: harm, a part of the body that it does not move, one arm for two."""

from __future__ import annotations

import re
from collections.abc import Iterable

_HARM = re.compile(
    r"\b(?:(?:throw|fling|hurl|launch|slam|smash|crash|hurt|harm|injure|destroy|damage|burn|drown|kill)"
    r" (?:your|my|him|her|it|them|our)sel(?:f|ves)"
    r"|(?:so|until|till)\b.*\b(?:you|they|he|she|it|everything)(?: \w+)?"
    r" (?:falls?|topples?|tips?|crash(?:es)?|collapses?|breaks?|faints?)"
    r"|(?:off|over) the (?:edge|table|stage|roof|stairs|platform|cliff|ledge|balcony)"
    r"|through the (?:wall|window|glass|crowd))\b"
)
_PART = re.compile(
    r"\b(?:your|the|my|his|her|one|both|left|right) (head|neck|eye|nose|mouth|tongue|ear|shoulder|elbow|wrist|finger|thumb|hand"
    r"|arm|hip|leg|knee|ankle|foot|feet|toe|belly|waist)(?:e?s)?\b(?! side)"
)
_POSTURE = re.compile(
    r"\bon (?:one|a single|your (?:left|right)) (?:leg|foot)\b|\bon your (?:head|hands|toes|tiptoes|heels|belly|knees|back)\b"
)
_ONE_ARM = re.compile(r"\b(?:left|right|one|single|your|an?|the) (?:arm|hand)\b")
_BOTH = frozenset(("arms", "hands"))


def first_part(clause: str) -> str:
    """The part of the body that a clause is about, singular; "" if none."""
    match = _PART.search(clause)
    return match[1] if match else ""


def parts(clauses: Iterable[str]) -> frozenset[str]:
    """Every part of the body that some phrase names."""
    return frozenset(part for clause in clauses for part in _PART.findall(clause))


def veto(text: str, clause: str, skill: str, moved: frozenset[str]) -> str:
    """Why `skill` must not answer `text`, or "".

    Args:
        text: Normalised words. clause: The same without quantities ("one foot" may be a distance).
        skill: Name of the best skill.
        moved: Parts of the body that the skill's own phrases name.
    """
    if match := _HARM.search(text):
        return f'"{match[0]}" asks for harm'
    if match := _POSTURE.search(text):
        return f'"{match[0]}": this robot has no such posture'
    part = first_part(clause)
    if part and part not in moved:
        return f"{skill} does not move the {part}, and no other skill is nearer"
    if _BOTH & set(skill.split("_")) and _ONE_ARM.search(clause):
        return f"{skill} moves both arms; it can't move one alone"
    return ""
