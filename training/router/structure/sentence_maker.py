"""Makes labelled sentences from lists of wordings: commands, politeness, conditions, run-ons, repetitions and the rest."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from arbiter.routing.structure import CLAUSES, ROLES
from arbiter.routing.text import expand, normalise
from training.router.structure.labelled import LabelledSentence, MadeClause, held_out
from training.router.structure.verb_forms import gerund, participle, past

LONG = 5  # entries that a list or a choice has at least, if some of them are held out
MATERIAL = (
    "verbs",
    "objects",
    "invented",
    "deeds",
    "gerunds",
)  # what a command is made of; the other lists are wordings around it
_CHOICE = re.compile(r"\(([^()]*)\)")
_NAME = re.compile(r"\{(\w+)\}")
_MOVEMENTS = frozenset("sit stand bow do take make go come put get raise lift lower drop back rotate pivot stroll march".split())


class SentenceMaker:
    """Makes one sentence."""

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
        return expand(normalise(text))

    def _words(self, name: str, role: str) -> list[tuple[str, str]]:
        return [(word, role) for word in self._text(name).split()]

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
                words += self._words(name, role)
        if self._chance(0.1):
            words += self._words("repeats", "repetition")
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
        front, back = [(True, False), (False, True), (True, True)][int(self._rng.choice(3, p=(0.6, 0.25, 0.15)))]
        if front and self._chance(0.25) and clause.words[0][0] in self._verbs_known:
            name, inflect = ("frames_gerund", gerund) if self._chance(0.7) else ("frames_past", past)
            (verb, role), *rest = clause.words
            clause = MadeClause(clause.kind, [(inflect(verb), role), *rest]).lead(self._words(name, "frame"))
        else:
            for _ in range(1 + self._chance(0.25) if front else 0):
                clause = clause.lead(self._words("frames_before", "frame"))
        return clause.trail(self._words("frames_after", "frame")) if back else clause

    def _inflected(self, clause: MadeClause, inflect: Callable[[str], str]) -> MadeClause:
        """With its first word as `inflect` makes it of a verb; of another command where that is none."""
        words = clause.words
        while words[0][0] not in self._verbs_known or words[0][1] != "other":
            words = [(word, "other") for word in self._core().split()]
        return MadeClause(clause.kind, [(inflect(words[0][0]), "other"), *words[1:]])

    def _plain(self, kind: str, name: str, role: str = "other") -> MadeClause:
        return MadeClause(kind, self._words(name, role))

    # -- sentences ------------------------------------------------------------------------------------------------

    def sentence(self) -> LabelledSentence:
        """One of the kinds, with or without punctuation."""
        kinds = {
            self._single: 0.16,
            self._framed: 0.13,
            self._several: 0.22,
            self._ordered: 0.06,
            self._conditional: 0.14,
            self._timed: 0.06,
            self._negated: 0.07,
            self._telling: 0.05,
            self._asking: 0.05,
            self._stopping: 0.03,
            self._following: 0.04,
            self._correcting: 0.04,
            self._repeated: 0.03,
        }
        make = list(kinds)[int(self._rng.choice(len(kinds), p=np.array(list(kinds.values())) / sum(kinds.values())))]
        clauses = make()
        if self._chance(0.08):
            clauses[0] = clauses[0].lead(self._words("fillers", "frame"))
        return self._labelled(clauses, punctuation=not self._chance(0.45))

    def _single(self) -> list[MadeClause]:
        if self._chance(0.06):  # "walk forward waving": at once
            return [self._bare(), self._plain("command", "gerunds")]
        return [self._command()]

    def _framed(self) -> list[MadeClause]:
        return [self._command(polite=1.0)]

    def _several(self) -> list[MadeClause]:
        count = int(self._rng.choice((2, 3, 4), p=(0.7, 0.22, 0.08)))
        bare = self._chance(0.5)
        clauses = [self._bare() if bare else self._command(polite=0.15) for _ in range(count)]
        opened = self._chance(0.12)
        way = self._rng.random()
        for i, clause in enumerate(clauses[1:], 1):
            if opened:
                clauses[i] = clause.lead(self._words("seconds", "order"))
                clauses[i - 1].end = ","
            elif way < 0.4:  # run on, as dictation gives it
                continue
            elif way < 0.55:
                clauses[i - 1].end = self._one((",", ",", ".", ";", "!"))
            else:
                clauses[i] = clause.lead(self._words("joiners", "order"))
                clauses[i - 1].end = "," if self._chance(0.3) else ""
        return [clauses[0].lead(self._words("openers", "order")), *clauses[1:]] if opened else clauses

    def _ordered(self) -> list[MadeClause]:
        first, second = self._command(polite=0.2), self._command(polite=0.0)
        if self._chance(0.3):  # "turn right after you stand up": a side, not "right after"
            first = self._bare().trail([(self._one(("left", "right")), "side")])
        draw = self._rng.random()
        if draw < 0.35:
            second = self._inflected(second, gerund).lead(self._words("joiners_gerund", "order"))
        elif draw < 0.5:
            second = self._inflected(second, participle).lead(self._words("joiners_done", "order"))
        else:
            second = second.lead(self._words("joiners_ordered", "order"))
        if self._chance(0.5):
            return [first, second]
        second.end = ","
        return [second, first]

    def _conditional(self) -> list[MadeClause]:
        return self._hung(self._plain("conditional", "conditions", "condition"))

    def _timed(self) -> list[MadeClause]:
        if self._chance(0.2):
            return [self._plain("timed", "times_before", "time"), self._command(polite=0.1)]
        return self._hung(self._plain("timed", "times", "time"))

    def _hung(self, clause: MadeClause) -> list[MadeClause]:
        """A command with a clause before or behind it that puts it off; sometimes another command beside them."""
        found = [self._command(), clause]
        if self._chance(0.4):
            found.reverse()
            found[0].end = ","
        if self._chance(0.15):
            extra = self._command(polite=0.0).lead(self._words("joiners", "order"))
            found = [*found, extra] if self._chance(0.6) else [self._command(), found[0].lead([("and", "order")]), *found[1:]]
        return found

    def _negated(self) -> list[MadeClause]:
        core = MadeClause("negated", [(word, "other") for word in self._core().split()])
        if self._chance(0.35):
            clause = self._inflected(core, gerund).lead(self._words("negators_gerund", "negation"))
            if self._chance(0.7):
                return [self._command(), clause]
            clause.end = ","
            return [clause, self._command(polite=0.1)]
        if self._chance(0.2):
            clause = self._plain("negated", "nouns").lead(self._words("negators_noun", "negation"))
            clause.end = ","
            return [clause, self._command(polite=0.1)] if self._chance(0.7) else [self._command(polite=0.1), clause]
        clause = core.lead(self._words("negators", "negation"))
        if self._chance(0.2):
            clause = clause.trail(self._words("sides", "side"))
        if self._chance(0.2):
            clause = clause.lead(self._words("frames_before", "frame"))
        draw = self._rng.random()
        if draw < 0.5:
            return [clause]
        other = self._command(polite=0.1)
        if draw < 0.75:
            clause.end = ","
            return [clause, other.lead([(self._one(("but", "just", "instead", "rather", "and")), "order")])]
        other.end = "," if self._chance(0.6) else ""
        return [other, clause.lead([(self._one(("but", "and", "just", "only")), "order")])]

    def _telling(self) -> list[MadeClause]:
        clause = self._plain("remark", "remarks")
        if self._chance(0.3):
            clause.end = self._one((",", ".", "!", ""))
            return [clause, self._command(polite=0.3)]
        return [clause]

    def _asking(self) -> list[MadeClause]:
        clause = self._plain("question", "questions")
        clause.end = "?"
        return [clause]

    def _stopping(self) -> list[MadeClause]:
        clause = self._plain("stop", "stops")
        draw = self._rng.random()
        if draw < 0.2:
            return [self._command(polite=0.0), clause.lead(self._words("joiners", "order"))]
        return [clause.lead(self._words("frames_before", "frame")) if draw < 0.35 else clause]

    def _following(self) -> list[MadeClause]:
        clause = self._plain("follow-up", "followups")
        draw = self._rng.random()
        if draw < 0.3:
            return [self._command(), clause.lead(self._words("joiners", "order")) if draw < 0.2 else clause]
        return [clause.lead(self._words("frames_before", "frame")) if draw < 0.45 else clause]

    def _correcting(self) -> list[MadeClause]:
        wrong = self._command(polite=0.2)
        wrong.kind, wrong.end = "retracted", self._one((",", "", "."))
        right = self._command(polite=0.0)
        if self._chance(0.5):
            right = MadeClause("command", [*wrong.words[:1], *right.words[1:]] if len(right.words) > 1 else right.words)
        return [wrong, right.lead(self._words("corrections", "correction"))]

    def _repeated(self) -> list[MadeClause]:
        clauses = self._several()
        times = self._words("plan_repeats", "repetition")
        if self._chance(0.5):
            clauses[0] = clauses[0].lead([*times[:-1], (times[-1][0] + self._one((":", ",", "")), "repetition")])
        else:
            clauses[-1] = clauses[-1].trail(times)
        return clauses

    # -- labels ---------------------------------------------------------------------------------------------------

    def _labelled(self, clauses: list[MadeClause], punctuation: bool) -> LabelledSentence:
        words, starts, kinds, roles = [], [], [], []
        last = next((c for c in reversed(clauses)), None)
        if last is not None and not last.end:
            last.end = self._one((".", "!", "", "", ""))
        for clause in clauses:
            for i, (word, role) in enumerate(clause.words):
                tail = clause.end if punctuation and i == len(clause.words) - 1 else ""
                words.append(self._mistyped(word) + tail)
                starts.append(i == 0)
                kinds.append(CLAUSES.index(clause.kind))
                roles.append(ROLES.index(role))
        return LabelledSentence(tuple(words), tuple(starts), tuple(kinds), tuple(roles))

    def _mistyped(self, word: str) -> str:
        if len(word) < 4 or not self._chance(0.012):
            return word
        i = int(self._rng.integers(len(word) - 1))
        return word[:i] + word[i + 1] + word[i] + word[i + 2 :] if self._chance(0.5) else word[:i] + word[i + 1 :]
