"""The structure of a sentence: where its clauses begin, what kind each is, what each word is for; told by a tuned encoder.

It knows no skill: it may cut, strip and veto, and never makes a command of what is none (`training.router.structure`).
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from arbiter.routing.languages.english import english

CLAUSES = ("command", "negated", "conditional", "timed", "remark", "question", "stop", "follow-up", "retracted")
ROLES = ("other", "frame", "order", "negation", "condition", "time", "side", "quantity", "manner", "repetition", "correction")
OUTPUTS = 2 + len(CLAUSES) + len(ROLES)  # logits of a word: no start, start; clauses; roles
START = 0.5  # probability from which a word begins a clause
CLEAR = 0.9  # probability of a role from which a word amid others of another role keeps it
WHOLLY = 0.55  # mean probability of a role of all words of a clause from which it is left out
SURE = 0.7  # probability from which a word's role or a clause's kind is acted upon
FEW = 3  # words of politeness of which one may be unknown
PUT_OFF = ("conditional", "timed")  # kinds of clauses that make a command wait
_ENDS = ",.;:!?"


@dataclass(frozen=True, slots=True)
class Word:
    """A word as it stands in the text, punctuation at its end; its role, one of ROLES; the probability of that role."""

    text: str
    role: str
    certainty: float


@dataclass(frozen=True, slots=True)
class Clause:
    """A clause of a sentence.

    Attributes:
        kind: One of CLAUSES. certainty: Probability of `kind`.
        words: In order.
    """

    kind: str
    certainty: float
    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """Its words, without punctuation at the end."""
        return " ".join(word.text for word in self.words).rstrip(" " + _ENDS)

    @property
    def denies(self) -> bool:
        """Whether it begins with what rules something out: "don't stop"."""
        return self.words[0].role == "negation" or "not" in (word.text for word in self.words[:2])

    @property
    def waits(self) -> float:
        """Probability that it makes a command wait: as the clause's kind, or as the share of its words that tell of it."""
        late = [word.certainty for word in self.words if word.role in ("condition", "time")]
        return max(self.certainty * (self.kind in PUT_OFF), sum(late) / len(self.words))

    @property
    def waiting(self) -> str:
        """Its words that tell what a command waits for; all of them where none does."""
        late = [word.text for word in self.words if word.role in ("condition", "time")]
        return " ".join(late).rstrip(" " + _ENDS) or self.text

    @staticmethod
    def _doubtful(word: Word) -> bool:
        return word.certainty < CLEAR and word.text not in english().telling

    def without(self, role: str, bound: Set[str] = frozenset(), known: Set[str] | None = None) -> tuple[Clause, tuple[str, ...]]:
        """The clause without each run of words that surely have a role, and these runs; what ended the clause still does.

        One or two words amid such words are taken along, if they are not clearly something else. A run behind a word of
        `bound` stays: "beside the" needs what comes after it. So does one with a word that is not of `known` ones, unless it is
        set apart: "bow, professor" and not "bow ties".
        """
        mine = [word.role == role and word.text.rstrip(_ENDS) not in english().telling for word in self.words]
        for i, (word, after) in enumerate(itertools.pairwise(self.words)):
            asked = {one.text for one in self.words if one.role == role} & english().courteous
            denied = word.text == "no" or (word.text == "not" and asked)  # "if it is no trouble", "why don't you bow"
            mine[i] |= bool(denied) and word.role == after.role == role and word.certainty >= CLEAR
            mine[i + 1] &= word.text != "right" or after.text.rstrip(_ENDS) not in ("now", "away")  # without it a side is left
        for gap in (1, 2):
            for i in range(len(mine) - gap - 1):
                if mine[i] and mine[i + gap + 1] and all(map(self._doubtful, self.words[i + 1 : i + gap + 1])):
                    mine[i : i + gap + 2] = [True] * (gap + 2)
        kept: list[Word] = []
        gone: list[str] = []
        for same, run in itertools.groupby(zip(mine, self.words, strict=True), key=lambda pair: pair[0]):
            words = [word for _, word in run]
            told = [word.certainty for word in words if word.role == role] or [1.0]
            amid = bool(kept) and words[-1] is not self.words[-1]
            behind = words[1 + next((i for i, word in enumerate(words) if word.text.endswith(tuple(_ENDS))), len(words)) :]
            apart = (kept and kept[-1].text.endswith(tuple(_ENDS))) or (not kept and words[-1].text.endswith(tuple(_ENDS)))
            closed = not amid or words[-1].text.endswith(tuple(_ENDS))
            clear = closed and all(word.certainty >= CLEAR for word in behind or words)
            joined = words[: len(words) - len(behind)] if clear else words  # "walk on then, my lover"
            unknown = 0 if known is None or apart else sum(word.text.strip(_ENDS) not in known for word in joined)
            strange = unknown * FEW >= len(words)  # "bow ties", and not "my nephew would like you to bow"
            alone = amid and len(words) == 1 and words[0].text.strip(_ENDS) not in english().fillers and not (apart and clear)
            sure = fmean(told) >= WHOLLY if len(words) == len(self.words) else math.prod(told) >= SURE ** len(told)
            if not same or alone or strange or not sure or (kept and kept[-1].text in bound and len(joined) == len(words)):
                kept += words
            else:
                gone.append(" ".join(word.text.strip(_ENDS) for word in words))
                named = [word.text in ("a", "an", "the", "your", "you") or word.text.endswith("ing") for word in kept[1:2]]
                # "before the bow please wave"
                if amid and len(words) > 1 and kept[0].role == "order" and not apart and any(named):
                    kept[-1] = dataclasses.replace(kept[-1], text=f"{kept[-1].text},")
        end = self.words[-1].text[len(self.words[-1].text.rstrip(_ENDS)) :]
        if kept and kept[-1] is not self.words[-1] and end:
            kept[-1] = dataclasses.replace(kept[-1], text=kept[-1].text.rstrip(_ENDS) + end)
        return Clause(self.kind, self.certainty, tuple(kept)), tuple(gone)


def clauses(text: str, logits: Callable[[Sequence[str]], np.ndarray]) -> tuple[Clause, ...]:
    """The clauses of a normalised, expanded text.

    Args:
        logits: Words -> logits, shape (words, OUTPUTS).
    """
    words = text.split()
    if not words:
        return ()
    start, kind, role = _log_probabilities(logits(words))
    begins = np.flatnonzero(np.exp(start[1:, 1]) >= START) + 1
    found = []
    for a, b in zip([0, *begins], [*begins, len(words)], strict=True):
        share = np.exp(kind[a:b].mean(axis=0))  # a word votes with the logarithm of its probability
        share /= share.sum()
        best, roles = int(share.argmax()), role[a:b].argmax(axis=1)
        told = (Word(words[i], ROLES[r], float(np.exp(role[i, r]))) for i, r in zip(range(a, b), roles, strict=True))
        found.append(Clause(CLAUSES[best], float(share[best]), tuple(told)))
    return tuple(found)


def _log_probabilities(logits: np.ndarray) -> list[np.ndarray]:
    """Of (start, kind, role) of each word."""
    parts = np.split(logits, (2, 2 + len(CLAUSES)), axis=1)
    return [part - np.logaddexp.reduce(part, axis=1, keepdims=True) for part in parts]
