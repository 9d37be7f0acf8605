"""Self-corrections: "turn left, no wait, turn right" asks for the right turn only."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from statistics import fmean

from arbiter.routing.patterns import patterns
from arbiter.routing.quantities import COLOURS, extract
from arbiter.routing.structure import FILLERS, SURE, Clause, Word
from arbiter.routing.text import strip_politeness, words

FEW = 4  # words that replace others of a command
MOST = 8  # corrections that one text may hold
_SECOND_THOUGHT, _DISMISSED, _COMMAND, _SCOPE, _MARK, _BREAK, _MEANT, _GOES_ON, _JOINT = patterns(
    "corrections", "second_thought dismissed command scope mark break meant goes_on joint"
)
_ASKED, _HALTING, _REGRETFUL, _REFUSING, _TOLD_LAST = patterns("halts", "asked halting regretful refusing told_last")
_SIDE, *_WAYS = patterns("mendable", "side forward up clockwise")
_COLOUR = re.compile(rf"\b(?:{'|'.join(COLOURS)})\b")
_THEN = re.compile(r"^(?:and )?then ")
_DENIED = re.compile(r"\bnot (?:the |that )?(\w+)")
_THING = re.compile(r"\b(?:your|the) (?:\w+ )?(?!left$|right$)\w+$")
_IT = re.compile(r"(?<=\w )(?<!\bdo )(?<!\bmake )(?:it|them)\b(?=(?: up| down)?(?:$|[,.;!?]| and\b| then\b))")
_BARE, _BARE_NUMBER, _HEADING, _COUNTED, _OTHER = patterns("mended", "bare number heading counted other")


def _commands(text: str) -> bool:
    """Whether what a text ends in asks for something: its last clause has a command verb that nothing rules out."""
    clause = strip_politeness(_MARK.split(text)[-1])
    return _COMMAND.search(clause) is not None and _SCOPE.search(clause) is None


def corrected(text: str) -> str:
    """A normalised, expanded text without what it takes back.

    What is taken back is the command just before the words of regret ("no wait", "I mean", "scratch that"); all of the text
    where the new command has another verb, or where there is none ("turn left, oh no"). A mere side, direction, colour or
    quantity goes into the command that it mends.
    """
    text = _DISMISSED.sub("", text)
    for _ in range(MOST):
        before, text = text, _retold(text)
        if text == before:
            break
    for _ in range(MOST):
        found = _SECOND_THOUGHT.finditer(text)
        # A "no" amid words follows a command: "turn left no right", and not "the sign says no turn".
        match = next((one for one in found if not one["amid"] or _commands(text[: one.start()])), None)
        if not match:
            break
        before, after = text[: match.start()].rstrip(" ,.;:!?-"), text[match.end() :].strip()
        if not words(after):
            return "" if words(before) and not _MEANT.search(match[0]) else text
        if not words(before) and "make" in match[0]:
            return text
        if _MEANT.search(match[0]) and _GOES_ON.match(after):
            return text  # "bow, er, sit down I mean, and then wave": of what stands before it
        text = _mended(before, after) if words(before) else after
    return text


def _retold(text: str) -> str:
    """A text without the first command that is contradicted where speech halts or regrets: "wave left, er, right hand"."""
    starts = [0, *(mark.end() for mark in _MARK.finditer(text)), len(text) + 1]
    parts = [_THEN.sub("", text[a : b - 1].strip(" ,.;:!?-")) for a, b in itertools.pairwise(starts)]
    for i, part in enumerate(parts[1:], 1):
        meant = _TOLD_LAST.match(part)
        what = _HALTING.sub("", meant["what"] if meant else part, count=1)
        mere = _mere(what)
        k = next((k for k in reversed(range(i)) if _taken_back(parts[k], what, mere)), None)
        if k is None:
            continue
        between, last = parts[k + 1 : i], _JOINT.split(parts[k])[-1].strip()
        mere &= _contradicts(last, what)
        asked = _ASKED.search(what) is not None
        regrets = any(map(_REGRETFUL.search, between)) or (part != what and _REGRETFUL.match(part) is not None)
        halts = part != what or any(not _HALTING.sub("", one, count=1) for one in between)
        denied = any(match[1] in words(last) for one in between for match in _DENIED.finditer(one))
        before, after = text[: starts[k + 1] - 1], what + text[starts[i + 1] - 1 :]
        if asked and denied:
            return f"{before[: before.rindex(last)]}{after}"
        if (
            (mere and (meant or halts or regrets))
            or (asked and (meant or any(map(_REFUSING.match, between))))
            or (regrets and _of_one_verb(last, what))
        ):
            return _mended(before, after)
    return text


def _taken_back(part: str, what: str, mere: bool) -> bool:
    """Whether a part may be what is taken back: a command, or what a mere word contradicts."""
    return _SCOPE.search(part) is None and (_ASKED.search(part) is not None or (mere and _contradicts(part, what)))


def _mere(what: str) -> bool:
    """Whether words are but a few and no command; "five waves" is one only by itself."""
    said = words(what)
    return 0 < len(said) <= FEW and (_ASKED.search(what) is None or _BARE_NUMBER.match(said[0]) is not None)


def _contradicts(last: str, what: str) -> bool:
    """Whether words name another side, colour, direction or quantity of the same kind than a command."""
    for pattern in (_SIDE, _COLOUR, *_WAYS):
        if (old := pattern.search(last)) and (new := pattern.search(what)):
            return old[0] != new[0]
    values = {kind for kind, *_ in extract(last)[0].values}
    return bool(values and (_BARE_NUMBER.match(what) or values & {kind for kind, *_ in extract(what)[0].values}))


def _of_one_verb(last: str, what: str) -> bool:
    """Whether two commands differ, and begin alike or contradict each other."""
    before, after = words(strip_politeness(last)), words(strip_politeness(what))
    return before != after and (before[:1] == after[:1] or (_ASKED.search(what) is not None and _contradicts(last, what)))


def corrected_by(found: Sequence[Clause]) -> str:
    """The text of clauses, mended by the first of them that has words of regret at an end; "" where none has."""
    for i, clause in enumerate(found[1:], 1):
        if (body := _regretted(clause)) is not None:
            before = _said(word for one in found[:i] for word in one.words)
            after = _said((*body, *(word for one in found[i + 1 :] for word in one.words)))
            if then := _GOES_ON.match(after):
                after = after[then.end() :].strip()  # "turn right, sorry, then turn left"
            return _mended(before.rstrip(" ,.;:!?-"), after) if words(after) else ""
    return ""


def _said(told: Iterable[Word]) -> str:
    return " ".join(word.text for word in told)


def _regretted(clause: Clause) -> Sequence[Word] | None:
    """The words of a clause without those of regret at its ends; None where it surely has none."""
    said, found = list(clause.words), False
    for last in (False, True):
        run = list(itertools.takewhile(lambda word: word.role == "correction", reversed(said) if last else said))
        if not run or fmean(word.certainty for word in run) < SURE or set(words(_said(run))) <= FILLERS:
            continue
        found = True
        said = said[: -len(run)] if last else list(itertools.dropwhile(lambda word: word.role == "frame", said[len(run) :]))
    return said if found else None


def _mended(before: str, after: str) -> str:
    after = _DISMISSED.sub("", after)
    joint = _JOINT.search(before)
    kept, last = (before[: joint.end()], before[joint.end() :].strip()) if joint else ("", before)
    first_clause = _BREAK.split(after)[0]
    if (denied := _DENIED.match(after)) and denied[1] in words(last) and words(after[denied.end() :]):
        after = after[denied.end() :].lstrip(" ,.;:!?-")  # "bow, then wave, no, not wave, turn"
        return after if words(kept)[:2] == words(after)[:2] else f"{kept} {after}".strip()  # or all of it is said anew
    if (bare := _BARE_NUMBER.match(after)) and (values := extract(last)[0].values):
        return f"{kept} {_recounted(last, values[-1][2], bare['number'])}{after[bare.end() :]}".strip()
    said, rest = extract(first_clause.strip())
    own = {*COLOURS, *(words(extract(last)[1]) if said.values else words(last)[1:])}  # "three waves, no, five waves"
    bare = all(word in own or _BARE.fullmatch(word) for word in words(rest))
    if bare or (_mere(first_clause) and _contradicts(last, first_clause)):
        return f"{kept} {_replaced(last, first_clause.strip(), said.values)}{after[len(first_clause) :]}".strip()
    if words(last)[:1] == words(after)[:1]:
        return f"{kept} {after}".strip()
    thing = _THING.search(last)
    return _IT.sub(thing[0], after, count=1) if thing else after  # "walk to the blue ball, no, touch it"


def _recounted(last: str, old: str, number: str) -> str:
    """The command `last` with another number before the unit of its quantity `old`: "two metres, no, three"."""
    new = f"{number} times" if _COUNTED.fullmatch(old) else _HEADING.sub(number, old, count=1) if _HEADING.match(old) else number
    return last.replace(old, new)


def _replaced(last: str, new: str, values: tuple[tuple[str, float, str], ...]) -> str:
    """The command `last` with the side, direction, colour and quantities of `new` for its own."""
    if _OTHER.search(new) and (side := _SIDE.search(last)):
        return _SIDE.sub("right" if side[1] == "left" else "left", last)
    done = False
    for pattern in (_SIDE, _COLOUR, *_WAYS):
        if (told := pattern.search(new)) and (old := pattern.search(last)):
            said = new[told.start() :] if old.end() == len(last) else told[0]  # "the red, no, green ball"
            last, done = pattern.sub(said, last), True
    for kind, _, said in values:
        if old := next((old for other, _, old in extract(last)[0].values if other in (kind, "number")), None):
            last, done = last.replace(old, said), True
        else:
            last = f"{last} {said}"
    return last if done else f"{last} {new}"
