"""Words -> Sentence: an instruction parsed once, by the structure that the encoder tells and by the connectives."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from arbiter.routing.clauses import Parsed, connected, opened, parse
from arbiter.routing.quantities import extract
from arbiter.routing.segmentation import punctuated
from arbiter.routing.structure import SURE, Clause, Word, clauses
from arbiter.routing.text import words

WAITS = 0.5  # probability from which a clause is believed to make a command wait
BREAKS = tuple(",.;:!?")
CHOICE = ("or ", "nor ", "than ")  # what begins with one of them is no command of its own
# What order words that `parse` does not know come to, by a word of theirs; the first that fits.
_THEN = frozenset("then next afterwards thereafter subsequently finally lastly".split())
_SAME = frozenset("while whilst meanwhile simultaneously same as".split())
_FIRST = frozenset("prior beforehand first preceded".split())
_ORDERS = (
    (_SAME, "while"),
    (_FIRST, "but first"),
    (frozenset("which that this it done finished ready complete completed over through".split()), ", then"),
    (frozenset("before".split()), "before"),
    (frozenset("after once when soon following having".split()), "after"),
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """An instruction, parsed.

    Attributes:
        clauses: As the encoder tells them.
        put_off: What the command waits for, in the words of the text: a condition, a later time; "" for nothing.
        plain: The text without politeness and remarks, with a break between two commands.
        parsed: What `plain` asks for and rules out.
    """

    clauses: tuple[Clause, ...]
    put_off: str
    plain: str
    parsed: Parsed


def read(text: str, logits: Callable[[Sequence[str]], np.ndarray] | None) -> Sentence:
    """Parses a normalised, expanded text.

    Args:
        logits: Of `arbiter.routing.structure.clauses`; None where no encoder tells the structure: the connectives only.
    """
    found = clauses(text, logits) if logits else ()
    late = next((clause.text for clause in found if clause.waits >= WAITS), "")
    plain = _plain(found) if found else punctuated(text)
    return Sentence(found, late, plain, parse(plain))


def _plain(found: tuple[Clause, ...]) -> str:
    asked = any(clause.kind == "command" for clause in found)
    text, complete = "", False  # complete: what stands so far has a command
    for clause in found:
        if asked and clause.certainty >= SURE and clause.kind in ("remark", "question", "retracted"):
            continue
        if bare := clause.without("frame").words:
            text = _joined(text, bare, complete)
            complete = complete or _commands(bare)
    return text


def _commands(clause: Sequence[Word]) -> bool:
    """Whether words name something to do, and not a mere side, quantity or manner."""
    said = " ".join(word.text for word in clause)
    return any(word.role == "other" for word in clause) and bool(words(extract(said)[1]))


def _joined(before: str, clause: Sequence[Word], complete: bool) -> str:
    """The text `before` and a clause: as the text joins them, by a connective that `parse` knows, or by a break."""
    said = " ".join(word.text for word in clause)
    if not before:
        return _led(clause, first=True) or said
    run_on = not before.endswith(BREAKS)
    if said.startswith(CHOICE) or clause[0].role in ("negation", "correction"):
        return f"{before} {said}"
    if led := _led(clause, first=False):
        return f"{before.rstrip(',') if led[0] == ',' else before} {led}"
    if connected(said):
        aside = before.endswith((" left", " right"))  # "turn right, after you bow", and not "turn, right after you bow"
        return f"{before}{',' * aside} {said}"
    if not _commands(clause):
        return f"{before.rstrip(',')} {said}"
    if clause[0].text.endswith("ing") and complete:
        return f"{before.rstrip(',')} while {said}"  # "walk forward waving"
    if not (run_on and complete):
        return f"{before} {said}"
    return f"{before}, {said}" if opened(before) else f"{before}, then {said}"


def _led(clause: Sequence[Word], first: bool) -> str:
    """A clause with a connective that `parse` knows for order words that it does not know; "" where there are none."""
    lead = list(itertools.takewhile(lambda word: word.role == "order" and word.certainty >= SURE, clause))
    rest = clause[len(lead) :]
    if not rest:
        return ""
    while lead and lead[0].text in ("and", "but"):
        lead = lead[1:]
    names = {word.text.rstrip(",:") for word in lead}
    if not first and len(rest) > 1 and rest[-1].text.rstrip(",.;:!?") in _FIRST:  # "but bow first"
        return f"but first {' '.join(word.text for word in rest[:-1])}"
    if not lead or connected(" ".join(word.text for word in (*lead, *rest))):
        return ""
    joint = ", then" if names & _THEN else next((joint for known, joint in _ORDERS if names & known), ", then")
    return f"{joint} {' '.join(word.text for word in rest)}"
