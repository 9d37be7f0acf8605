"""What joins the words of a sentence -> the pieces that ask for one thing each, how they are joined, and what is ruled out."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from arbiter.routing.connectives import BREAKS, Connective, cut
from arbiter.routing.corrections import substituted
from arbiter.routing.languages.english import BETWEEN, FIRST, english
from arbiter.routing.numerals import number
from arbiter.routing.patterns import patterns
from arbiter.routing.quantities import Quantities, extract
from arbiter.routing.structure import Word
from arbiter.routing.text import strip_politeness, words
from arbiter.routing.verbs import PARTICIPLE

MAX_PIECES = 8
WEAK = ("and", "comma", "break", "runon", "together", "")  # joints that give way to an order word beside them

_NEGATORS, _STARTING, _SUBJECTS, _BOTHER = patterns("negation", "negators starting subjects bother")
_WITH_ARMS, _VERBLESS, _DETAIL, _MEASURES, _PACED, _PACING, _GAP = patterns(
    "pieces", "with_arms verbless detail measures paced pacing gap"
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an instruction that asks for one thing.

    Attributes:
        text: Normalised words without politeness.
        joint: How it follows the piece before: "then", "and" (at once if the joints allow), "list", "while", or "runon": as
            "then", but no word and no mark parts the two.
    """

    text: str
    joint: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """What is asked, and what is ruled out.

    Attributes:
        pieces: In the order to be done.
        ruled_out: What the words forbid, as given.
        both_first: Whether two of them are told to be the first, so that nobody can say which is.
    """

    pieces: tuple[Piece, ...]
    ruled_out: tuple[str, ...]
    both_first: bool = False


def parse(text: str, resolved: Callable[[list[Piece]], list[Piece]] = list) -> Parsed:
    """The pieces of a normalised, expanded text whose structure nothing but its plain connectives tell."""
    said, language = text.split(), english()
    refers = [False, *(word in ("before", "after") for word in said)]  # "after that"
    orders = [
        word in language.leading or (i and word.strip(BREAKS) in language.referring)
        for i, word in zip(refers, said, strict=False)
    ]
    return parsed(cut([Word(word, "order" if o else "other", 1.0) for word, o in zip(said, orders, strict=True)]), resolved)


def parsed(parts: Sequence[str | Connective], resolved: Callable[[list[Piece]], list[Piece]] = list) -> Parsed:
    """The pieces of a text in parts; `resolved` says what pronouns stand for."""
    segments = _segments(parts)
    both_first = sum(joint.place == FIRST for _, joint in segments) > 1
    pieces, ruled_out = _without_negated(_in_told_order(segments, Connective("comma") in parts))
    pieces = _attached(resolved([piece for piece in pieces if piece.text]))
    if pieces and any(isinstance(part, Connective) and part.kind == "together" for part in parts):
        pieces = [pieces[0], *(Piece(piece.text, "while") for piece in pieces[1:])]
    return Parsed(tuple(pieces), tuple(ruled_out), both_first)


def _segments(parts: Sequence[str | Connective]) -> list[tuple[str, Connective]]:
    """Words that nothing parts, and what joins them with those before."""
    segments: list[tuple[str, Connective]] = []
    joint, apart = Connective("then", opens=True), True
    for part in parts:
        text, before = segments[-1] if segments else ("", joint)
        if isinstance(part, str):
            if not (said := strip_politeness(part.strip(" ,"), repeats=False)):
                continue
            if not apart:
                segments[-1] = f"{text} {said}", before
            elif joint.kind == "and" and segments and not strip_politeness(f"{text} and"):
                segments[-1] = said, before  # "go and touch the ball"
            else:
                segments.append((said, joint))
            joint, apart = Connective(""), False
        elif part.behind and segments:
            segments[-1] = text, replace(before, kind="then" if before.kind in WEAK else before.kind, place=part.place)
        else:
            joint, apart = _stronger(joint, part), True
    if segments and apart and (joint.place is not None or (joint.kind == "while" and segments[1:])):
        text, before = segments[-1]  # "wave, but bow | first", "walk forward and wave as you do"
        kind = "while" if joint.kind == "while" and before.kind in WEAK else before.kind
        segments[-1] = text, replace(before, kind=kind, place=joint.place)
    return segments


def _stronger(joint: Connective, other: Connective) -> Connective:
    """What two joints beside each other come to: an order word counts, and not the mark or the "and" beside it."""
    if other.kind in WEAK and (joint.kind not in WEAK or (joint.kind == "comma" and other.kind == "and")):
        return joint
    return replace(other, opens=other.opens or joint.opens or joint.kind == "break")


def _in_told_order(segments: list[tuple[str, Connective]], listed: bool) -> list[Piece]:
    """Segments in the order to be done; `listed`: a comma is among them."""
    ordered: list[tuple[Piece, float]] = []
    held: list[tuple[Piece, float]] = []  # what stands behind a "before" in front: "before you bow and wave, turn left"
    opened = False  # whether more of that follows
    for i, (text, joint) in enumerate(segments):
        kind, place = joint.kind, joint.place
        front = segments[i - 1][1] if i else None
        if kind == "and" and listed and i > 1 and not opened:
            kind = "comma"  # the "and" that ends a list
        if front and front.place is not None and kind in WEAK:
            kind = "then"  # "walk first and wave last"
        if place is None:
            place = ordered[-1][1] if ordered and kind in ("and", "while", "runon") else BETWEEN
        opens = kind == "before" and joint.opens
        if held and (opens or kind not in ("and", "comma", "break") or (kind == "break" and not opened)):
            ordered, held, opened = [*ordered, *held], [], False
        first = opened and kind in ("comma", "break")  # what is done before `held`
        opened = opens or (opened and kind == "and")
        told = "then" if first else {"comma": "list", "before": "then", "after": "then"}.get(kind, kind)
        piece = Piece(text, told)
        if opened:
            held.append((piece, place))
        elif kind == "after" and ordered and not joint.opens:
            previous, before = ordered.pop()
            ordered += [(replace(piece, joint=previous.joint), place), (replace(previous, joint="then"), before)]
        elif (
            front and front.kind == "after" and not front.opens and kind in ("and", "comma") and _alike(segments[i - 1][0], text)
        ):
            ordered.insert(len(ordered) - 1, (replace(piece, joint="then"), place))  # "sit down after bowing and waving"
        elif front and front.opens and kind == "comma" and front.kind == "while":
            ordered.append((replace(piece, joint="while"), place))
        else:
            ordered.append((piece, place))
    ordered = _second_behind([*ordered, *held])
    order = sorted(range(len(ordered)), key=lambda i: ordered[i][1])
    moved = {i for before, i in zip([-1, *order], order, strict=False) if i != before + 1 or not i}
    return [replace(ordered[i][0], joint="then") if i in moved else ordered[i][0] for i in order]


def _alike(text: str, other: str) -> bool:
    """Whether two deeds stand in the same form, which is no order: "bowing" and "waving", "bowed" and "turned"."""
    first = [text.split()[0], other.split()[0]]
    return all(map(PARTICIPLE.fullmatch, first)) or all(word.endswith("ed") for word in first)


def _second_behind(ordered: list[tuple[Piece, float]]) -> list[tuple[Piece, float]]:
    """Pieces with their places, the first one's where only the second is told: "walk, and the turn comes second"."""
    places = [place for _, place in ordered]
    if FIRST in places or FIRST + 1 not in places or BETWEEN not in places:
        return ordered
    first = places.index(BETWEEN)
    return [(piece, FIRST if i == first else place) for i, (piece, place) in enumerate(ordered)]


def negates(text: str) -> bool:
    """Whether a clause has a word that rules something out."""
    return _NEGATORS.search(text) is not None


def without_negation(text: str) -> str:
    """The command that a negated clause rules out: "do not walk" -> "walk", "never start to wave" -> "wave"."""
    return _STARTING.sub("", strip_politeness(_NEGATORS.sub("", text, count=1)))


def _all(pattern: re.Pattern[str], text: str) -> bool:
    """Whether each word of a text is one of a pattern."""
    return all(map(pattern.fullmatch, words(text)))


def _without_negated(pieces: list[Piece]) -> tuple[list[Piece], list[str]]:
    kept: list[Piece] = []
    ruled_out: list[str] = []
    negating = False
    for piece in pieces:
        negating = negating and piece.joint == "and"
        text = strip_politeness(piece.text, repeats=False)
        if negating:
            ruled_out.append(text)
            continue
        if match := _NEGATORS.search(text):
            before = text[: match.start()].strip()
            ruled_out.append(text[match.start() :])
            negating = True
            subject, bare = _all(_SUBJECTS, before), not words(text[match.end() :])  # bare: "take a bow, cannot"
            if subject and _all(_BOTHER, text[match.end() :]):
                kept.clear()  # "turn left, actually don't" takes back all of it
            none = bare or subject or before.endswith(" or")
            text = "" if none else strip_politeness(f"{before}{_lasting(text[match.end() :])}", repeats=False)
        kept.append(Piece(text, "list" if piece.joint == "break" else piece.joint))
    return kept, ruled_out


def _lasting(text: str) -> str:
    """How long what is asked for lasts, where it stands behind what is not: "stand there without moving for a minute"."""
    return next((f" for {said.removeprefix('for ')}" for kind, _, said in extract(text)[0].values if kind == "duration"), "")


def _gapped(before: str, said: Quantities, rest: str) -> bool:
    """Whether words give another side and quantity for those of the command before them: "wave left twice, right twice"."""
    first = extract(before)[0]
    kinds = {kind for kind, *_ in said.values}
    ways = (first.sides and said.sides) or (said.directions and not said.sides and kinds == {"number"})
    bare = set(words(rest)) <= english().bare_side | english().particles
    return bool(ways and bare and kinds and first.values and kinds <= {"number", *(kind for kind, *_ in first.values)})


def _pacing(text: str) -> str:
    """The pace, where words only tell that: "take it slowly"; else ""."""
    said, rest = extract(text)
    return said.manner if _PACING.match(text) and not said.values and _all(_PACED, rest) else ""


def _attached(pieces: Sequence[Piece]) -> list[Piece]:
    """Pieces of which one without a verb is of the command beside it: "walk forward, two metres", "with your left hand, wave".

    "Walk forward with your arms up" asks for two things at once.
    """
    joined: list[Piece] = []
    for piece in pieces:
        text, before = piece.text, joined[-1] if joined else Piece("", "")
        if gap := _GAP.match(text):
            text = f"{number(gap['number']):g} {gap['way']}"  # "walk two metres forward and one back"
        said, rest = extract(text)
        listed = piece.joint == "list" and bool(joined)
        if joined and _gapped(before.text, said, rest):
            joined.append(replace(piece, text=substituted(before.text, text)))
        elif joined and (((said.values or said.little) and _all(_MEASURES, rest)) or (said.pace and _all(_PACED, rest))):
            joined[-1] = replace(before, text=f"{before.text} {text.removeprefix('say ')}")
        elif listed and _DETAIL.match(text) and not extract(before.text)[0].sides:
            link = "with your " if text.split()[0] in ("left", "right") and "clock" not in text else ""
            joined[-1] = replace(before, text=f"{before.text} {link}{text.removeprefix('going ')}")
        elif joined and piece.joint in ("and", "list") and (pace := _pacing(before.text)):
            joined[-1] = replace(before, text=f"{text} {pace}")
        elif listed and _VERBLESS.match(before.text):
            link = "" if before.text.split()[0] in english().prepositions else "with your "
            joined[-1] = replace(before, text=f"{text} {link}{before.text}")
        elif match := _WITH_ARMS.search(text):
            joined += [replace(piece, text=text[: match.start()])] * bool(match.start())
            joined.append(Piece(f"hold your {match['what']}", "while"))
        else:
            joined.append(piece)
    return joined
