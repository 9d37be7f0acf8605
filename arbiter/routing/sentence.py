"""Words -> Sentence: an instruction parsed once, by the structure that the encoder tells and by the connectives."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np

from arbiter.routing.clauses import RUN_ON, Parsed, at_once, connected, negates, opened, parse
from arbiter.routing.languages.english import english
from arbiter.routing.patterns import patterns
from arbiter.routing.pronouns import Pronouns
from arbiter.routing.quantities import extract
from arbiter.routing.structure import CLEAR, FILLERS, PUT_OFF, SURE, Clause, Word, clauses
from arbiter.routing.text import words
from arbiter.routing.told_order import in_told_order
from arbiter.routing.verbs import uninflected

WAITS = 0.45  # probability from which a clause is believed to make a command wait
HALT = 0.5  # probability from which a clause of a refused text is taken for a stop
TOLD = 0.85  # probability from which a text that is nothing but a remark asks for nothing
BREAKS = tuple(",.;:!?")
LIKELY = 0.55  # probability from which a remark beside a command is left out, with a note
REMARK = 3  # words from which a remark or a question beside a command is left out
NONE_NAMED = Pronouns(())  # where no skill is loaded
CHOICE = ("or ", "nor ", "than ")  # what begins with one of them is no command of its own
_LATER, _DEPENDS, _WELL_THEN, _AS_MOVE, _AFTER, _PRIOR, _AMID, _PURPOSE, _PACE, _AIMED = patterns(
    "sentence", "later depends well_then as_move after prior_to_it prior_amid purpose pace aimed"
)
# What order words that `parse` does not know come to; the first that fits.
_ORDERS = tuple(
    zip(
        patterns("orders", "beforehand beside then while first before done after"),
        ("but first", "while", ", then", "while", "but first", "before", ", then", "after"),
        strict=True,
    )
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """An instruction, parsed.

    Attributes:
        clauses: As the encoder tells them.
        put_off: What the command waits for, in the words of the text: a condition, a later time; "" for nothing.
        plain: The text without politeness and remarks, with a break between two commands.
        parsed: What `plain` asks for and rules out.
        left_out: Words that `plain` lacks although they are of no known form of politeness.
        manners: Words of `plain` that tell how something is to be done.
    """

    clauses: tuple[Clause, ...]
    put_off: str
    plain: str
    parsed: Parsed
    left_out: tuple[str, ...]
    manners: tuple[str, ...]

    @property
    def told(self) -> bool:
        """Whether all of it is surely a remark."""
        return bool(self.clauses) and all(clause.kind == "remark" and clause.certainty >= TOLD for clause in self.clauses)

    @property
    def halt(self) -> str:
        """The clause that most surely means stop, in the words of the text; "" for none."""
        halts = [clause for clause in self.clauses if clause.kind == "stop" and clause.certainty >= HALT and not clause.denies]
        return max(halts, key=lambda clause: clause.certainty).text if halts else ""


def read(
    text: str,
    logits: Callable[[Sequence[str]], np.ndarray] | None,
    wordings: Set[str] = frozenset(),
    pronouns: Pronouns = NONE_NAMED,
) -> Sentence:
    """Parses a normalised, expanded text.

    Args:
        logits: Of `arbiter.routing.structure.clauses`; None where no encoder tells the structure: the connectives only.
        wordings: Words of politeness and of order that the encoder was tuned on.
        pronouns: Tells what they stand for.
    """
    text = pronouns.ahead(_WELL_THEN.sub("", text))
    text = _AS_MOVE.sub(_told_place, text)
    text = _PRIOR.sub(" first", _AMID.sub(r"\g<first>, then \g<second>", _AFTER.sub(" after ", text)))
    purposes = tuple(match[0].strip(" ,") for match in _PURPOSE.finditer(text))
    text = _PURPOSE.sub("", text)
    found = tuple(_known(clause, wordings) for clause in clauses(text, logits)) if logits else ()
    late = next(
        (
            clause.text if clause.kind in PUT_OFF else clause.waiting
            for clause in found
            if (clause.waits >= (SURE if _AIMED.match(clause.text) else WAITS) and not _amount(clause.text)) or _later(clause)
        ),
        "",
    )
    known = wordings | english().function | english().determiners | english().prepositions | english().light_verbs
    plain, gone = _plain(in_told_order(_unechoed(found)), known) if found else (text, ())
    manners = tuple(run for clause in found for run in clause.without("manner")[1])
    unread = tuple(run for run in (*gone, *purposes) if set(words(run)) - known)
    return Sentence(found, late, plain, at_once(parse(plain, pronouns.resolved), text), unread, manners)


def _told_place(match: re.Match[str]) -> str:
    """The order word for "as your first move", "as the last thing"."""
    behind = match.string[: match.start()].rstrip()[-1:] not in ("", ",", ";") and match[0].endswith(",")
    if behind and match["place"] in english().last:
        return "lastly,"  # of the command before it: "sit down as the last thing, before that bow"
    return "first" if match["place"] in english().first else "then"


def _unechoed(found: Sequence[Clause]) -> tuple[Clause, ...]:
    """Clauses without those that say the one before an address once more: "move up, my friend, move up"."""
    found = [_once(clause) for clause in found]
    said = [clause.text for clause in found]
    kept = [clause.without("frame")[0].text for clause in found]
    apart = {i for i in range(2, len(found)) if said[i] == said[i - 2] and not kept[i - 1]}
    within = {i for i in range(1, len(found)) if kept[i] == said[i - 1] and found[i].words[0].role == "frame"}
    return tuple(clause for i, clause in enumerate(found) if i not in apart | within)


def _once(clause: Clause) -> Clause:
    """A clause without words that only say those before an address once more: "reverse, mate, reverse"."""
    runs = [tuple(run) for _, run in itertools.groupby(clause.words, key=lambda word: word.role == "frame")]
    told = [" ".join(word.text.strip(" ,.;:!?") for word in run) for run in runs]
    kept = (run for i, run in enumerate(runs) if i < 2 or run[0].role == "frame" or told[i] != told[i - 2])
    return replace(clause, words=tuple(itertools.chain.from_iterable(kept)))


def _known(clause: Clause, wordings: Set[str]) -> Clause:
    """A clause whose order words are such words: others, of which nobody knows what they order, are of the command. What rules
    something out in words that `parse` does not know is a "not": "under no circumstances turn left"."""
    said = tuple(
        word if word.role != "order" or word.text.rstrip(",.;:!?") in wordings else replace(word, role="other")
        for word in clause.words
    )
    denied = len([*itertools.takewhile(lambda word: word.role == "negation", said)])
    adverbial = denied > 1 and said[0].text in english().prepositions
    if adverbial and clause.kind == "negated" and clause.certainty >= SURE and not negates(clause.text):
        said = (replace(said[0], text="not"), *said[denied:])
    return replace(clause, words=said)


def _later(clause: Clause) -> bool:
    """Whether a word of a clause puts it off, whatever the others do: "later maybe wave", "but only if nobody is near"."""
    telling = {"time": english().later, "condition": english().conditions}
    said = (word for word in clause.words if word.certainty >= CLEAR)
    return any(word.text.strip(" ,.;:!?") in telling.get(word.role, ()) for word in said)


def _amount(text: str) -> bool:
    """Whether words are a pace or an angle to a side, and no time: "at 0.2", "right thirty"."""
    said, rest = extract(text)
    return bool(_PACE.fullmatch(text) or (said.sides and said.values and set(words(rest)) <= {"left", "right"}))


def delay(text: str) -> str:
    """A time after which, or at which, something is to be done: "in ten minutes", "at 5 pm"; "" where there is none.

    "Two metres in ten seconds" is a speed.
    """
    match = _LATER.search(text)
    if match is None:
        return ""
    extent = {kind for kind, *_ in extract(text)[0].values} & {"distance", "angle", "steps", "speed"}
    return "" if match["short"] and extent else match[0].strip(" ,")


def depends(text: str, deeds: Set[str]) -> str:
    """A condition on something that no skill has to do with: "as soon as the guests are here"; "" where there is none.

    "Once the bow is done" tells an order: the parser tells those two apart. `deeds` are the words that the skills' phrases begin
    with.
    """
    said = words(text)
    return next(
        (
            match[0]
            for match in _DEPENDS.finditer(text)
            # "At the end of the shift": a deed, too, but none of this text.
            if match["what"] not in deeds or (match["place"] and said.count(match["what"]) == 1)
        ),
        "",
    )


def _plain(found: tuple[Clause, ...], known: Set[str]) -> tuple[str, tuple[str, ...]]:
    asked = any(clause.kind in ("command", "follow-up") for clause in found)
    bound = english().determiners | english().prepositions
    gone: tuple[str, ...] = ()
    text, complete = "", False  # complete: what stands so far has a command
    for before, clause, after in zip((None, *found[:-1]), found, (*found[1:], None), strict=True):
        doubt = SURE if clause.words[0].role == "order" else LIKELY  # "and ram the ladder"
        subject = before is not None and before.words[0].text.endswith("ing") and not before.words[-1].text.endswith(BREAKS)
        # "Sitting down all day | ruins your back": what is told of a deed stays with it.
        if asked and not subject and clause.certainty >= doubt and _left_out(clause, after):
            gone = (*gone, clause.text)
            continue
        rest, runs = clause.without("frame", bound, known)
        bare, gone = rest.words, (*gone, *runs)
        if bare and any(run.endswith("if you") for run in runs):  # "it would be lovely if you stood up"
            bare = (replace(bare[0], text=uninflected(bare[0].text)), *bare[1:])
        doubtful = clause.kind not in PUT_OFF and all(word.role in ("frame", "other") and word.certainty < CLEAR for word in bare)
        if runs and {word.text.strip(" ,.;:!?") for word in bare} <= (known if doubtful else bound):
            continue  # what is left of "go on," or "thank you"
        kept = any(word.role != "order" for word in bare) or connected(" ".join(word.text for word in bare))
        if kept or (bare and text and after is None):  # "wave, but bow first"; and not "number two, bow"
            text = _joined(text, bare, complete)
            # Nothing says where what is forbidden ends: "don't walk forward turn left" forbids all of it.
            forbids = clause.kind == "negated" and {"not", "never"} & {word.text for word in bare}
            complete = not forbids and (complete or _commands(bare))
    return text, gone


def _left_out(clause: Clause, after: Clause | None) -> bool:
    """Whether a clause beside a command is none: a remark, or what the next clause takes back."""
    if clause.kind == "retracted" and after is not None:
        lead = {word.text.strip(",.;:!?") for word in after.words if word.role == "correction" and word.certainty >= SURE}
        return clause.certainty >= CLEAR or bool(lead - FILLERS)  # "uh" takes nothing back
    return clause.kind in ("remark", "question") and len(clause.words) >= REMARK


def _commands(clause: Sequence[Word]) -> bool:
    """Whether words name something to do, and not a mere side, quantity or manner."""
    said = " ".join(word.text for word in clause)
    return any(word.role == "other" for word in clause) and bool(words(extract(said)[1]))


def _joined(before: str, clause: Sequence[Word], complete: bool) -> str:
    """The text `before` and a clause: as the text joins them, by a connective that `parse` knows, or by a break."""
    said = " ".join(word.text for word in clause)
    if not before:
        return _led(clause).removeprefix(", then ") or said
    run_on = not before.endswith(BREAKS)
    if said.startswith(CHOICE) or clause[0].role in ("negation", "correction"):
        return f"{before} {said}"
    if led := _led(clause):
        return f"{before.rstrip(',')}{led}" if led[0] == "," else f"{before} {led}"
    if connected(said):
        aside = before.endswith((" left", " right"))  # "turn right, after you bow", and not "turn, right after you bow"
        return f"{before}{',' * aside} {said}"
    if not _commands(clause):
        manner = all(word.role == "manner" for word in clause)
        return f"{before.rstrip(',') if manner else before} {said}"
    if clause[0].text.endswith("ing") and complete and clause[0].text != "going":
        return f"{before.rstrip(',')} while {said}"  # "walk forward waving"
    if not (run_on and complete):
        return f"{before} {said}"
    return f"{before}, {said}" if opened(before) else f"{before} {RUN_ON} {said}"


def _led(clause: Sequence[Word]) -> str:
    """A clause with a connective that `parse` knows for order words that it does not know; "" where there are none."""
    lead = list(itertools.takewhile(lambda word: word.role == "order", clause))
    rest = clause[len(lead) :]
    if not rest or (lead and fmean(word.certainty for word in lead) < SURE):
        return ""
    while lead and lead[0].text in ("and", "but"):
        lead = lead[1:]
    told = [word.text.rstrip(",:") for word in lead]
    if not lead or (connected(" ".join(word.text for word in (*lead, *rest))) and (told[-1:] != ["is"] or len(lead) == 1)):
        return ""  # but "next up is one bow"
    said = " ".join(told)
    joint = next((joint for pattern, joint in _ORDERS if pattern.search(said)), ", then")
    return f"{joint} {' '.join(word.text for word in rest)}"  # "with your arms going up": while
