"""Makes labelled sentences of clauses: one or several, with conditions, remarks, order, repetition and corrections."""

from __future__ import annotations

import numpy as np

from arbiter.routing.structure import CLAUSES, ROLES
from training.router.structure.clause_maker import ClauseMaker
from training.router.structure.labelled import LabelledSentence, MadeClause
from training.router.structure.verb_forms import gerund, participle

_MARKS = ",.;:!?"


class SentenceMaker(ClauseMaker):
    """Makes one sentence."""

    def sentence(self) -> LabelledSentence:
        """One of the kinds, with or without punctuation."""
        kinds = {
            self._single: 0.16,
            self._framed: 0.13,
            self._asked_as_thing: 0.05,
            self._several: 0.18,
            self._ordered: 0.06,
            self._order_told: 0.06,
            self._reasoned: 0.08,
            self._conditional: 0.14,
            self._timed: 0.06,
            self._negated: 0.07,
            self._telling: 0.05,
            self._asking: 0.05,
            self._stopping: 0.03,
            self._following: 0.04,
            self._correcting: 0.06,
            self._repeated: 0.04,
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

    def _asked_as_thing(self) -> list[MadeClause]:
        clause = self._requested() if self._chance(0.5) else self._moving()
        if self._chance(0.25):
            return [clause, self._bare().lead(self._words("joiners", "order"))]
        if self._chance(0.25):  # "turn right with your arms going up"
            return [
                self._bare(),
                self._plain("command", "doings").lead([("with", "order"), (self._one(("your", "the")), "other")]),
            ]
        return [self._polite(clause) if self._chance(0.15) else clause]

    def _reasoned(self) -> list[MadeClause]:
        """A command, and beside it why or what goes on: "scoot over, I need to get by"."""
        reason, found = self._plain("remark", "reasons"), [self._command(polite=0.2)]
        if self._chance(0.15):
            found.append(self._bare().lead(self._words("joiners", "order")))
        if self._chance(0.75):
            found[-1].end = self._one((",", ",", ".", "!", ""))
            return [*found, reason]
        reason.end = self._one((",", ".", "!", "?"))
        return [reason, *found]

    def _order_told(self) -> list[MadeClause]:
        """Commands of which the words say which is the first and which the last."""
        if self._chance(0.2):
            return self._of_movements()
        count = 2 if self._chance(0.6) else 3
        found = []
        for i in range(count):
            draw = self._rng.random()
            if draw < 0.4:
                clause = self._plain("command", "movements")
            elif draw < 0.7:
                clause = self._inflected(self._bare(), gerund)
            else:
                clause = self._bare()
            if self._chance(0.45):
                clause = clause.lead(self._maybe_marked(self._words("told_front", "order"), 0.2, (":", ",")))
            elif self._chance(0.7):
                clause = clause.trail(self._words("told_behind", "order"))
            elif i:
                clause = clause.lead(self._words("joiners", "order"))
            if i:
                found[-1].end = self._one((",", ",", ".", ";", ""))
                clause = clause.lead([("and", "order")]) if self._chance(0.25) else clause
            found.append(clause)
        return found

    def _of_movements(self) -> list[MadeClause]:
        """Movements as things: "a wave ahead of a right turn", "follow up the bow with a wave"."""
        first, second = (self._plain("command", "movements") for _ in range(2))
        if self._chance(0.5):
            return [first, second.lead(self._words("joiners_noun", "order"))]
        if self._chance(0.4):
            first = self._inflected(self._bare(), gerund)
        verb = self._one(("follow", "follow up", "top off", "finish off", "cap", "round off", "combine", "pair"))
        return [first.lead([(word, "order") for word in verb.split()]), second.lead([("with", "order")])]

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
        wrong.kind, wrong.end = "retracted", self._one((",", "", ".", ",", "..."))
        right = self._command(polite=0.0)
        if self._chance(0.4):
            right = self._plain("command", "mended")
        elif self._chance(0.5):
            right = MadeClause("command", [*wrong.words[:1], *right.words[1:]] if len(right.words) > 1 else right.words)
        draw = self._rng.random()
        if draw < 0.9:
            right = right.lead(self._maybe_marked(self._words("corrections", "correction"), 0.6, (",", ",", ",", ".", "!")))
        if draw > 0.75:
            right.words = self._maybe_marked(right.words, 0.3)
            right = right.trail(self._words("said_last", "correction"))
        before = [self._bare()] if self._chance(0.15) else []
        after = [self._bare().lead(self._words("joiners", "order"))] if self._chance(0.15) else []
        if before:
            wrong = wrong.lead(self._words("joiners", "order"))
        return [*before, wrong, right, *after]

    def _repeated(self) -> list[MadeClause]:
        if self._chance(0.25):
            return self._in_rounds()
        clauses = self._several()
        again = self._chance(0.4)
        times = self._words("plan_again" if again else "plan_repeats", "repetition")
        if not again and self._chance(0.4):
            clauses[0] = clauses[0].lead(self._maybe_marked(times, 0.7, (":", ",")))
        else:
            clauses[-1] = MadeClause(clauses[-1].kind, self._maybe_marked(clauses[-1].words, 0.6, (",", ";", ".")))
            clauses[-1] = clauses[-1].trail(times)
        return clauses

    def _in_rounds(self) -> list[MadeClause]:
        """ "Three rounds of sitting down and standing up"."""
        first, second = (self._inflected(self._bare(), gerund) for _ in range(2))
        if self._chance(0.3):
            first, second = self._bare(), self._bare()
        first = first.lead([*self._words("n", "repetition"), *self._words("rounds", "repetition")])
        return [first, second.lead([(word, "order") for word in self._one(("and", "then", "and then")).split()])]

    # -- labels ---------------------------------------------------------------------------------------------------

    def _labelled(self, clauses: list[MadeClause], punctuation: bool) -> LabelledSentence:
        words, starts, kinds, roles = [], [], [], []
        last = next((c for c in reversed(clauses)), None)
        if last is not None and not last.end:
            last.end = self._one((".", "!", "", "", ""))
        for clause in clauses:
            for i, (word, role) in enumerate(clause.words):
                plain = word.rstrip(_MARKS)
                tail = (clause.end if i == len(clause.words) - 1 else "") or word[len(plain) :]
                words.append(self._mistyped(plain) + tail * punctuation)
                starts.append(i == 0)
                kinds.append(CLAUSES.index(clause.kind))
                roles.append(ROLES.index(role))
        return LabelledSentence(tuple(words), tuple(starts), tuple(kinds), tuple(roles))

    def _mistyped(self, word: str) -> str:
        if len(word) < 4 or not self._chance(0.012):
            return word
        i = int(self._rng.integers(len(word) - 1))
        return word[:i] + word[i + 1] + word[i] + word[i + 2 :] if self._chance(0.5) else word[:i] + word[i + 1 :]
