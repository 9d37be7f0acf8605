"""Words -> Sentence: an instruction parsed once, by the structure that the encoder tells and by the connectives."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace

import numpy as np

from arbiter.routing.clauses import Parsed, negates, parse, parsed
from arbiter.routing.connectives import BREAKS, Connective, cut
from arbiter.routing.languages.english import english
from arbiter.routing.numerals import AND_A_PART
from arbiter.routing.patterns import patterns
from arbiter.routing.pronouns import Pronouns
from arbiter.routing.quantities import extract
from arbiter.routing.structure import CLEAR, PUT_OFF, SURE, Clause, Word, clauses
from arbiter.routing.text import words
from arbiter.routing.verbs import PARTICIPLE, uninflected

TIMED = 0.8  # the same of what begins with "at", which may be whom a gesture is made at
WAITS = 0.45  # probability from which a clause is believed to make a command wait
HALT = 0.5  # probability from which a clause of a refused text is taken for a stop
TOLD = 0.85  # probability from which a text that is nothing but a remark asks for nothing
LIKELY = 0.55  # probability from which a remark beside a command is left out, with a note
REMARK = 3  # words from which a remark or a question beside a command is left out
NONE_NAMED = Pronouns(())  # where no skill is loaded
_AND_A_PART = re.compile(AND_A_PART)
_LATER, _WELL_THEN, _AMID, _PURPOSE, _PACE, _LASTING, _MEANWHILE = patterns(
    "sentence", "later well_then amid purpose pace lasting meanwhile"
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """An instruction, parsed.

    Attributes:
        clauses: As the encoder tells them; order words that nobody knows are of the command, and what forbids is a "not".
        put_off: What the command waits for, in the words of the text: a condition, a later time; "" for nothing.
        parsed: What it asks for and rules out.
        left_out: Words beside that which are of no known form of politeness.
        manners: Words that tell how something is to be done.
    """

    clauses: tuple[Clause, ...]
    put_off: str
    parsed: Parsed
    left_out: tuple[str, ...]
    manners: tuple[str, ...]

    @property
    def told(self) -> bool:
        """Whether all of it is surely a remark."""
        return bool(self.clauses) and all(clause.kind == "remark" and clause.certainty >= TOLD for clause in self.clauses)

    @property
    def reported(self) -> str:
        """What tells that the command behind it is somebody's words: "the letter reads | come back"; "" for nothing."""
        for clause, after in itertools.pairwise(self.clauses):
            tells = clause.kind == "remark" and clause.words[-1].text in english().reporting
            if tells and after.kind == "command":
                return clause.text
        return ""

    @property
    def halt(self) -> str:
        """The clause that most surely means stop, in the words of the text; "" for none."""
        said = (clause for clause in self.clauses if clause.kind == "stop" and clause.certainty >= HALT)
        halts = [clause for clause in said if not clause.denies and any(map(str.isalpha, clause.text))]
        return max(halts, key=lambda clause: clause.certainty).text if halts else ""


def clauses_of(
    text: str, logits: Callable[[Sequence[str]], np.ndarray] | None = None, wordings: Set[str] = frozenset()
) -> tuple[Clause, ...]:
    """The clauses of a normalised, expanded text.

    Args:
        logits: Of `arbiter.routing.structure.clauses`; None where no encoder tells the structure: there are none then.
        wordings: Words of politeness and of order that the encoder was tuned on.
    """
    found: list[Clause] = []
    for clause in clauses(_bare(text), logits) if logits else ():
        if found and _AND_A_PART.match(f" {clause.text}"):  # "a metre | and a half ahead"
            found[-1] = replace(found[-1], words=(*found[-1].words, *clause.words))
        else:
            found.append(clause)
    return tuple(_known(clause, wordings) for clause in found)


def _bare(text: str) -> str:
    return _MEANWHILE.sub("", _WELL_THEN.sub("", _AMID.sub(r"\g<word> ", text)))


def read(
    text: str,
    structure: Callable[[str], tuple[Clause, ...]] = clauses_of,
    known: Set[str] = frozenset(),
    pronouns: Pronouns = NONE_NAMED,
) -> Sentence:
    """Parses a normalised, expanded text.

    Args:
        structure: The clauses of a text; where it tells none, the connectives part it.
        known: Words of politeness and of order that the encoder was tuned on.
        pronouns: Tells what they stand for.
    """
    text = pronouns.ahead(text)
    purposes = tuple(match[0].strip(" ,") for match in _PURPOSE.finditer(text))
    text = _PURPOSE.sub("", text)
    found = structure(text)
    late = next(
        (
            clause.text if clause.kind in PUT_OFF else clause.waiting
            for clause in found
            # "Wave at the night shift" is no time.
            if (clause.waits >= (TIMED if clause.words[0].text == "at" else WAITS) and not _amount(clause)) or _later(clause)
        ),
        "",
    )
    known = known | english().function | english().determiners | english().prepositions | english().light_verbs
    kept, gone = _kept(_unechoed(found), known)
    asked = parsed(_parts(kept), pronouns.resolved) if found else parse(_bare(text), pronouns.resolved)
    manners = tuple(run for clause in found for run in clause.without("manner")[1])
    unread = tuple(run for run in (*gone, *purposes) if set(words(run)) - known)
    return Sentence(found, late, asked, unread, manners)


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
    if clause.kind == "negated":  # "off limits today: bowing"
        said = tuple(replace(word, text=word.text.rstrip(":")) for word in said)
    bare = [*itertools.dropwhile(lambda word: word.role == "frame", said)]
    denied = len([*itertools.takewhile(lambda word: word.role == "negation", bare)])
    telling = any(word.text not in english().structure for word in bare[:denied])
    verb = 0 < denied < len(bare) and telling  # "forget about raising your arms"
    adverbial = denied > 1 and bare[0].text in english().prepositions
    sure = clause.kind == "negated" and clause.certainty >= (LIKELY if verb else SURE)
    none = bool(bare) and bare[0].text == "no" and len(bare) > 1 and bare[1].text not in english().particles  # "no bow"
    if sure and (verb or adverbial or none) and not negates(clause.text):
        said = (replace(bare[0], text="not"), *bare[denied:])
    return replace(clause, words=said)


def _later(clause: Clause) -> bool:
    """Whether a word of a clause puts it off, whatever the others do: "later maybe wave", "but only if nobody is near"."""
    conditions = english().conditions
    telling = {"time": english().later, "condition": conditions, "order": conditions}
    said = (word for word in clause.words if word.certainty >= CLEAR)
    return any(word.text.strip(" ,.;:!?") in telling.get(word.role, ()) for word in said)


def _amount(clause: Clause) -> bool:
    """Whether a clause tells how far, fast or long, and no time: "right thirty", "for 3 seconds", "until I say stop"."""
    text = clause.text
    said, rest = extract(text)
    lasting = _LASTING.search(clause.waiting) is not None and not delay(text)
    sided = said.sides and said.values and set(words(rest)) <= {"left", "right"}
    return bool(_PACE.fullmatch(text) or lasting or said.forever or sided)


def delay(text: str) -> str:
    """A time after which, or at which, something is to be done: "in ten minutes", "at 5 pm"; "" where there is none.

    "Two metres in ten seconds" is a speed.
    """
    match = _LATER.search(text)
    if match is None:
        return ""
    extent = {kind for kind, *_ in extract(text)[0].values} & {"distance", "angle", "steps", "speed"}
    return "" if match["short"] and extent else match[0].strip(" ,")


def _kept(found: tuple[Clause, ...], known: Set[str]) -> tuple[list[Clause], tuple[str, ...]]:
    """The clauses that ask for something or rule it out, without politeness, and what is left out."""
    if not found:
        return [], ()
    asked = any(clause.kind in ("command", "follow-up") for clause in found)
    bound = english().determiners | english().prepositions
    gone: tuple[str, ...] = ()
    kept: list[Clause] = []
    for before, clause, after in zip((None, *found[:-1]), found, (*found[1:], None), strict=True):
        doubt = SURE if clause.words[0].role == "order" else LIKELY  # "and ram the ladder"
        subject = before and before.words[0].text.endswith("ing") and not before.words[-1].text.endswith(tuple(BREAKS))
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
        if bare:
            kept.append(replace(clause, words=bare))
    return kept, gone


def _parts(found: Sequence[Clause]) -> list[str | Connective]:
    """The words of clauses and what joins them."""
    parts: list[str | Connective] = []
    complete, marked = False, True  # what stands so far has a command; ends with a mark
    aside = False  # the clause before only rules out a deed beside another: "bow without waving | and turn left"
    for clause in found:
        new, first, commands = cut(clause.words), clause.words[0], _commands(clause.words)
        if aside and clause.kind == "command" and new and not PARTICIPLE.fullmatch(_deed(clause)):
            new = [Connective("comma"), *(new[1:] if new[0] == Connective("and") else new)]
        rules_out = clause.kind == "negated" and first.text in english().prepositions | english().limits
        aside = rules_out and PARTICIPLE.fullmatch(_deed(clause)) is not None
        if (
            first.role in ("negation", "correction")
            or first.text in english().choices
            or not new
            or isinstance(new[0], Connective)
        ):
            pass  # it says itself how it is joined
        elif not commands:
            if all(word.role == "manner" for word in clause.words) and parts[-1:] == [Connective("comma")]:
                parts.pop()
        elif complete and first.text.endswith("ing") and first.text != "going" and clause.words[-1].role != "order":
            parts.append(Connective("while"))  # "walk forward waving"
        elif complete and not marked:
            opened = isinstance(parts[0], Connective) and sum(isinstance(part, str) for part in parts) == 1
            parts.append(Connective("comma" if opened else "runon"))  # "before you bow wave"
        parts += new
        # Nothing says where what is forbidden ends: "don't walk forward turn left" forbids all of it.
        forbids = clause.kind == "negated" and {"not", "never"} & {word.text for word in clause.words}
        complete, marked = not forbids and (complete or commands), clause.words[-1].text.endswith(tuple(BREAKS))
    return parts


def _deed(clause: Clause) -> str:
    """The first word of a clause that is no order word and rules nothing out; "" for none."""
    return next((word.text.strip(" ,.;:!?") for word in clause.words if word.role not in ("order", "negation", "frame")), "")


def _left_out(clause: Clause, after: Clause | None) -> bool:
    """Whether a clause beside a command is none: a remark, or what the next clause takes back."""
    if clause.kind == "retracted" and after is not None:
        lead = {word.text.strip(",.;:!?") for word in after.words if word.role == "correction" and word.certainty >= SURE}
        lead |= {after.words[0].text.strip(",.;:!?")} & english().fillers
        return bool(lead - english().fillers) if lead else clause.certainty >= CLEAR  # "uh" takes nothing back
    return clause.kind in ("remark", "question") and len(clause.words) >= REMARK


def _commands(clause: Sequence[Word]) -> bool:
    """Whether words name something to do, and not a mere side, quantity or manner."""
    said = " ".join(word.text for word in clause)
    return any(word.role == "other" for word in clause) and bool(words(extract(said)[1]))
