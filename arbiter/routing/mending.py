"""An instruction as it was typed or heard -> the same with its typing errors mended and words doubled in speech said once.

An unknown word becomes the one command word that is near it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Set
from itertools import combinations

from arbiter.routing.choice import Chooser
from arbiter.routing.classifier import NONE
from arbiter.routing.followups import marks
from arbiter.routing.guard import MENDED, OTHER_WORDS
from arbiter.routing.languages.english import english
from arbiter.routing.numerals import NUMBER_WORDS
from arbiter.routing.opposites import SIDES, side_of
from arbiter.routing.sounds import sound
from arbiter.routing.text import words

_REPEATED = re.compile(r"(.)\1+")
_SIBILANTS = ("s", "x", "z", "ch", "sh", "o", "i")  # whose plural is "es"
SHORT = 3  # letters of which none may be replaced: "bot" is not "bow"
LONG = 6  # letters from which two edits may be mended
_DOUBLED = re.compile(r"\b(?!\d|one\b|two\b|three\b)([a-z]+)(?: \1)+\b")  # "turn turn left"; but "one one five"


def distance(a: str, b: str) -> int:
    """Optimal string alignment: insertions, deletions, replacements and swaps of neighbours."""
    before: list[int] = []
    last = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            cost = min(last[j] + 1, row[-1] + 1, last[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]


def _deletions(word: str) -> set[str]:
    edits = 2 if len(word) >= LONG else 1
    return {"".join(kept) for n in range(edits + 1) for kept in combinations(word, len(word) - n)}


class Mending:
    """Args:
    chooser: Has the skills and their phrases.
    wordings: Words of politeness and of address.
    common: English words.

    Attributes:
        asked: Words of the skills' phrases, and those of the language to which typing errors are mended.
    """

    def __init__(self, chooser: Chooser, wordings: Set[str], common: Set[str]) -> None:
        language, scorer = english(), chooser.scorer
        asked: Counter[str] = Counter((*SIDES, *language.mended, *MENDED, *NUMBER_WORDS, *marks()))
        refused: set[str] = set()
        for text, label in zip(scorer.texts, scorer.labels, strict=True):
            (refused if label == NONE else asked).update(words(text))
        spoken = {name for word in wordings if len(word) > SHORT for name in (word, f"{word}y")}  # "old chap", "ducky"
        self.asked = frozenset(asked)
        self._known = common | language.units | OTHER_WORDS | language.exclamations | spoken | refused | self.asked
        self._count = {word: count for word, count in asked.items() if word.isalpha() and len(word) >= SHORT}
        self._short = frozenset(word for word in (*asked, *refused, "em") if len(word) == 2)
        self._parts = frozenset(word for word, count in asked.items() if count > 4 and len(word) > 1)
        self._near: dict[str, list[str]] = {}
        self._sounding: dict[str, list[str]] = {}
        for word in self._count:
            self._sounding.setdefault(sound(word), []).append(word)
            for deletion in _deletions(word):
                self._near.setdefault(deletion, []).append(word)
        self._aside = _aside(chooser)

    def knows(self, word: str) -> bool:
        """Whether a word is English, or one of the skills' words."""
        return word in self._known

    def __call__(self, given: str, spared: Set[str] = frozenset()) -> str:
        """A normalised, expanded text, mended, and a side apart from what follows it.

        Args:
            spared: Words that are no typing errors.
        """
        text = _DOUBLED.sub(r"\1", given)
        for word in words(text):
            better = ""
            if len(word) == 2 and word not in self._short and word[::-1] in self._parts:
                better = word[::-1]
            elif word.isalpha() and len(word) >= SHORT and word not in self._known and word not in spared:
                better = self._nearest(word)
            if better:
                text = re.sub(rf"(?<![\w']){word}(?![\w'])", better, text)
        return self._aside.sub(r"\1,", text)

    def _nearest(self, word: str) -> str:
        """The command word meant, or "" if there is none or several. "standup" becomes two words."""
        for cut in range(2, len(word) - 1):
            if word[:cut] in self._parts and word[cut:] in self._parts:
                return f"{word[:cut]} {word[cut:]}"
        for ending in ("ing", "ed", "es", "s", "er"):  # "bowing" is no typing error
            stem = word.removesuffix(ending)
            if ending == "es" and not stem.endswith(_SIBILANTS):
                continue
            if stem != word and len(stem) > 2 and {stem, f"{stem}e", stem[:-1] if stem[-1] == stem[-2] else stem} & self._known:
                return ""
        squeezed = _REPEATED.sub(r"\1", word)
        if squeezed != word and squeezed in self._parts:
            return squeezed
        same = frozenset(self._sounding.get(sound(word), ()))  # one edit nearer than by its letters
        candidates = same | {near for deletion in _deletions(word) for near in self._near.get(deletion, ())}
        ranked = sorted(
            (distance(word, near) - (near in same), sorted(word) != sorted(near), word[0] != near[0], -self._count[near], near)
            for near in candidates
        )
        ranked = [
            rank
            for rank in ranked
            if rank[0] <= (2 if min(len(word), len(rank[4])) >= LONG - 1 and len(word) >= LONG and not rank[2] else 1)
            and not (rank[1] and len(word) == len(rank[4]) <= SHORT)
        ]
        return ranked[0][4] if ranked else ""


def _aside(chooser: Chooser) -> re.Pattern[str]:
    """Finds a side before what may belong to it: "turn right after you stand up", and not "wave right after you stand up"."""
    skills = chooser.skills.values()
    moves = (skill for skill in skills if side_of(skill.name) and {p.name for p in skill.parameters} & {"distance", "angle"})
    verbs = sorted({verb for skill in moves for verb in chooser.verbs[chooser.scorer.class_of[skill.name]]})
    moving, behind = "|".join(map(re.escape, verbs)) or "(?!)", "after|before|once(?! more| again|[,.!?]|$)"
    return re.compile(rf"(\b(?:{moving}) right)(?= (?:right )?(?:{behind})\b)")
