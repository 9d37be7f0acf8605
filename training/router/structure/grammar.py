"""The lists of the grammar (grammar.yaml), and the labelled sentences that they make.

    lists = Lists.read()
    sentence = lists.sentence(numpy.random.default_rng(0))

A sentence tells where a clause begins, what kind of clause it is and what each word is for. One entry in five of each list is
held out of the training, so that a test can ask what a network makes of wordings that it has never met; so is one verb in five.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from arbiter import strict
from arbiter.routing.text import written_out
from skills import builtin_skills
from training.router.phrases import load_phrases
from training.router.structure.labelled import LabelledSentence
from training.router.structure.sentence_maker import SentenceMaker

FILE = Path(__file__).parent / "grammar.yaml"


class Lists:
    """The grammar's lists, and the sentences that they make.

    Args:
        lists: Entries by name, as in grammar.yaml.
        phrases: Commands of skills, in plain words.
    """

    def __init__(self, lists: dict[str, list[str]], phrases: Sequence[str]) -> None:
        self._lists = {name: tuple(map(str, entries)) for name, entries in lists.items()}
        self._phrases = tuple(phrases)

    @classmethod
    def read(cls) -> Lists:
        """The lists of grammar.yaml and the commands that the router is fitted on, without those that mean stop."""
        phrases = [text for skill in builtin_skills() if skill.name != "stop" for text in skill.utterances]
        phrases += [p.text for p in load_phrases("fit") if p.plans and p.plans[0] != (("stop",),)]
        return cls(strict.parse(FILE).plain(), [written_out(text) for text in dict.fromkeys(phrases)])

    def wordings(self) -> set[str]:
        """Every word of the wordings around commands: politeness, fillers, order."""
        lists = [
            name
            for name in self._lists
            if name.startswith(("frames", "joiners", "fillers", "openers", "seconds", "told", "vocative"))
        ]
        said = (re.sub(r"[(|)]", " ", entry) for name in lists for entry in self._lists[name])
        return {word for text in said for word in written_out(text).split()}

    def sentence(self, rng: np.random.Generator, frames: bool | None = False, verbs: bool | None = False) -> LabelledSentence:
        """A random sentence.

        Args:
            frames, verbs: False: without the held-out entries of wordings, of commands; True: of held-out ones only where a
                list has some; None: of all.
        """
        return SentenceMaker(self._lists, self._phrases, rng, frames, verbs).sentence()
