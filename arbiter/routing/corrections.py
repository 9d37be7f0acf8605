"""Self-corrections: "turn left, no wait, turn right" asks for the right turn only."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from statistics import fmean

from arbiter.routing.numerals import NUMBER, SPELLED
from arbiter.routing.quantities import extract
from arbiter.routing.structure import FILLERS, SURE, Clause, Word
from arbiter.routing.text import strip_politeness, words

MOST = 8  # corrections that one text may hold
_SAID = (
    r"(?:i (?:mean|meant)(?: to say| say)?|rather(?! than)"
    rf"|make (?:that|it)(?= (?:the|your|to|left|right|for|back|\d|a |half|(?:{SPELLED})\b)))"
)
_UNSAID = (
    r"(?:scratch that|strike that|undo that|forget (?:that|it)(?! (?:you|i|we|he|she|they)\b)|cancel that|correction"
    r"|on second thoughts?|change of plans?|(?:my )?mistake|my bad|disregard(?: that| it)?|ignore that|belay that"
    r"|i (?:beg your pardon|tell a lie|misspoke)"
    r"|what am i saying|apologies|i changed my mind(?! about)"
    r"|wrong (?:way|one|side|direction|hand|arm)|not that(?: (?:one|way|side|direction|hand|arm))?|or rather)"
)
_NO = r"(?:no|nope|nah)"
_OH = r"(?:oops|whoops|oh|ah|ach|och|uh|um|er|erm|wait|hang on|hold on|hmm|sorry|actually|well|okay|ok|but|instead|just|or)"
_ACT = (
    r"(?:turn|walk|wave|sit|stand|bow|raise|lift|lower|touch|point|step|go|rotate|spin|sidestep|strafe|shuffle|slide|move|march"
    r"|put|come|get|pivot|approach|retreat|reverse|stroll|head|back up|back off|back away)"
)
_VERB = rf"(?:{_ACT}|back|face|take|make|left|right|forwards?|backwards?|(?:the|your) (?:left|right|other)|to (?:the|your))"
_COMMAND = re.compile(rf"\b(?:{_ACT}|face|take|make|left|right)\b")
# Forbidden, under a condition, or told of others ("robots walk", "it is dangerous to walk").
_SCOPE = re.compile(
    r"\b(?:not|never|no|if|when|whenever|unless|until|till|who|which|ever"
    rf"|(?:to|i|you|he|she|we|they|robots|people|humans) {_ACT})\b"
)
_SECOND_THOUGHT = re.compile(
    rf"(?:^|[\s,.;:!?-]+)(?:{_OH}[\s,.!-]+)*"
    rf"(?:{_UNSAID}|{_SAID}|{_NO}[\s,.!]+(?:{_OH}|{_NO}|{_SAID}|{_UNSAID})|(?:wait|actually|sorry|oh)[\s,.!]+{_NO}"
    rf"|(?<=[,.;!?\-] ){_NO}(?![\s,.!]*(?:more|need|reason|matter|problem|further|faster|slower|longer|\w+ing)\b)(?! one\b)"
    rf"|(?<=\w )(?<!is )(?<!are )(?<!was )(?<!have )(?<!has )(?<!with )(?<!in )(?P<amid>{_NO})(?= {_VERB}\b|$)"
    rf"|(?<=[,.;!?\-] )(?:(?:oh|ah|uh|um|er),? )?(?:sorry|oops|whoops|actually)(?= ?,? ?(?:{_VERB}|\d+|{SPELLED})\b))"
    rf"(?:[\s,.!]+(?:{_OH}|{_NO}|{_SAID}|{_UNSAID})(?=[\s,.!]))*(?=[\s,.;:!?]|$)[\s,.;:!?-]*"
)
_DISMISSED = re.compile(  # "never mind the bow, wave"
    r"^(?:(?:never ?mind|forget|skip|scrap|cancel|ditch|scratch|abandon|leave out|no need for)(?: about)?(?: (?:it|that|this"
    r"|the \w+(?: \w+)?|\w+ing))?|drop (?:it|that)|enough \w+)(?:[,;.!]| and| but)+ (?:instead |just |rather )*(?=\w)"
)
_MARK = r"[,;!?]|\.(?!\d)"
_MEANT = re.compile(rf"{_SAID}\W*$")  # at the end of a text it says nothing: "touch it, the ball I mean"
_GOES_ON = re.compile(r"(?:and|then)\b")
_JOINT = re.compile(rf"(?:{_MARK}|\b(?:and then|and|then|after that|while)\b)(?!.*(?:{_MARK}|\b(?:and|then|after that|while)\b))")
_SIDE = re.compile(r"\b(left|right)\b")
_WAYS = (
    re.compile(r"\b(?:forwards?|ahead|straight|backwards?|back)\b"),
    re.compile(r"\b(?:up|down)\b"),
    re.compile(r"\b(?:red|green|blue)\b"),
    re.compile(r"(?:\b(?:counter|anti)-?)?\bclockwise\b|\b(?:counter|anti)clockwise\b"),
)
_BARE = frozenset(
    "left right leftwards rightwards the to your on my side hand arm way direction other one forward forwards ahead straight "
    "backward backwards back up down clockwise counterclockwise anticlockwise red green blue "
    "ball with for by of in instead it".split()
)
_BARE_NUMBER = re.compile(rf"(?:to |by |it |just |only )*(?P<number>{NUMBER}|{SPELLED})(?=$|,| and| then)")
_HEADING = re.compile(rf"(?:{NUMBER})(?=[ -])")
_COUNTED = frozenset(("once", "twice", "thrice"))
_OTHER = re.compile(r"\bother\b")


def _commands(text: str) -> bool:
    """Whether what a text ends in asks for something: its last clause has a command verb that nothing rules out."""
    clause = strip_politeness(re.split(_MARK, text)[-1])
    return _COMMAND.search(clause) is not None and _SCOPE.search(clause) is None


def corrected(text: str) -> str:
    """A normalised, expanded text without what it takes back.

    What is taken back is the command just before the words of regret ("no wait", "I mean", "scratch that"); all of the text
    where the new command has another verb, or where there is none ("turn left, oh no"). A mere side, direction, colour or
    quantity goes into the command that it mends.
    """
    text = _DISMISSED.sub("", text)
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


def corrected_by(found: Sequence[Clause]) -> str:
    """The text of clauses, mended by the first of them that has words of regret at an end; "" where none has."""
    for i, clause in enumerate(found[1:], 1):
        if (body := _regretted(clause)) is not None:
            before = _said(word for one in found[:i] for word in one.words)
            after = _said((*body, *(word for one in found[i + 1 :] for word in one.words)))
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
    joint = _JOINT.search(before)
    kept, last = (before[: joint.end()], before[joint.end() :].strip()) if joint else ("", before)
    first_clause = re.split(rf"{_MARK}|\b(?:and|then|while)\b", after)[0]
    if (bare := _BARE_NUMBER.match(after)) and (values := extract(last)[0].values):
        return f"{kept} {_recounted(last, values[-1][2], bare['number'])}{after[bare.end() :]}".strip()
    said, rest = extract(first_clause.strip())
    if not set(words(rest)) - _BARE - (set(words(extract(last)[1])) if said.values else set()):  # "three waves, no, five waves"
        return f"{kept} {_replaced(last, first_clause.strip(), said.values)}{after[len(first_clause) :]}".strip()
    if words(last)[:1] == words(after)[:1]:
        return f"{kept} {after}".strip()
    return after


def _recounted(last: str, old: str, number: str) -> str:
    """The command `last` with another number before the unit of its quantity `old`: "two metres, no, three"."""
    new = f"{number} times" if old in _COUNTED else _HEADING.sub(number, old, count=1) if _HEADING.match(old) else number
    return last.replace(old, new)


def _replaced(last: str, new: str, values: tuple[tuple[str, float, str], ...]) -> str:
    """The command `last` with the side, direction, colour and quantities of `new` for its own."""
    if _OTHER.search(new) and (side := _SIDE.search(last)):
        return _SIDE.sub("right" if side[1] == "left" else "left", last)
    done = False
    for pattern in (_SIDE, *_WAYS):
        if (told := pattern.search(new)) and pattern.search(last):
            last, done = pattern.sub(told[0], last), True
    for kind, _, said in values:
        if old := next((old for other, _, old in extract(last)[0].values if other in (kind, "number")), None):
            last, done = last.replace(old, said), True
        else:
            last = f"{last} {said}"
    return last if done else f"{last} {new}"
