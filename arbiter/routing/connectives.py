"""Words of a clause -> what stands between the words that join, and what those mean: then, before, while, first, a comma."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from arbiter.routing.languages.english import EARLIER, english
from arbiter.routing.patterns import patterns
from arbiter.routing.structure import CLEAR, SURE, WHOLLY, Word

BREAKS = ",.;:!?"
_JOINTS, _TOGETHER, _MEANWHILE = patterns("connectives", "joints together meanwhile")


@dataclass(frozen=True, slots=True)
class Connective:
    """What joins the words behind it with those before it.

    Attributes:
        kind: "then", "before", "after", "while", "together", "and", "comma", "break" or "runon"; "" where nothing joins them.
        place: Of `English.places`, the place in the plan that it tells; None for none.
        behind: Whether it tells of the words before it: "wave first".
        opens: Whether it begins a part of its own: "and before you bow, wave".
    """

    kind: str
    place: float | None = None
    behind: bool = False
    opens: bool = False


def parted(said: str) -> Iterator[str | Connective]:
    """A text, parted where a mark or a word is that joins whatever stands beside it."""
    position = 0
    for match in _JOINTS.finditer(said):
        yield said[position : match.start()]
        yield Connective(match.lastgroup or "")
        position = match.end()
    yield said[position:]


def cut(clause: Sequence[Word]) -> list[str | Connective]:
    """A clause, cut at its order words, and at what joins by itself."""
    found: list[str | Connective] = []
    words, end, language = _ordered(clause), 0, english()
    for role, group in itertools.groupby(words, key=lambda word: word.role):
        run = list(group)
        end += len(run)
        first = end == len(run)
        if role in ("together", "while"):
            found += [Connective(role), *_marks(run)]
            continue
        likely = WHOLLY if (first or run[1:]) and language.ordering.intersection(_said(run)) else SURE
        if role != "order" or fmean(word.certainty for word in run) < likely:
            found += parted(" ".join(word.text for word in run))
            continue
        for part, last in _parts(run):
            after = words[end].text if last and end < len(words) else ""
            found += [_joint(part, after, first), *_marks(part)]
            first = False
    return [one for one in found if isinstance(one, Connective) or one.strip(" ,")]


def _marks(run: Sequence[Word]) -> list[Connective]:
    """What the mark behind words is."""
    return [Connective("comma" if run[-1].text[-1] == "," else "break")] * run[-1].text.endswith(tuple(BREAKS))


def _ordered(clause: Sequence[Word]) -> list[Word]:
    """A clause whose words are for the order, "order" or "together", or not, "other".

    Of the order are, too, one in front that tells a place before such a word, "begin with", what stands amid such words if it is
    not clearly something else, and a "you are" behind one.
    """
    language = english()
    words = [replace(word, role="order" if word.role == "order" else "other") for word in clause]
    for i, (word, after) in enumerate(itertools.pairwise(words)):
        leads = word.certainty < CLEAR or after.text in language.prepositions
        if word.role != "order" and not (after.role == "order" and leads and _place([word.text]) is not None):
            break
        words[i] = replace(word, role="order")
    for i, (before, word) in enumerate(itertools.pairwise(words), 1):
        if before.role == "order" and word.text.rstrip(BREAKS) in language.placed:
            words[i] = replace(word, role="order")  # "as the last thing, sit down"
    for pattern, role in ((_TOGETHER, "together"), (_MEANWHILE, "while")):
        for match in pattern.finditer(" ".join(word.text for word in words)):
            for i in range(match.string[: match.start()].count(" "), match.string[: match.end()].count(" ") + 1):
                words[i] = replace(words[i], role=role)
    for i, (word, after) in enumerate(itertools.pairwise(words)):
        if word.text == "then" or (word.text == "not" and after.text in language.earlier - language.particles):
            words[i : i + 2] = (
                replace(word, role="order", certainty=1.0),
                replace(after, role="order" if word.text == "not" else after.role),
            )
    bound = language.determiners | (language.function - language.subject)  # "have a seat", "you should"
    for i, (before, word, after) in enumerate(zip(words, words[1:], [*words[2:], None], strict=False), 1):
        if words[i - 1].role not in ("order", "while"):
            continue
        amid = after is not None and after.role == "order" and (word.certainty < CLEAR or word.text in language.determiners)
        addressed = word.text == "you" or (word.text in language.subject and before.text in language.subject)
        if amid or (addressed and not (after and after.text in bound)):
            words[i] = replace(word, role=words[i - 1].role, certainty=max(before.certainty, after.certainty if amid else 0.0))
    runs = [[*run] for _, run in itertools.groupby(words, key=lambda word: word.role)]
    for i, run in enumerate(runs):
        if run[0].role == "order" and (
            {*_said(run)} <= language.conjunctions or (i and not language.ordering.intersection(_said(run)))
        ):
            runs[i] = [replace(word, role="other") for word in run]
    return [*itertools.chain.from_iterable(runs)]


def _said(run: Sequence[Word]) -> list[str]:
    return [word.text.rstrip(BREAKS) for word in run]


def _parts(run: Sequence[Word]) -> Iterator[tuple[list[Word], bool]]:
    """The parts of a run of order words that each mean something, and whether it is the last: "first | and then"."""
    parts: list[list[Word]] = [[]]
    joining = english().conjunctions | {"not"}
    starts = joining | english().leading
    for word in run:
        before = parts[-1]
        if before and (before[-1].text.endswith(tuple(BREAKS)) or (word.text in starts and not {*_said(before)} <= joining)):
            parts.append([])
        parts[-1].append(word)
    return ((part, part is parts[-1]) for part in parts)


def _place(said: Sequence[str]) -> int | None:
    """The place that words tell; None for none."""
    if "then" in said:
        return None
    return next((place for place, names in enumerate(english().places) if names.intersection(said)), None)


def _joint(run: Sequence[Word], after: str, first: bool) -> Connective:
    """What a part of a run of order words means.

    Args:
        after: The word behind it; "" where none is.
        first: Whether it begins its clause.
    """
    language, said = english(), _said(run)
    told = {*said}
    opens = said[0] in ("and", "then")
    alone = not after or run[-1].text.endswith(tuple(BREAKS))
    place, deed = _place(said), after.endswith("ing") or after in language.determiners  # "bowing", "the bow"
    if "together" in told:
        kind = "together"
    elif told & language.earlier and "not" in told:
        kind = "after"  # "but not before you have bowed"
    elif told & language.earlier:
        kind, place = ("then", EARLIER) if alone or told & language.referring else ("before", None)
    elif place is not None:
        kind = "then"
    elif "soon" not in told and (told & language.at_once or said == ["with"]):
        kind = "while"
    elif alone or told & language.referring or not told & language.afterwards or (told & language.done and not deed):
        kind = "then"
    else:
        kind = "after"
    owned = bool(told & language.possessives)  # "come back to your start"
    return Connective(kind, place, kind == "then" and alone and not (first or opens or owned), opens)
