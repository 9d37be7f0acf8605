"""Self-corrections: "turn left, no wait, turn right" asks for the right turn only."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence, Set
from statistics import fmean

from arbiter.routing.languages.english import english
from arbiter.routing.numerals import NUMBER_WORDS
from arbiter.routing.patterns import patterns
from arbiter.routing.quantities import COLOURS, extract
from arbiter.routing.structure import Clause, Word
from arbiter.routing.text import words
from arbiter.routing.verbs import base_forms

LIKELY, APART = 0.6, 0.5  # mean probability of words of regret amid others, and of a clause of nothing else
UNTOLD = 0.8  # the same where the next command follows at once
RETRACTED = 0.6  # probability from which a clause is taken back, though no words of regret tell it
FEW = 4  # words that replace others of a command
_DISMISSED, _MEANT, _MARK, _BREAK, _GOES_ON, _RULES_OUT, _JOINT, _TOLD_LAST = patterns(
    "corrections", "dismissed meant mark break goes_on rules_out joint told_last"
)
_SIDE, *_WAYS = patterns("mendable", "side forward up clockwise")
_COLOUR = re.compile(rf"\b(?:{'|'.join(COLOURS)})\b")
_DENIED = re.compile(r"\bnot (?:the |that )?(\w+)")
_THING = re.compile(r"\b(?:your|the) (?:\w+ )?(?!left$|right$)\w+$")
_IT = re.compile(r"(?<=\w )(?<!\bdo )(?<!\bmake )(?:it|them)\b(?=(?: up| down)?(?:$|[,.;!?]| and\b| then\b))")
_BARE, _BARE_NUMBER, _HEADING, _COUNTED, _OTHER = patterns("mended", "bare number heading counted other")
_ENDS = " ,.;:!?-"
_TRAILING = re.compile(rf"(?:\b\d+(?:\.\d+)?|(?:\b(?:{'|'.join(NUMBER_WORDS - {'a', 'an'})})\b ?)+)$")


def corrected(found: Sequence[Clause], verbs: Set[str]) -> str | None:
    """The text of clauses without what it takes back first; None where it takes back nothing, "" where nothing is left.

    What is taken back is the command just before the words of regret ("no wait", "I mean", "scratch that"); all of the text
    where the new command has another verb, or where there is none ("turn left, oh no"). A mere side, direction, colour or
    quantity goes into the command that it mends; behind a mere halt ("wave left, er, right hand") only such words do.

    Args:
        verbs: That commands of the skills begin with.
    """
    told = [(i, word) for i, clause in enumerate(found) for word in clause.words]
    halts = [word.role == "correction" or word.text.strip(_ENDS) in english().halts for _, word in told]
    for k, ((_, before), (_, word)) in enumerate(itertools.pairwise(told)):
        halts[k + 1] |= before.role == "correction" and word.role == "frame"  # "i | mean"
    for halted, run in itertools.groupby(range(len(told)), key=halts.__getitem__):
        places = [*run]
        regrets = [word for _, word in (told[k] for k in places) if word.role == "correction"]
        apart = all(word.role in ("correction", "frame") for word in found[told[places[0]][0]].words)
        least = APART if apart else LIKELY
        sure = bool(regrets) and fmean(word.certainty for word in regrets) >= least and not _fillers(regrets)
        if halted and (text := _without(found, told, (places[0], places[-1] + 1), sure, verbs)) is not None:
            return text
    return _unsaid(found, verbs)


def _once_regretted(told: Sequence[tuple[int, Word]]) -> Iterator[Word]:
    """Words without those of regret that end the first clause: "er, the left I should say"."""
    first = [word for i, word in told if i == told[0][0]]
    regrets = len([*itertools.takewhile(lambda word: word.role == "correction", reversed(first))])
    keep = len(first) - regrets * (0 < regrets < len(first))
    return (word for k, (_, word) in enumerate(told) if not keep <= k < len(first))


def undismissed(text: str) -> str:
    """A text without what it dismisses before a command: "never mind the bow, wave"."""
    return _DISMISSED.sub("", text)


def _fillers(told: Iterable[Word]) -> bool:
    return set(words(_said(told))) <= english().fillers


def _without(
    found: Sequence[Clause], told: Sequence[tuple[int, Word]], run: tuple[int, int], sure: bool, verbs: Set[str]
) -> str | None:
    """The text without what a run of words takes back, surely or if what follows contradicts it; None for nothing."""
    (begin, end), here = run, next((i for i, word in told[slice(*run)] if word.role == "correction"), told[run[0]][0])
    before = [word for _, word in told[:begin]]
    after = [*itertools.dropwhile(lambda word: word.role == "frame", _once_regretted(told[end:]))]
    mine = [word for i, word in told[:begin] if i == here]
    if sure and mine and (end == len(told) or told[end][0] != here):  # at the end of its clause
        if (
            here
            and not _said(mine).startswith("not ")
            and (found[here - 1].kind == "retracted" or _contradicts(_last(found[here - 1].text)[1], _said(mine)))
        ):
            before, after = before[: -len(mine)], [*mine, *after]  # "er, sit down I should say"
        elif words(_said(after)) or _MEANT.search(_said(word for _, word in told[begin:end])):
            return _said([*before, *after])  # "touch it, the one I mean"
    if not words(_said(before)):
        idle = english().function | english().halts | english().limits | english().exclamations
        lead = told[end - 1][1].text.endswith(tuple(",.;:!?")) or idle.issuperset(words(_said(word for _, word in told[:end])))
        return _said(after) if sure and lead and words(_said(after)) else None  # "no wait, turn right"
    if not (sure or words(_said(after))):
        return None
    text = _said(after)
    then = _GOES_ON.match(text)
    text = text[then.end() :].strip() if then else text  # "turn right, sorry, then turn left"
    said, first, regret = _said(before).rstrip(_ENDS), _BREAK.split(text)[0], _said(word for _, word in told[begin:end])
    kept, last = _last(said)
    if sure and (other := _OTHER.search(regret)) and not words(text):
        text = regret[other.start() :]  # "sorry, the other way"
    halt = [word for _, word in told[begin:end] if word.role == "correction"]
    all_of_it = here > 1 and all(clause.kind == "retracted" for clause in found[:here]) and not verbs.isdisjoint(words(first))
    if sure and all_of_it and (len(found) > here + 1 or words(last)[:1] != words(text)[:1]):
        return text  # "bow then wave, no, wave then bow"
    if _RULES_OUT.search(regret) and words(text):
        text = f"not {text}"  # "sorry, not wave, bow", "no, instead of waving bow"
    if sure and verbs & set(words(regret)) & set(words(last)) and words(text):
        return f"{kept} {text}".strip()  # "then wave, sorry, not wave, bow"
    if sure and then and kept and not verbs.isdisjoint(words(first)):
        return f"{kept} {text}"  # "bow then stand, no, then sit down"
    if sure or ((_mere(first, verbs) or not _fillers(halt)) and _contradicts(last, first)):
        return _mended(said, text, verbs) if words(text) else ""
    return None


def _unsaid(found: Sequence[Clause], verbs: Set[str]) -> str | None:
    """The text without the first clause that is surely retracted, by those behind it, though no words of regret tell it."""
    k = next((k for k, clause in enumerate(found) if clause.kind == "retracted" and clause.certainty >= RETRACTED), None)
    if k is None:
        k = next((k - 1 for k, clause in enumerate(found) if k and _denies(clause, found[k - 1])), None)
    if k is None:
        return None
    if (anew := _denied(found, k, verbs)) is not None:
        return anew
    after = next((i for i in range(k + 1, len(found)) if found[i].kind in ("command", "follow-up")), None)
    if after is None:
        return ""
    halts = {found[k].words[-1].text.strip(_ENDS), found[after].words[0].text.strip(_ENDS)} & english().halts
    unlike = halts and not _contradicts(found[k].text, found[after].text)
    if found[k].words[-1].text.strip(_ENDS) in english().determiners | english().prepositions:
        return None  # "go to the, er, red ball"
    filled = found[after].words[0].text.strip(_ENDS) in english().fillers and not verbs.isdisjoint(words(found[after].text))
    if after == k + 1 and (unlike or filled or found[k].certainty < UNTOLD):
        return None  # "turn left, um, turn right", "walk forward, er, bow"
    behind = _all(found[after:])
    if verbs.isdisjoint(words(behind)) and not _contradicts(found[k].text, behind):
        return None  # "go to the red ball, yeah, the red one"
    return _mended(_all(found[: k + 1]).rstrip(_ENDS), behind, verbs)


def _denied(found: Sequence[Clause], k: int, verbs: Set[str]) -> str | None:
    """The text with what stands behind a denial for the clause that it denies; None where none follows clause `k`."""
    behind = _all(found[k + 1 :])
    if k + 2 < len(found) and found[k + 1].kind == "negated":
        behind = _all(found[k + 2 :])  # "wave, sorry, not wave, bow"
    elif (denied := _DENIED.match(behind)) and _of(denied[1], found[k].text):
        behind = behind[denied.end() :].lstrip(f"{_ENDS}-")  # "touch the blue, not the blue, the red ball"
    else:
        return None
    return _anew(_all(found[: k + 1]).rstrip(_ENDS), behind, verbs)


def _denies(clause: Clause, before: Clause) -> bool:
    """Whether a clause only rules out the one before it, "no, don't", or a word of it: "to the left, not left, to the right"."""
    said = [word.text.strip(_ENDS) for word in clause.words if word.role not in ("negation", "frame", "correction")]
    named = [word for word in said if word not in english().determiners]
    return clause.kind == "negated" and len(named) < 2 and all(_of(word, before.text) for word in named)


def _of(word: str, command: str) -> bool:
    """Whether a word is one of a command, in whatever form: "sitting" of "sit down"."""
    return not {word, *base_forms(word)}.isdisjoint(words(command))


def _said(told: Iterable[Word]) -> str:
    return " ".join(word.text for word in told)


def _all(found: Sequence[Clause]) -> str:
    return _said(word for clause in found for word in clause.words)


def _mere(what: str, verbs: Set[str]) -> bool:
    """Whether words are but a few and no command."""
    said = words(what)
    return 0 < len(said) <= FEW and verbs.isdisjoint(said)


def _contradicts(last: str, what: str) -> bool:
    """Whether words name another side, colour, direction or quantity of the same kind than a command."""
    what = _DENIED.sub("", what)
    for pattern in (_SIDE, _COLOUR, *_WAYS):
        if (old := pattern.search(last)) and (new := pattern.search(what)):
            return old[0] != new[0]
    was, told = extract(last)[0], extract(what)[0]
    if was.pace and told.pace and was.pace != told.pace:
        return True
    values = {kind for kind, *_ in was.values}
    return bool(values and (_BARE_NUMBER.match(what) or values & {kind for kind, *_ in told.values}))


def _last(text: str) -> tuple[str, str]:
    """What stands before the last command of a text, and that command."""
    joint = _JOINT.search(text)
    return (text[: joint.end()], text[joint.end() :].strip()) if joint else ("", text)


def _mended(before: str, after: str, verbs: Set[str]) -> str:
    after = undismissed(after)
    kept, last = _last(before)
    parts = [*filter(None, (part.strip() for part in _MARK.split(after)))]
    if (told_last := _TOLD_LAST.match(parts[0] if parts else "")) is not None:
        after = after.replace(parts[0], told_last["what"], 1)  # "no, twice is plenty"
    anew = next((part for part in parts[1:] if words(part)[:1] == words(last)[:1] or _contradicts(last, part)), None)
    if anew is not None and verbs.isdisjoint(words(parts[0])):
        after = after[after.index(anew) :]  # "point left, oh no it's on the right, point right"
    first_clause = _BREAK.split(after)[0]
    if (denied := _DENIED.match(after)) and _of(denied[1], last) and words(after[denied.end() :]):
        return _anew(before, after[denied.end() :].lstrip(" ,.;:!?-"), verbs)  # "bow, then wave, no, not wave, turn"
    numberless = last[: -len(number[0])] if (number := _TRAILING.search(last)) else ""
    if numberless and _TRAILING.match(first_clause.split(" ")[0]):
        return f"{kept} {numberless}{after}".strip()  # "turn thirty, no, forty degrees to the right"
    if (bare := _BARE_NUMBER.match(after)) and (values := extract(last)[0].values):
        return f"{kept} {_recounted(last, values[-1][2], bare['number'])}{after[bare.end() :]}".strip()
    said, rest = extract(first_clause.strip())
    own = {*COLOURS, *(words(extract(last)[1]) if said.values else words(last)[1:])}  # "three waves, no, five waves"
    bare = all(word in own or _BARE.fullmatch(word) for word in words(rest))
    if bare or (_mere(first_clause, verbs) and _contradicts(last, first_clause)):
        return f"{kept} {substituted(last, first_clause.strip())}{after[len(first_clause.rstrip()) :]}".strip()
    if words(last)[:1] == words(after)[:1]:
        return f"{kept} {after}".strip()
    thing = _THING.search(last)
    if thing and len(words(after)) == 1:
        return f"{after.rstrip(_ENDS)} {thing[0]}"  # "raise your arms, I meant lower"
    return _IT.sub(thing[0], after, count=1) if thing else after  # "walk to the blue ball, no, touch it"


def _anew(before: str, after: str, verbs: Set[str]) -> str:
    """A text with another command for its last one, or, where `after` begins as it does, all of it said anew."""
    if verbs.isdisjoint(words(_BREAK.split(after)[0])):
        return _mended(before, after, verbs)  # "touch the blue, not the blue, the red ball"
    kept, _ = _last(before)
    return after if words(kept)[:2] == words(after)[:2] else f"{kept} {after}".strip()


def _recounted(last: str, old: str, number: str) -> str:
    """The command `last` with another number before the unit of its quantity `old`: "two metres, no, three"."""
    new = f"{number} times" if _COUNTED.fullmatch(old) else _HEADING.sub(number, old, count=1) if _HEADING.match(old) else number
    return last.replace(old, new)


def substituted(last: str, new: str) -> str:
    """The command `last` with the side, direction, colour, quantities and pace of `new` for its own."""
    if _OTHER.search(new) and (side := _SIDE.search(last)):
        return _SIDE.sub("right" if side[1] == "left" else "left", last)
    done = False
    for pattern in (_SIDE, _COLOUR, *_WAYS):
        if (told := pattern.search(new)) and (old := pattern.search(last)):
            said = new[told.start() :] if old.end() == len(last) else told[0]  # "the red, no, green ball"
            last, done = pattern.sub(said, last), True
    was, now = extract(last)[0], extract(new)[0]
    if was.pace and now.pace:
        last, done = last.replace(was.manner, now.manner), True
    for kind, _, said in now.values:
        if kind == "number" and was.values:
            last, done = _recounted(last, was.values[-1][2], said), True
        elif old := next((old for other, _, old in extract(last)[0].values if other in (kind, "number")), None):
            last, done = last.replace(old, said, 1), True
        else:
            last, done = f"{last} {said}", True
    side = _SIDE.search(new)
    if done and side and not _SIDE.search(last):
        last = f"{last} {side[0]}"
    return last if done else f"{last} {new}"
