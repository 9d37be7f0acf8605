"""Makes labelled clauses from lists of wordings: commands, plain and polite, and what is done to them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from arbiter.routing.text import written_out
from training.router.structure.labelled import MadeClause, held_out
from training.router.structure.verb_forms import gerund, past

LONG = 5  # entries that a list or a choice has at least, if some of them are held out
MATERIAL = ("verbs", "objects", "invented", "deeds", "gerunds", "movements", "doings")  # what a command is made of; not wordings
_CHOICE = re.compile(r"\(([^()]*)\)")
_NAME = re.compile(r"\{(\w+)\}")
_MOVEMENTS = frozenset("sit stand bow do take make go come put get raise lift lower drop back rotate pivot stroll march".split())


class ClauseMaker:
    """Makes clauses.

    Args:
        lists: Entries by name. phrases: Commands of skills, in plain words.
        frames, verbs: See `training.router.structure.grammar.Lists.sentence`.
    """

    def __init__(self, lists, phrases, rng: np.random.Generator, frames: bool | None, verbs: bool | None) -> None:
        self._lists, self._phrases, self._rng = lists, phrases, rng
        self._frames, self._verbs = frames, verbs
        self._verbs_known = {entry.split()[0] for entry in lists["verbs"]} | _MOVEMENTS

    # -- words ----------------------------------------------------------------------------------------------------

    def _chance(self, p: float) -> bool:
        return self._rng.random() < p

    def _one(self, entries: Sequence[str]) -> str:
        return entries[int(self._rng.integers(len(entries)))]

    def _entry(self, name: str) -> str:
        return self._one(self._open(self._lists[name], self._verbs if name in MATERIAL else self._frames))

    @staticmethod
    def _open(entries: Sequence[str], test: bool | None) -> Sequence[str]:
        """Those of a list that may be drawn. A short list has nothing held out: it would be gone whole."""
        if test is None or len(entries) < LONG:
            return entries
        return [entry for entry in entries if held_out(entry) == test] or entries

    def _text(self, name: str) -> str:
        """An entry of a list with its choices made."""
        text = self._entry(name)
        while match := _CHOICE.search(text):
            options = self._open(match[1].split("|"), self._verbs if name in MATERIAL else self._frames)
            text = text[: match.start()] + self._one(options) + text[match.end() :]
        text = _NAME.sub(lambda m: self._core() if m[1] == "v" else self._text(m[1]), text)
        return written_out(text)

    def _words(self, name: str, role: str) -> list[tuple[str, str]]:
        """An entry's words; a mark of which normalising has left no word is none."""
        return [(word, role) for word in self._text(name).split() if word.strip(",.;:!?")]

    def _core(self) -> str:
        """A bare command: of a skill, or of a verb that no skill has to know."""
        draw = self._rng.random()
        if draw < 0.55 and self._verbs is not True:
            return self._one(self._phrases)
        if draw < 0.7:
            return self._text("invented")
        if draw < 0.78:
            return self._text("deeds")
        return f"{self._text('verbs')} {self._text('objects')}" if self._chance(0.8) else self._text("verbs")

    # -- clauses --------------------------------------------------------------------------------------------------

    def _command(self, polite: float = 0.25) -> MadeClause:
        words = [(word, "other") for word in self._core().split()]
        if self._chance(0.08):
            words += self._words("places", "other")
        draw = self._rng.random()
        if draw < 0.08:
            words = [*self._words(*(("manner", "manner") if draw < 0.05 else ("sides", "side"))), *words]
        for name, role, p in (("sides", "side", 0.1), ("quantities", "quantity", 0.2), ("manner", "manner", 0.1)):
            if self._chance(p):
                words = self._maybe_marked(words, 0.15) + self._words(name, role)
        if self._chance(0.1):
            words = self._maybe_marked(words, 0.15) + self._words("repeats", "repetition")
        elif self._chance(0.05):
            words += self._words("durations_open", "quantity")
        clause = MadeClause("command", words)
        while self._chance(0.07) and len(words) > 1:
            place = int(self._rng.integers(1, len(words)))
            words[place:place] = self._words("fillers", "frame")
        return self._polite(clause) if self._chance(polite) else clause

    def _bare(self) -> MadeClause:
        words = [(word, "other") for word in self._core().split()]
        return MadeClause("command", words + (self._words("quantities", "quantity") if self._chance(0.15) else []))

    def _polite(self, clause: MadeClause) -> MadeClause:
        front, back = [(True, False), (False, True), (True, True)][int(self._rng.choice(3, p=(0.55, 0.3, 0.15)))]
        if front and self._chance(0.2) and clause.words[0][0] in self._verbs_known:
            name, inflect = ("frames_gerund", gerund) if self._chance(0.7) else ("frames_past", past)
            (verb, role), *rest = clause.words
            clause = MadeClause(clause.kind, [(inflect(verb), role), *rest]).lead(self._words(name, "frame"))
        elif front and self._chance(0.7):
            clause = clause.lead(self._words("frames_before", "frame"))
        if front and clause.words[0][1] != "frame" or self._chance(0.2):
            clause = clause.lead(self._maybe_marked(self._words("frames_apart", "frame"), 0.7, (",", ",", ",", ".", "!", ":")))
        if back and self._chance(0.25):
            return self._addressed(clause)
        if back:
            clause.words = self._maybe_marked(clause.words, 0.5)
            clause = clause.trail(self._words("frames_after", "frame"))
        return clause

    def _addressed(self, clause: MadeClause) -> MadeClause:
        """With a name behind it: "sit down, love"."""
        clause.words = self._maybe_marked(clause.words, 0.8)
        return clause.trail(self._words("vocative", "frame"))

    def _maybe_marked(self, words: list[tuple[str, str]], p: float, marks: Sequence[str] = (",",)) -> list[tuple[str, str]]:
        """Words, with the probability `p` parted by a mark from what follows; a wording may normalise to no words at all."""
        if not words or not self._chance(p):
            return words
        (word, role), mark = words[-1], self._one(marks)
        return [*words[:-1], (word + mark, role)]

    def _inflected(self, clause: MadeClause, inflect: Callable[[str], str]) -> MadeClause:
        """With its first word as `inflect` makes it of a verb; of another command where that is none."""
        words = clause.words
        while words[0][0] not in self._verbs_known or words[0][1] != "other":
            words = [(word, "other") for word in self._core().split()]
        return MadeClause(clause.kind, [(inflect(words[0][0]), "other"), *words[1:]])

    def _plain(self, kind: str, name: str, role: str = "other") -> MadeClause:
        return MadeClause(kind, self._words(name, role))

    def _requested(self) -> MadeClause:
        """A movement asked for as a thing: "I'd be grateful for a little walk"."""
        clause = self._plain("command", "movements").lead(self._words("frames_noun", "frame"))
        return clause.trail(self._words("frames_noun_after", "frame"))

    def _moving(self) -> MadeClause:
        """A movement told by what moves: "I need the left hand waving"."""
        words = self._words("frames_doing", "frame") if self._chance(0.6) else []
        words += self._words("doings", "other")
        for name, role, p in (("quantities", "quantity", 0.3), ("repeats", "repetition", 0.2), ("manner", "manner", 0.1)):
            if self._chance(p):
                words += self._words(name, role)
        return MadeClause("command", words)
