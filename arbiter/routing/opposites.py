"""Skills that differ by a direction only, found by their names: wave_left and wave_right, raise_arms and lower_arms.

An encoder can't tell such commands apart. Left and right share one class and the word decides; other
opposites keep their classes, but are scored together, and a word that only one of them claims decides.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from arbiter.routing.patterns import lines
from arbiter.skill import Skill

SIDES = ("left", "right")
MIRROR = {"left": "right", "right": "left", "up": "down", "down": "up", "ahead": "behind", "behind": "ahead"}
# Opposites in the names of skills and the words that speak for each: names, words, names, words.
_OPPOSITES = tuple(tuple(part.split() for part in line.split("/")) for line in lines("opposites"))


def side_of(name: str) -> str:
    """ "left" or "right" where the name says so once, else ""."""
    found = [token for token in name.split("_") if token in SIDES]
    return found[0] if len(found) == 1 else ""


def other_side(name: str, instead: str = "") -> str:
    """The name of a skill with the other side, or with `instead`; "" for one of no side."""
    side = side_of(name)
    return "_".join((instead or MIRROR[side]) if token == side else token for token in name.split("_")) if side else ""


def class_of(name: str, names: Collection[str]) -> str:
    """The head's class of a skill: that of its mirrored pair with "*" for the side, or its own name."""
    return other_side(name, "*") if other_side(name) in names else name


@dataclass(frozen=True, slots=True)
class Opposites:
    """Two skills whose names are opposites.

    Attributes:
        names: The skills. words: Words that speak for each.
    """

    names: tuple[str, str]
    words: tuple[frozenset[str], frozenset[str]]

    def cue(self, found: Sequence[str]) -> str:
        """The one that the words speak for; "" if for neither or both."""
        hits = [bool(mine & set(found)) for mine in self.words]
        return self.names[hits.index(True)] if sum(hits) == 1 else ""

    def other(self, name: str) -> str:
        """The opposite of one of them."""
        return self.names[1 - self.names.index(name)]


def _opposite_words(a: str, b: str) -> tuple[set[str], set[str]] | None:
    for first, first_words, second, second_words in _OPPOSITES:
        if a in first and b in second:
            return {a, *first_words}, {b, *second_words}
        if a in second and b in first:
            return {a, *second_words}, {b, *first_words}
    return None


def opposites(skills: Sequence[Skill]) -> tuple[Opposites, ...]:
    """All pairs of skills of one policy and joint group whose names differ in opposite words only."""
    found = []
    for i, a in enumerate(skills):
        for b in skills[i + 1 :]:
            tokens = list(zip(a.name.split("_"), b.name.split("_"), strict=False))
            if a.name.count("_") != b.name.count("_") or (a.policy, a.joints) != (b.policy, b.joints):
                continue
            differ = [(x, y) for x, y in tokens if x != y]
            words = [pair for x, y in differ if (pair := _opposite_words(x, y)) is not None]
            if words and len(words) == len(differ):
                mine, theirs = (frozenset().union(*(pair[k] for pair in words)) for k in (0, 1))
                found.append(Opposites((a.name, b.name), (mine - theirs, theirs - mine)))
    return tuple(found)
