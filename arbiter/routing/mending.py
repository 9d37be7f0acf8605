"""An instruction as it was typed or heard -> the same with its typing errors mended and words doubled in speech said once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Set

from arbiter.routing.choice import Chooser
from arbiter.routing.classifier import NONE
from arbiter.routing.followups import marks
from arbiter.routing.guard import MENDED, OTHER_WORDS
from arbiter.routing.languages.english import english
from arbiter.routing.numerals import NUMBER_WORDS
from arbiter.routing.opposites import SIDES, side_of
from arbiter.routing.repair import SHORT, Repair
from arbiter.routing.text import words
from arbiter.routing.units import LENGTH_OR_TIME

_DOUBLED = re.compile(  # "turn turn left", "two two metres"; but "one one five"
    rf"\b(?!\d|one\b|two\b|three\b)([a-z]+)(?: \1)+\b|\b(one|two|three)(?: \2)+(?= (?:{LENGTH_OR_TIME})\b)"
)


class Mending:
    """Args:
    chooser: Has the skills and their phrases.
    wordings: Words of politeness and of address.
    common: English words.

    Attributes:
        asked: Words of the skills' phrases, and those of the language to which typing errors are mended.
        knows: Whether a word is English, or one of the skills'.
    """

    def __init__(self, chooser: Chooser, wordings: Set[str], common: Set[str]) -> None:
        language, scorer = english(), chooser.scorer
        asked: Counter[str] = Counter((*SIDES, *language.mended, *MENDED, *NUMBER_WORDS, *marks()))
        refused: set[str] = set()
        for text, label in zip(scorer.texts, scorer.labels, strict=True):
            (refused if label == NONE else asked).update(words(text))
        self.asked = frozenset(asked)
        spoken = {name for word in wordings if len(word) > SHORT for name in (word, f"{word}y")}  # "old chap", "ducky"
        self._repair = Repair(asked, refused, common | language.units | OTHER_WORDS | language.exclamations | spoken)
        self.knows = self._repair.knows
        self._aside = _aside(chooser)

    def __call__(self, given: str, spared: Set[str] = frozenset()) -> str:
        """A normalised, expanded text, mended, and a side apart from what follows it.

        Args:
            spared: Words that are no typing errors.
        """
        return self._aside.sub(r"\1,", self._repair(_DOUBLED.sub(r"\1\2", given), spared))


def _aside(chooser: Chooser) -> re.Pattern[str]:
    """Finds a side before what may belong to it: "turn right after you stand up", and not "wave right after you stand up"."""
    skills = chooser.skills.values()
    moves = (skill for skill in skills if side_of(skill.name) and {p.name for p in skill.parameters} & {"distance", "angle"})
    verbs = sorted({verb for skill in moves for verb in chooser.verbs[chooser.scorer.class_of[skill.name]]})
    return re.compile(rf"(\b(?:{'|'.join(map(re.escape, verbs)) or '(?!)'}) right)(?= (?:right )?(?:after|before|once)\b)")
